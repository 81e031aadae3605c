#include "store/limits.h"

#include <string>

namespace leeward::store {

base::Status CheckEntry(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > kMaxKey) {
    return base::Invalid("a key of " + std::to_string(key.size()) + " bytes; take 1 to " +
                         std::to_string(kMaxKey));
  }
  if (value.size() > kMaxValue) {
    return base::Exhausted("a value of " + std::to_string(value.size()) + " bytes for '" +
                           std::string(key) + "'; at most " + std::to_string(kMaxValue));
  }
  return base::Ok();
}

base::Status CheckLimit(std::size_t limit) {
  if (limit >= 1 && limit <= kMaxList) return base::Ok();
  return base::Invalid("a list of " + std::to_string(limit) + "; take 1 to " +
                       std::to_string(kMaxList));
}

base::Status CheckRevision(std::string_view key, std::uint64_t expected, std::uint64_t found) {
  if (expected == found) return base::Ok();
  return base::WrongState("'" + std::string(key) + "' is at revision " + std::to_string(found) +
                          ", not " + std::to_string(expected));
}

}  // namespace leeward::store
