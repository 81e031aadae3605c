// A service's operations as a table: name and the member function that answers it, at once or
// later.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "lab/core/service.h"

namespace leeward::lab {

template <typename T>
struct OperationRow {
  using AtOnce = Answer (T::*)(const shapes::Value& input);
  using Later = void (T::*)(const shapes::Value& input, Reply reply);
  std::string_view name;
  std::variant<AtOnce, Later> method;
};

template <typename Table>
std::vector<std::string_view> OperationNames(const Table& table) {
  std::vector<std::string_view> names;
  names.reserve(std::size(table));
  for (const auto& row : table) names.push_back(row.name);
  return names;
}

// False, and `reply` as it was, when the table has no such operation.
template <typename T, typename Table>
bool TryOperation(T& service, const Table& table, std::string_view name, const shapes::Value& input,
                  Reply& reply) {
  using Row = OperationRow<T>;
  for (const auto& row : table) {
    if (row.name != name) continue;
    if (const auto* at_once = std::get_if<typename Row::AtOnce>(&row.method)) {
      reply((service.**at_once)(input));
    } else {
      (service.*std::get<typename Row::Later>(row.method))(input, std::move(reply));
    }
    return true;
  }
  return false;
}

// The wire layer lets nothing through that operations() does not name.
template <typename T, typename Table>
void RunOperation(T& service, const Table& table, const Call& call, Reply reply) {
  const std::string_view name = call.operation->name;
  CHECK_MSG(TryOperation(service, table, name, call.input, reply), std::string(name).c_str());
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
