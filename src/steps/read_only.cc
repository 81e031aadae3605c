#include "steps/read_only.h"

#include <algorithm>
#include <array>

namespace leeward::steps {
namespace {

constexpr std::array<std::string_view, 4> kReadingVerbs = {"Describe", "List", "Get", "BatchGet"};

base::Error WouldChange(std::string_view service, std::string_view operation) {
  return base::Refused("a dry run does not call " + std::string(service) + " " +
                       std::string(operation));
}

}  // namespace

bool OnlyReads(std::string_view operation) {
  return std::any_of(kReadingVerbs.begin(), kReadingVerbs.end(),
                     [&](std::string_view verb) { return operation.starts_with(verb); });
}

base::Result<shapes::Value> ReadOnlyAws::Call(std::string_view service, std::string_view operation,
                                              const shapes::Value& input,
                                              const aws::CallOptions& options) {
  if (!OnlyReads(operation)) return WouldChange(service, operation);
  return inner_.Call(service, operation, input, options);
}

base::Result<shapes::Value> ReadOnlyAws::Paginate(std::string_view service,
                                                  std::string_view operation,
                                                  const shapes::Value& input,
                                                  const aws::CallOptions& options) {
  if (!OnlyReads(operation)) return WouldChange(service, operation);
  return inner_.Paginate(service, operation, input, options);
}

base::Result<shapes::Value> ReadOnlyAws::WaitUntil(std::string_view service,
                                                   std::string_view waiter, const shapes::Value&,
                                                   const aws::CallOptions&,
                                                   const aws::WaitOptions&) {
  return base::Refused("a dry run does not wait for " + std::string(service) + " " +
                       std::string(waiter));
}

// A signed URL can be used by whoever has it, so none is made.
base::Result<std::string> ReadOnlyAws::Presign(std::string_view service, std::string_view operation,
                                               const shapes::Value&, const aws::CallOptions&,
                                               base::Duration) {
  return WouldChange(service, operation);
}

base::Result<std::uint64_t> ReadOnlyStore::Put(std::string_view key, std::string_view value,
                                               std::uint64_t, base::MonotonicTime) {
  refused_ = std::string(value);
  return base::Refused("a dry run does not write " + std::string(key));
}

base::Status ReadOnlyStore::Remove(std::string_view key, std::uint64_t, base::MonotonicTime) {
  return base::Refused("a dry run does not remove " + std::string(key));
}

}  // namespace leeward::steps
