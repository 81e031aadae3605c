// Credentials in the order every SDK looks for them, kept and refreshed before they expire.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "aws/client.h"
#include "aws/config.h"
#include "aws/sigv4.h"

namespace leeward::aws {

// What a source may look at.
struct SourceContext {
  const Ports* ports = nullptr;
  const Settings* settings = nullptr;
  const SharedConfig* config = nullptr;
  std::string region;                        // for STS; may be empty
  std::optional<base::MonotonicTime> until;  // no exchange goes on past this
};

// `limits` cut to the time that is left; kUnreachable when none is.
base::Result<ports::HttpLimits> WithinTime(const SourceContext& context, ports::HttpLimits limits);

// Absent: this source is not set up, the next may be. An Error: it is set up and does not work, so
// the search ends there.
using Found = base::Result<std::optional<Credentials>>;
Found FromEnvironment(const SourceContext& context);
Found FromProfile(const SourceContext& context,
                  const std::string& profile);  // static keys, roles, web identity
Found FromWebIdentity(const SourceContext& context,
                      const Section& section);  // section may be empty: variables
Found FromContainer(const SourceContext& context);
Found FromInstanceMetadata(const SourceContext& context);

// STS without retries beyond one; `signer` absent: unsigned.
base::Result<Credentials> AssumeThroughSts(const SourceContext& context,
                                           const std::string& operation, const shapes::Value& input,
                                           const std::optional<Credentials>& signer);
// {"AccessKeyId", "SecretAccessKey", "Token"|"SessionToken", "Expiration"} as metadata services
// answer.
base::Result<Credentials> CredentialsFromJson(const std::string& json, std::string_view source);

class CredentialsProvider {
 public:
  // Everything in `context` outlives this.
  explicit CredentialsProvider(SourceContext context) : context_(std::move(context)) {}

  // Valid credentials. Safe from several threads; one of them refreshes, and while the old ones
  // hold the others do not wait for it. Temporary ones are fetched from STS in `region`: the Region
  // that is called, so that none of this depends on another one. kDenied in one line when there are
  // none.
  base::Result<Credentials> Get(const std::string& region,
                                std::optional<base::MonotonicTime> until);

 private:
  enum class Age { kNone, kFading, kFresh };
  Age AgeOfCurrent() const;  // under state_mutex_
  // The answer that is at hand; none when a search is due. Under state_mutex_.
  std::optional<base::Result<Credentials>> AtHand(const std::string& region) const;
  Found Search(const SourceContext& context) const;
  base::Result<Credentials> Refresh(const std::string& region,
                                    std::optional<base::MonotonicTime> until);

  const SourceContext context_;
  std::mutex refresh_mutex_;  // held over a search; taken before state_mutex_
  std::mutex state_mutex_;
  std::optional<Credentials> current_;
  std::optional<base::Error> failure_;
  std::string failed_region_;
  base::MonotonicTime failed_at_;
};

}  // namespace leeward::aws
