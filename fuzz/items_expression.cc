// DynamoDB's expressions, and the parameters that they replaced, against an item.
//
// A line each: the expression; then JSON: ExpressionAttributeNames, ExpressionAttributeValues, an
// item, and what may be Expected, a filter, KeyConditions, AttributeUpdates or AttributesToGet.
#include <rapidjson/document.h>

#include "base/check.h"
#include "fuzz/input.h"
#include "lab/items/legacy.h"

namespace leeward::fuzz {
namespace {

using namespace lab::items;  // NOLINT: what is under test

constexpr unsigned kParse = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
const KeySchema kSchema{{"pk", Type::kS}, KeyPart{"sk", Type::kN}};

rapidjson::Document TakeJson(std::string_view& rest) {
  const std::string_view line = TakeLine(rest);
  rapidjson::Document document;
  document.Parse<kParse>(line.data(), line.size());
  if (document.HasParseError()) document.SetNull();
  return document;
}

void Change(const Update& update, const Item& item) {
  (void)update.CheckKey(kSchema);
  (void)update.Operands();
  const auto after = update.Apply(item);
  if (!after.ok()) return;
  (void)CheckNesting(*after);
  (void)update.TouchedOld(item);
  (void)update.TouchedNew(item, *after);
}

void Query(const KeyConditionForm& form) {
  const auto condition = form.For(kSchema);
  if (!condition.ok()) return;
  const auto range = condition->Range("table");
  CHECK(range.begin.starts_with("table"));
  if (condition->range) (void)condition->range->Holds(condition->range->value);
}

void Ask(const Condition& condition, const Item& item) {
  (void)condition.Holds(item);
  (void)condition.Holds({});
  (void)condition.Paths();
}

void ReadExpressions(std::string_view text, Placeholders& placeholders, const Item& item) {
  const auto condition = Condition::Parse("FilterExpression", text, placeholders);
  if (condition.ok()) Ask(*condition, item);
  const auto update = Update::Parse(text, placeholders);
  if (update.ok()) Change(*update, item);
  const auto projection = Projection::Parse(text, placeholders);
  if (projection.ok()) (void)projection->Apply(item);
  const auto keys = KeyConditionForm::Parse(text, placeholders);
  if (keys.ok()) Query(*keys);
  (void)placeholders.CheckAllUsed();
}

void ReadLegacy(const rapidjson::Value& json, const Item& item) {
  const auto expected = ConditionFromExpected(json, "OR");
  if (expected.ok()) Ask(*expected, item);
  const auto filter = ConditionFromFilter(json, "");
  if (filter.ok()) Ask(*filter, item);
  const auto keys = KeyConditionsFromJson(json);
  if (keys.ok()) Query(*keys);
  const auto updates = UpdateFromAttributeUpdates(json);
  if (updates.ok()) Change(*updates, item);
  const auto projection = ProjectionFromAttributesToGet(json);
  if (projection.ok()) (void)projection->Apply(item);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  const std::string_view text = TakeLine(rest);
  const auto names = TakeJson(rest), values = TakeJson(rest), item_json = TakeJson(rest),
             legacy = TakeJson(rest);
  const auto item = ItemFromJson(item_json);
  const Item subject = item.ok() ? *item : Item();
  auto placeholders = Placeholders::FromJson(&names, &values, Placeholders::Expressions::kSome, "");
  if (placeholders.ok()) ReadExpressions(text, *placeholders, subject);
  ReadLegacy(legacy, subject);
  return 0;
}

}  // namespace leeward::fuzz
