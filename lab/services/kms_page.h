// How KMS pages its lists: `Limit` and `Marker`.
#pragma once

#include <string_view>

#include "lab/services/dispatch.h"

namespace leeward::lab::kms {

inline Answer KeyPage(const shapes::Value& input, std::string_view key,
                      const shapes::Value::List& items) {
  constexpr std::int64_t kUsual = 100;
  Page page;
  const auto size = static_cast<std::size_t>(input.Int("Limit", kUsual));
  if (!TakePage(items, input.String("Marker"), size, page)) {
    return ApiError{"InvalidMarkerException", "Could not deserialize marker", 400, {}};
  }
  shapes::Value answer = shapes::Value::Struct();
  answer.Set(key, shapes::Value(std::move(page.items)));
  answer.Set("Truncated", !page.next_token.empty());
  if (!page.next_token.empty()) answer.Set("NextMarker", page.next_token);
  return answer;
}

}  // namespace leeward::lab::kms
