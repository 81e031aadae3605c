#include "lab/services/ebs_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/services/dispatch.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;

constexpr std::size_t kMaxTags = 50;
constexpr std::int64_t kLeastPage = 5;
constexpr std::int64_t kLargestPage = 1000;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "Snapshot ID" is how EC2 calls it.
std::string_view IdCode(std::string_view prefix) {
  if (prefix == "snap-") return "InvalidSnapshotID.Malformed";
  if (prefix == "i-") return "InvalidInstanceID.Malformed";
  return "InvalidVolumeID.Malformed";
}

// Tags are looked at by filters whose names are the caller's.
std::variant<bool, ApiError> FitsFilters(const Value& input, const Record& record) {
  std::vector<ec2::Attribute> attributes = record.attributes;
  std::vector<std::string> names;
  names.reserve(record.value.Items("Tags").size());  // attributes look into it
  for (const Value& tag : record.value.Items("Tags")) {
    names.push_back(fmt::format("tag:{}", tag.String("Key")));
    attributes.push_back({names.back(), std::string(tag.String("Value"))});
    attributes.push_back({"tag-key", std::string(tag.String("Key"))});
  }
  for (const Value& filter : input.Items("Filters")) {
    const std::string_view name = filter.String("Name");
    const bool of_tags = name == "tag-key" || name.starts_with("tag:");
    const bool has = std::any_of(attributes.begin(), attributes.end(),
                                 [&](const ec2::Attribute& one) { return one.filter == name; });
    if (of_tags && !has) return false;
  }
  return ec2::Fits(input, attributes);
}

std::optional<ApiError> CheckPage(const Value& input, const PageRule& rule) {
  if (!input.Has("MaxResults")) return std::nullopt;
  const std::int64_t limit = input.Int("MaxResults");
  if (!input.Items(rule.ids).empty()) {
    return ApiError{
        "InvalidParameterCombination",
        fmt::format("The parameter {} cannot be used with the parameter maxResults", rule.ids),
        400,
        {}};
  }
  if (limit >= kLeastPage && limit <= kLargestPage) return std::nullopt;
  return BadValue(
      fmt::format("Value ( {} ) for parameter maxResults is invalid. Expecting a value "
                  "{} than {}.",
                  limit, limit < kLeastPage ? "greater" : "less",
                  limit < kLeastPage ? kLeastPage : kLargestPage));
}

}  // namespace

ApiError BadValue(std::string message) {
  return {"InvalidParameterValue", std::move(message), 400, {}};
}
ApiError WrongState(std::string message) { return {"IncorrectState", std::move(message), 400, {}}; }
ApiError NotServed(std::string_view what) {
  return {"UnsupportedOperation",
          fmt::format("{} is not served by this lab: nothing stands behind it.", what),
          400,
          {}};
}
ApiError VolumeNotFound(std::string_view id) {
  return {"InvalidVolume.NotFound", fmt::format("The volume '{}' does not exist.", id), 400, {}};
}
ApiError SnapshotNotFound(std::string_view id) {
  return {
      "InvalidSnapshot.NotFound", fmt::format("The snapshot '{}' does not exist.", id), 400, {}};
}
ApiError InstanceNotFound(std::string_view id) {
  return {"InvalidInstanceID.NotFound",
          fmt::format("The instance ID '{}' does not exist", id),
          400,
          {}};
}

std::optional<ApiError> RefuseMembers(const Value& input,
                                      const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    const Value* given = input.Find(name);
    if (given == nullptr) continue;
    const bool nothing =
        (given->is_bool() && !given->boolean()) || (given->is_list() && given->list().empty());
    if (!nothing) return NotServed(name);
  }
  return std::nullopt;
}

std::optional<ApiError> CheckId(std::string_view id, std::string_view prefix) {
  const std::string_view digits = id.substr(std::min(prefix.size(), id.size()));
  if (id.starts_with(prefix) && (digits.size() == 8 || digits.size() == 17) && IsHex(digits))
    return std::nullopt;
  return ApiError{std::string(IdCode(prefix)),
                  fmt::format("Invalid id: \"{}\" (expecting \"{}...\")", id, prefix),
                  400,
                  {}};
}

std::variant<Value, ApiError> TagsFor(const Value& input, std::string_view type) {
  Value tags = Value::EmptyList();
  for (const Value& specification : input.Items("TagSpecifications")) {
    if (specification.String("ResourceType") != type) {
      return BadValue(fmt::format("'{}' is not a valid taggable resource type for this operation.",
                                  specification.String("ResourceType")));
    }
    tags = MergedTags(tags, specification.Items("Tags"));
  }
  if (tags.list().size() > kMaxTags) {
    return ApiError{
        "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.", 400, {}};
  }
  return tags;
}

Value MergedTags(const Value& tags, const Value::List& added) {
  Value merged = tags.is_list() ? tags : Value::EmptyList();
  for (const Value& tag : added) {
    std::erase_if(merged.list(),
                  [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    merged.list().push_back(
        Value::Struct({{"Key", tag.String("Key")}, {"Value", tag.String("Value")}}));
  }
  return merged;
}

bool IsListed(const Value::List& wanted, std::string_view id) {
  return wanted.empty() ||
         std::any_of(wanted.begin(), wanted.end(), [&](const Value& v) { return v.str() == id; });
}

Answer PageOf(const Value& input, const PageRule& rule, std::vector<Record> records) {
  if (auto error = CheckPage(input, rule)) return *error;
  Value::List found;
  for (Record& record : records) {
    const auto fits = FitsFilters(input, record);
    if (const auto* error = std::get_if<ApiError>(&fits)) return *error;
    if (std::get<bool>(fits)) found.push_back(std::move(record.value));
  }
  Page page;
  const auto limit = static_cast<std::size_t>(input.Int("MaxResults", kLargestPage));
  if (!TakePage(found, input.String("NextToken"), limit, page))
    return BadValue("Invalid value for parameter nextToken.");
  Value answer = Value::Struct();
  answer.Set(rule.key, Value(std::move(page.items)));
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

}  // namespace leeward::lab::ebs
