#include "lab/items/placeholders.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::lab::items {
namespace {

using Json = rapidjson::Value;

constexpr std::string_view kNamesParameter = "ExpressionAttributeNames";
constexpr std::string_view kValuesParameter = "ExpressionAttributeValues";
constexpr std::size_t kMaxKeySize = 255;

bool Given(const Json* json) { return json != nullptr && !json->IsNull(); }

bool IsKey(char mark, std::string_view key) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return key.size() > 1 && key.size() <= kMaxKeySize && key[0] == mark &&
         std::all_of(key.begin() + 1, key.end(), allowed);
}

ApiError OnlyWithExpressions(std::string_view parameter, std::string_view absent) {
  std::string message = fmt::format("{} can only be specified when using expressions", parameter);
  if (!absent.empty()) message.append(": ").append(absent);
  return ValidationError(std::move(message));
}

ApiError MustNotBeEmpty(std::string_view parameter) {
  return ValidationError(fmt::format("{} must not be empty", parameter));
}

Verdict CheckKeys(std::string_view parameter, char mark, const Json& json) {
  for (const auto& member : json.GetObject()) {
    const std::string_view key = TextOf(member.name);
    if (IsKey(mark, key)) continue;
    return ValidationError(
        fmt::format("{} contains invalid key: Syntax error; key: \"{}\"", parameter, key));
  }
  return {};
}

Outcome<std::vector<std::pair<std::string, std::string>>> ReadNames(const Json& json) {
  if (!json.IsObject()) {
    return WrongJsonType(json, Wanted::kMap, "java.util.Map<java.lang.String, java.lang.String>");
  }
  for (const auto& member : json.GetObject()) {
    if (!member.value.IsString() && !member.value.IsNull()) {
      return WrongJsonType(member.value, Wanted::kString);
    }
  }
  if (json.ObjectEmpty()) return MustNotBeEmpty(kNamesParameter);
  RETURN_IF_ERROR(CheckKeys(kNamesParameter, '#', json));
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& member : json.GetObject()) {
    if (!member.value.IsString() || member.value.GetStringLength() == 0) {
      return ValidationError(fmt::format(
          "{} contains invalid value for key {}: Member must have length greater than or equal to "
          "1",
          kNamesParameter, TextOf(member.name)));
    }
    names.emplace_back(TextOf(member.name), TextOf(member.value));
  }
  return names;
}

Outcome<Item> ReadValues(const Json& json) {
  RETURN_IF_ERROR(CheckItemShape(json));
  if (json.ObjectEmpty()) return MustNotBeEmpty(kValuesParameter);
  RETURN_IF_ERROR(CheckKeys(kValuesParameter, ':', json));
  std::vector<Entry> entries;
  entries.reserve(json.MemberCount());
  for (const auto& member : json.GetObject()) {
    const std::string_view key = TextOf(member.name);
    auto value = AttributeFromJson(member.value);
    if (!value.ok()) {
      return ValidationError(fmt::format("{} contains invalid value: {} for key {}",
                                         kValuesParameter, value.error().message, key));
    }
    entries.push_back({std::string(key), std::move(value).value()});
  }
  return Item::FromEntries(std::move(entries));
}

template <typename Unused>
Verdict CheckNone(std::string_view parameter, const Unused& unused) {
  if (unused.empty()) return {};
  return ValidationError(fmt::format("Value provided in {} unused in expressions: keys: {{{}}}",
                                     parameter, fmt::join(unused, ", ")));
}

}  // namespace

Placeholders::Placeholders(std::vector<std::pair<std::string, std::string>> names, Item values)
    : values_(std::make_shared<const Item>(std::move(values))), used_values_(values_->size()) {
  std::stable_sort(names.begin(), names.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  names_.reserve(names.size());
  for (auto& [key, name] : names) {
    if (!names_.empty() && names_.back().key == key) names_.pop_back();
    names_.push_back({std::move(key), std::move(name), false});
  }
}

Outcome<Placeholders> Placeholders::FromJson(const Json* names, const Json* values,
                                             Expressions present, std::string_view absent) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (Given(names)) {
    if (present == Expressions::kNone) return OnlyWithExpressions(kNamesParameter, "");
    ASSIGN_OR_RETURN(pairs, ReadNames(*names));
  }
  Item read;
  if (Given(values)) {
    if (!absent.empty()) return OnlyWithExpressions(kValuesParameter, absent);
    ASSIGN_OR_RETURN(read, ReadValues(*values));
  }
  return Placeholders(std::move(pairs), std::move(read));
}

const std::string* Placeholders::UseName(std::string_view key) {
  const auto place = std::lower_bound(
      names_.begin(), names_.end(), key,
      [](const NamePair& pair, std::string_view k) { return pair.key.compare(k) < 0; });
  if (place == names_.end() || place->key != key) return nullptr;
  place->used = true;
  return &place->name;
}

const Attribute* Placeholders::UseValue(std::string_view key) {
  if (values_ == nullptr) return nullptr;
  const auto& entries = values_->entries();
  const auto place = std::lower_bound(
      entries.begin(), entries.end(), key,
      [](const Entry& entry, std::string_view k) { return entry.name.compare(k) < 0; });
  if (place == entries.end() || place->name != key) return nullptr;
  used_values_[static_cast<std::size_t>(place - entries.begin())] = true;
  return &place->value;
}

Verdict Placeholders::CheckAllUsed() const {
  std::vector<std::string_view> unused;
  for (const NamePair& pair : names_) {
    if (!pair.used) unused.push_back(pair.key);
  }
  RETURN_IF_ERROR(CheckNone(kNamesParameter, unused));
  for (std::size_t i = 0; i < used_values_.size(); ++i) {
    if (!used_values_[i]) unused.push_back(values_->entries()[i].name);
  }
  return CheckNone(kValuesParameter, unused);
}

}  // namespace leeward::lab::items
