// ELBv2: refusals, and lists of what was asked for, a page at a time.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "lab/services/dispatch.h"

namespace leeward::lab {

inline ApiError Refusal(std::string code, std::string message) {
  return {std::move(code), std::move(message), 400, {}};
}

// Whether the one is in the list; an empty list wants all.
inline bool Wanted(const shapes::Value::List& list, std::string_view one) {
  return list.empty() ||
         std::ranges::any_of(list, [&](const shapes::Value& v) { return v.str() == one; });
}

// By PageSize and Marker; 400 a page unless asked otherwise.
inline Answer OnePage(const shapes::Value& input, std::string_view key,
                      const shapes::Value::List& found) {
  Page page;
  if (!TakePage(found, input.String("Marker"), static_cast<std::size_t>(input.Int("PageSize", 400)),
                page))
    return Refusal("ValidationError", "Marker is not valid");
  shapes::Value output = shapes::Value::Struct();
  output.Set(key, shapes::Value(std::move(page.items)));
  if (!page.next_token.empty()) output.Set("NextMarker", page.next_token);
  return output;
}

}  // namespace leeward::lab
