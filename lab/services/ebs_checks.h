// Words, filters and pages that EBS's operations share. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/ec2_rules.h"

namespace leeward::lab::ebs {

ApiError BadValue(std::string message);
ApiError WrongState(std::string message);
ApiError NotServed(std::string_view what);
ApiError VolumeNotFound(std::string_view id);
ApiError SnapshotNotFound(std::string_view id);
ApiError InstanceNotFound(std::string_view id);

// The first of the members that the request has, refused by name; flags that ask for nothing pass.
std::optional<ApiError> RefuseMembers(const shapes::Value& input,
                                      const std::vector<std::string_view>& names);

// "vol-" and 8 or 17 hex digits.
std::optional<ApiError> CheckId(std::string_view id, std::string_view prefix);

// Tags of the request for one type of resource. An error for those of another type.
std::variant<shapes::Value, ApiError> TagsFor(const shapes::Value& input, std::string_view type);
// `tags` with these added or replaced.
shapes::Value MergedTags(const shapes::Value& tags, const shapes::Value::List& added);

// A record and what filters look at, beside its tags.
struct Record {
  shapes::Value value;
  std::vector<ec2::Attribute> attributes;
};
struct PageRule {
  std::string_view ids;  // the member of the request that names records
  std::string_view key;  // the member of the answer
};
Answer PageOf(const shapes::Value& input, const PageRule& rule, std::vector<Record> records);
bool IsListed(const shapes::Value::List& wanted, std::string_view id);

}  // namespace leeward::lab::ebs
