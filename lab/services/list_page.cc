#include "lab/services/list_page.h"

#include <fmt/format.h>

#include <utility>

#include "lab/services/dispatch.h"

namespace leeward::lab {
namespace {

constexpr std::int64_t kDefaultPage = 100;
constexpr std::int64_t kSmallestPage = 20;

ApiError BadValue(std::string message) {
  return {"InvalidParameterValue", std::move(message), 400, {}};
}

}  // namespace

Answer ListPage(const shapes::Value& input, std::string_view key,
                const shapes::Value::List& items) {
  const std::int64_t size = input.Int("MaxRecords", kDefaultPage);
  if (size < kSmallestPage || size > kDefaultPage) {
    return BadValue(fmt::format("Invalid value {} for MaxRecords. Must be between {} and {}", size,
                                kSmallestPage, kDefaultPage));
  }
  Page page;
  if (!TakePage(items, input.String("Marker"), static_cast<std::size_t>(size), page)) {
    return BadValue("The Marker is not one that was given out.");
  }
  shapes::Value answer = shapes::Value::Struct();
  answer.Set(key, shapes::Value(std::move(page.items)));
  if (!page.next_token.empty()) answer.Set("Marker", page.next_token);
  return answer;
}

}  // namespace leeward::lab
