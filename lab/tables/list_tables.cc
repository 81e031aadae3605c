#include "lab/items/json.h"
#include "lab/tables/handlers.h"

namespace leeward::lab::tables {
namespace {

constexpr std::int64_t kMaxNames = 100;

}  // namespace

WireAnswer ListTables(const Request& request) {
  const auto& tables = request.core.tables;
  const std::int64_t limit = Whole(request.body, "Limit", kMaxNames);
  auto next = tables.begin();
  if (const Json* start = Find(request.body, "ExclusiveStartTableName")) {
    next = tables.upper_bound(TextOf(*start));
  }
  std::string body = R"({"TableNames":[)";
  std::string_view last;
  for (std::int64_t count = 0; next != tables.end() && count < limit; ++next, ++count) {
    if (count > 0) body += ',';
    items::AppendJsonString(next->first, body);
    last = next->first;
  }
  body += ']';
  if (next != tables.end()) {
    body += R"(,"LastEvaluatedTableName":)";
    items::AppendJsonString(last, body);
  }
  body += '}';
  return {200, std::move(body)};
}

}  // namespace leeward::lab::tables
