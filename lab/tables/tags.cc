#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lab/tables/handlers.h"
#include "lab/tables/resources.h"
#include "lab/tables/table_spec.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

WireAnswer Done(const Verdict& verdict) {
  if (!verdict.ok()) return ErrorAnswer(verdict.error());
  return {200, ""};
}

Verdict Tag(const Request& request) {
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  if (input.Items("Tags").empty()) {
    return ValidationError("Atleast one Tag needs to be provided as Input.");
  }
  ASSIGN_OR_RETURN(const Tags given, TagsFrom(input.Items("Tags")));
  ASSIGN_OR_RETURN(Table* const table, TableOfArn(request.core, Text(request.body, "ResourceArn")));
  Tags tags = table->tags;
  for (const auto& [key, value] : given) {
    std::erase_if(tags, [&k = key](const auto& pair) { return pair.first == k; });
    tags.emplace_back(key, value);
  }
  if (tags.size() > kMaxTags) {
    return ValidationError(fmt::format(
        "One or more parameter values were invalid: Too many tags: the number of tags exceeds the "
        "limit of {}",
        kMaxTags));
  }
  std::swap(table->tags, tags);
  return Save(request.core, *table);
}

Verdict Untag(const Request& request) {
  const Json& keys = *Find(request.body, "TagKeys");
  if (keys.Empty()) return ValidationError("Atleast one Tag Key needs to be provided as Input.");
  ASSIGN_OR_RETURN(Table* const table, TableOfArn(request.core, Text(request.body, "ResourceArn")));
  for (const Json& key : keys.GetArray()) {
    std::erase_if(table->tags, [&key](const auto& pair) { return pair.first == TextOf(key); });
  }
  return Save(request.core, *table);
}

}  // namespace

Outcome<Table*> TableOfArn(const Core& core, std::string_view arn) {
  if (!arn.starts_with("arn:")) {
    return ValidationError(
        fmt::format("Invalid TableArn: Invalid ResourceArn provided as input {}", arn));
  }
  ASSIGN_OR_RETURN(const std::string name, NameFrom(core, arn));
  Table* table = core.FindTable(name);
  if (table == nullptr) {
    return NotFound(fmt::format("Requested resource not found: ResourcArn: {} not found", arn));
  }
  return table;
}

WireAnswer TagResource(const Request& request) { return Done(Tag(request)); }
WireAnswer UntagResource(const Request& request) { return Done(Untag(request)); }

WireAnswer ListTagsOfResource(const Request& request) {
  const auto table = TableOfArn(request.core, Text(request.body, "ResourceArn"));
  if (!table.ok()) return ErrorAnswer(table.error());
  Value::List tags;
  for (const auto& [key, value] : (*table)->tags) {
    tags.push_back(Value::Struct({{"Key", key}, {"Value", value}}));
  }
  return Encoded(request, Value::Struct({{"Tags", Value(std::move(tags))}}));
}

}  // namespace leeward::lab::tables
