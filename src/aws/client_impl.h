// The client's working parts. Internal to this room.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "aws/client.h"
#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/exchange.h"
#include "aws/retry.h"

namespace leeward::aws {

class ClientImpl : public Client {
 public:
  ClientImpl(const Ports& ports, Settings settings, SharedConfig config, Section profile);

  base::Result<shapes::Value> Call(std::string_view service, std::string_view operation,
                                   const shapes::Value& input, const CallOptions& options) override;
  base::Result<shapes::Value> Paginate(std::string_view service, std::string_view operation,
                                       const shapes::Value& input,
                                       const CallOptions& options) override;
  base::Result<shapes::Value> WaitUntil(std::string_view service, std::string_view waiter,
                                        const shapes::Value& input, const CallOptions& options,
                                        const WaitOptions& wait) override;
  base::Result<std::string> Presign(std::string_view service, std::string_view operation,
                                    const shapes::Value& input, const CallOptions& options,
                                    base::Duration valid_for) override;
  base::Result<std::string> EndpointFor(std::string_view service,
                                        const CallOptions& options) const override;
  std::string_view region() const override { return region_; }
  base::Status CheckCredentials() override;

 private:
  // A call that is ready to be attempted.
  struct Prepared {
    const shapes::Model* model = nullptr;
    const shapes::Operation* operation = nullptr;
    WireRequest wire;
    Secrets secrets;
    Endpoint endpoint;
    std::string what;  // "rds PromoteReadReplica in us-west-2", for messages
  };

  base::Result<Prepared> Prepare(std::string_view service, std::string_view operation,
                                 const shapes::Value& input, const CallOptions& options);
  base::Result<Endpoint> Resolve(const shapes::Model& model, const shapes::Operation* operation,
                                 const CallOptions& options) const;
  base::Result<std::optional<Credentials>> Signer(const Prepared& prepared,
                                                  base::MonotonicTime until);
  base::Result<Outcome> TryOnce(const Prepared& prepared, const CallOptions& options,
                                base::MonotonicTime until);
  base::Result<shapes::Value> TryUntil(const Prepared& prepared, const CallOptions& options);
  base::Duration NextBackoff(int retry, RetryReason reason);

  const Ports ports_;
  const Settings settings_;
  const SharedConfig config_;
  const Section profile_;
  const std::string region_;
  CredentialsProvider credentials_;
  RetryTokens tokens_;
  std::mutex random_mutex_;
};

}  // namespace leeward::aws
