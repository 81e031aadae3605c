#include "store/limits.h"

#include <string>

namespace leeward::store {
namespace {

// How many bytes the UTF-8 character at `at` has; 0: there is none.
std::size_t CharacterAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t next = at + 1; next < at + length; ++next) {
    if ((byte(next) & 0xc0u) != 0x80u) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

base::Status CheckKey(std::string_view key) {
  if (key.empty() || key.size() > kMaxKey) {
    return base::Invalid("a key of " + std::to_string(key.size()) + " bytes; take 1 to " +
                         std::to_string(kMaxKey));
  }
  for (std::size_t at = 0; at < key.size();) {
    const std::size_t length = CharacterAt(key, at);
    if (length == 0)
      return base::Invalid("a key that is not UTF-8 at byte " + std::to_string(at) +
                           "; keys are text");
    at += length;
  }
  return base::Ok();
}

base::Status CheckEntry(std::string_view key, std::string_view value) {
  RETURN_IF_ERROR(CheckKey(key));
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
