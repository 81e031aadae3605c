// Read-only sides of what steps work with: whatever a dry run does with them, nothing is changed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/client.h"
#include "ports/shared_store.h"

namespace leeward::steps {

// Whether AWS's operation only reads: by the verbs that AWS keeps for that.
bool OnlyReads(std::string_view operation);

// Lets through what only reads; everything else is kRefused by name and nothing is sent.
class ReadOnlyAws : public aws::Client {
 public:
  explicit ReadOnlyAws(aws::Client& inner) : inner_(inner) {}

  base::Result<shapes::Value> Call(std::string_view service, std::string_view operation,
                                   const shapes::Value& input,
                                   const aws::CallOptions& options) override;
  base::Result<shapes::Value> Paginate(std::string_view service, std::string_view operation,
                                       const shapes::Value& input,
                                       const aws::CallOptions& options) override;
  base::Result<shapes::Value> WaitUntil(std::string_view service, std::string_view waiter,
                                        const shapes::Value& input, const aws::CallOptions& options,
                                        const aws::WaitOptions& wait) override;
  base::Result<std::string> Presign(std::string_view service, std::string_view operation,
                                    const shapes::Value& input, const aws::CallOptions& options,
                                    base::Duration valid_for) override;
  base::Result<std::string> EndpointFor(std::string_view service,
                                        const aws::CallOptions& options) const override {
    return inner_.EndpointFor(service, options);
  }
  std::string_view region() const override { return inner_.region(); }
  base::Status CheckCredentials() override { return inner_.CheckCredentials(); }

 private:
  aws::Client& inner_;
};

// Lets reads through. A write is kRefused, and what would have been written is kept to be looked
// at.
class ReadOnlyStore : public ports::SharedStore {
 public:
  explicit ReadOnlyStore(std::unique_ptr<ports::SharedStore> inner) : inner_(std::move(inner)) {}

  base::Result<std::optional<ports::SharedEntry>> Get(std::string_view key,
                                                      base::MonotonicTime deadline) override {
    return inner_->Get(key, deadline);
  }
  base::Result<std::vector<ports::SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                                     base::MonotonicTime deadline) override {
    return inner_->List(prefix, limit, deadline);
  }
  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, base::MonotonicTime deadline) override;
  base::Status Remove(std::string_view key, std::uint64_t expected,
                      base::MonotonicTime deadline) override;

  // The value of the newest Put that was refused.
  const std::optional<std::string>& refused() const { return refused_; }

 private:
  const std::unique_ptr<ports::SharedStore> inner_;
  std::optional<std::string> refused_;
};

}  // namespace leeward::steps
