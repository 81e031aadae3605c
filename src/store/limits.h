// What every backend refuses before it asks anybody, so that all refuse the same.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace leeward::store {

constexpr std::size_t kMaxKey = 512;
constexpr std::size_t kMaxValue = 256u << 10;  // DynamoDB's items end at 400 KiB
constexpr std::size_t kMaxList = 10'000;

// kInvalid: an empty or over-long key, or one that is not UTF-8: DynamoDB's text is, and what is
// not comes back as another key.
base::Status CheckKey(std::string_view key);
// As CheckKey; kExhausted: an over-long value.
base::Status CheckEntry(std::string_view key, std::string_view value);
base::Status CheckLimit(std::size_t limit);
// kWrongState when they differ.
base::Status CheckRevision(std::string_view key, std::uint64_t expected, std::uint64_t found);

}  // namespace leeward::store
