// A service's operations as a table: name and the member function that answers it at once.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "lab/core/service.h"

namespace leeward::lab {

template <typename T>
struct OperationRow {
  std::string_view name;
  Answer (T::*method)(const shapes::Value& input);
};

template <typename Table>
std::vector<std::string_view> OperationNames(const Table& table) {
  std::vector<std::string_view> names;
  names.reserve(std::size(table));
  for (const auto& row : table) names.push_back(row.name);
  return names;
}

// The wire layer lets nothing through that operations() does not name.
template <typename T, typename Table>
Answer RunOperation(T& service, const Table& table, const Call& call) {
  for (const auto& row : table) {
    if (row.name == call.operation->name) return (service.*row.method)(call.input);
  }
  CHECK_NEVER(std::string(call.operation->name).c_str());
}

inline bool IsError(const Answer& answer) { return std::holds_alternative<ApiError>(answer); }

// Up to `limit` items of `items` from the one a token names; the token is the position, as text.
struct Page {
  shapes::Value::List items;
  std::string next_token;  // empty at the end
};
// Null for a token this did not give.
inline bool TakePage(const shapes::Value::List& items, std::string_view token, std::size_t limit,
                     Page& page) {
  std::size_t start = 0;
  for (const char c : token) {
    if (c < '0' || c > '9' || token.size() > 9) return false;
    start = start * 10 + static_cast<std::size_t>(c - '0');
  }
  if (start > items.size()) return false;
  for (std::size_t i = start; i < items.size() && page.items.size() < limit; ++i) {
    page.items.push_back(items[i]);
  }
  const std::size_t end = start + page.items.size();
  if (end < items.size()) page.next_token = std::to_string(end);
  return true;
}

}  // namespace leeward::lab
