#include "lab/tables/parameters.h"

#include <fmt/format.h>

#include <utility>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/items/legacy.h"

namespace leeward::lab::tables {
namespace {

using Names = std::initializer_list<std::string_view>;

std::vector<std::string_view> Given(const Json& body, Names names) {
  std::vector<std::string_view> given;
  for (const std::string_view name : names) {
    if (Find(body, name) != nullptr) given.push_back(name);
  }
  return given;
}

// "UpdateExpression and ConditionExpression are null"
std::string NullText(Names names) {
  if (names.size() == 0) return "";
  return fmt::format("{} {} null", fmt::join(names, " and "), names.size() == 1 ? "is" : "are");
}

}  // namespace

Returned ReturnedBy(const Json& body) {
  const std::string_view value = Text(body, "ReturnValues");
  if (value == "ALL_OLD") return Returned::kAllOld;
  if (value == "UPDATED_OLD") return Returned::kUpdatedOld;
  if (value == "ALL_NEW") return Returned::kAllNew;
  return value == "UPDATED_NEW" ? Returned::kUpdatedNew : Returned::kNone;
}

Verdict CheckOneKind(const Json& body, Names legacy, Names expressions) {
  const auto old_kind = Given(body, legacy);
  if (old_kind.empty()) return {};
  return items::CheckNoMix(old_kind, Given(body, expressions));
}

Verdict CheckPlaced(const Json& body, Names expressions, Names valued) {
  const bool names = Find(body, "ExpressionAttributeNames") != nullptr;
  const bool values = Find(body, "ExpressionAttributeValues") != nullptr;
  const bool misplaced =
      (names && Given(body, expressions).empty()) || (values && Given(body, valued).empty());
  if (!misplaced) return {};
  const auto read = PlaceholdersOf(body, expressions, valued);
  return read.ok() ? Verdict() : Verdict(read.error());
}

Outcome<items::Placeholders> PlaceholdersOf(const Json& body, Names expressions, Names valued) {
  const Json* names = Find(body, "ExpressionAttributeNames");
  const Json* values = Find(body, "ExpressionAttributeValues");
  if (names == nullptr && values == nullptr) return items::Placeholders();
  using Kind = items::Placeholders::Expressions;
  const Kind present = Given(body, expressions).empty() ? Kind::kNone : Kind::kSome;
  const std::string absent = Given(body, valued).empty() ? NullText(valued) : "";
  auto read = items::Placeholders::FromJson(names, values, present, absent);
  const bool misplaced =
      (names != nullptr && present == Kind::kNone) || (values != nullptr && !absent.empty());
  if (read.ok() || misplaced) return read;
  // What is wrong with the item or its key is told before what is wrong with placeholders.
  for (const std::string_view member : {"Item", "Key"}) {
    const Json* item = Find(body, member);
    if (item != nullptr) RETURN_IF_ERROR(items::ItemFromJson(*item));
  }
  return read;
}

Outcome<std::optional<items::Condition>> ExpectedOf(const Json& body) {
  const Json* expected = Find(body, "Expected");
  const std::string_view combined = Text(body, "ConditionalOperator");
  if (!combined.empty()) {
    RETURN_IF_ERROR(items::CheckConditionalOperator(
        combined, expected == nullptr ? 0 : expected->MemberCount()));
  }
  if (expected == nullptr) return std::optional<items::Condition>();
  ASSIGN_OR_RETURN(items::Condition condition, items::ConditionFromExpected(*expected, combined));
  return std::optional<items::Condition>(std::move(condition));
}

Outcome<std::optional<items::Condition>> ConditionOf(const Json& body, std::string_view parameter,
                                                     items::Placeholders& placeholders) {
  const Json* text = Find(body, parameter);
  if (text == nullptr) return std::optional<items::Condition>();
  ASSIGN_OR_RETURN(items::Condition condition,
                   items::Condition::Parse(parameter, TextOf(*text), placeholders));
  return std::optional<items::Condition>(std::move(condition));
}

Outcome<std::optional<items::Projection>> ProjectionOf(const Json& body,
                                                       items::Placeholders& placeholders) {
  if (const Json* names = Find(body, "AttributesToGet")) {
    ASSIGN_OR_RETURN(items::Projection projection, items::ProjectionFromAttributesToGet(*names));
    return std::optional<items::Projection>(std::move(projection));
  }
  const Json* text = Find(body, "ProjectionExpression");
  if (text == nullptr) return std::optional<items::Projection>();
  ASSIGN_OR_RETURN(items::Projection projection,
                   items::Projection::Parse(TextOf(*text), placeholders));
  return std::optional<items::Projection>(std::move(projection));
}

WireAnswer ConditionFailed(const Json& body, const Found& found) {
  std::string members;
  if (Text(body, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD" && found.exists()) {
    AppendStoredAttributes("Item", found.head().item, members);
  }
  return ErrorAnswer({"ConditionalCheckFailedException", "The conditional request failed", 400, {}},
                     members);
}

void AppendAttributes(std::string_view name, const items::Item& item, std::string& out) {
  out += fmt::format(R"(,"{}":)", name);
  items::AppendJson(item, out);
}

void AppendStoredAttributes(std::string_view name, std::string_view stored, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  const base::Status written = items::AppendJsonFromStored(stored, out);
  CHECK_MSG(written.ok(), "the store holds an item that is none");
}

std::string ObjectOf(std::string members) {
  if (members.empty()) return "{}";
  members[0] = '{';
  members += '}';
  return members;
}

}  // namespace leeward::lab::tables
