// How EFS pages its lists: by MaxItems, Marker and NextMarker, or by MaxResults and NextToken.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "lab/services/dispatch.h"
#include "lab/services/efs_checks.h"

namespace leeward::lab::efs {

struct Paging {
  std::string_view limit;
  std::string_view token;
  std::string_view next;
};
inline constexpr Paging kByMarker{"MaxItems", "Marker", "NextMarker"};
inline constexpr Paging kByToken{"MaxResults", "NextToken", "NextToken"};

inline Answer PageOf(const shapes::Value& input, const Paging& paging, std::string_view key,
                     const shapes::Value::List& items) {
  // More than this is taken for it, as on AWS.
  constexpr std::int64_t kMost = 100;
  const std::int64_t limit = std::min(input.Int(paging.limit, kMost), kMost);
  Page page;
  if (!TakePage(items, input.String(paging.token), static_cast<std::size_t>(limit), page)) {
    return BadRequest(std::string(paging.token) + " is not one that was given out.");
  }
  shapes::Value answer = shapes::Value::Struct();
  answer.Set(key, shapes::Value(std::move(page.items)));
  if (paging.token == "Marker" && input.Has("Marker")) answer.Set("Marker", input.String("Marker"));
  if (!page.next_token.empty()) answer.Set(paging.next, page.next_token);
  return answer;
}

}  // namespace leeward::lab::efs
