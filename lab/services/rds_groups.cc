// Subnet groups, parameter groups and tags.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/ec2_vpc.h"
#include "lab/services/list_page.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::string_view kDefaultSubnets = "default";

// The engine whose default parameter group has this name, or nullptr.
const EngineType* DefaultOf(std::string_view name) {
  for (const EngineType* type : EngineTypes()) {
    if (type->default_group == name) return type;
  }
  return nullptr;
}

ApiError ParameterGroupNotFound(std::string_view name) {
  return {"DBParameterGroupNotFound", fmt::format("DBParameterGroup not found: {}", name), 404, {}};
}

// The list of a request's groups: all, or the one that is named.
Value::List Select(const std::map<std::string, Value, std::less<>>& groups, std::string_view name) {
  Value::List found;
  for (const auto& [key, group] : groups) {
    if (name.empty() || key == name) found.push_back(group);
  }
  return found;
}

Value ShapeOf(const DefaultSubnet& subnet) {
  return Value::Struct({{"SubnetIdentifier", subnet.id},
                        {"SubnetAvailabilityZone", Value::Struct({{"Name", subnet.zone}})},
                        {"SubnetOutpost", Value::Struct()},
                        {"SubnetStatus", "Active"}});
}

}  // namespace

Answer Rds::CreateDBSubnetGroup(const Value& input) {
  const std::string name = Lower(input.String("DBSubnetGroupName"));
  if (name == "default" || subnet_groups_.contains(name)) {
    return ApiError{"DBSubnetGroupAlreadyExists",
                    fmt::format("The DB subnet group '{}' already exists.", name),
                    400,
                    {}};
  }
  Value subnets = Value::EmptyList();
  std::vector<std::string> zones;
  const std::vector<DefaultSubnet> known = DefaultSubnets(host_);
  for (const Value& id : input.Items("SubnetIds")) {
    const auto subnet = std::find_if(known.begin(), known.end(),
                                     [&](const DefaultSubnet& s) { return s.id == id.str(); });
    if (subnet == known.end()) {
      return ApiError{
          "InvalidSubnet", fmt::format("The subnet ID '{}' does not exist.", id.str()), 400, {}};
    }
    if (std::find(zones.begin(), zones.end(), subnet->zone) == zones.end()) {
      zones.push_back(subnet->zone);
    }
    subnets.list().push_back(ShapeOf(*subnet));
  }
  if (zones.size() < 2) {
    return ApiError{
        "DBSubnetGroupDoesNotCoverEnoughAZs",
        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add "
        "subnets to cover at least 2 AZs.",
        400,
        {}};
  }
  subnet_groups_[name] =
      Value::Struct({{"DBSubnetGroupName", name},
                     {"DBSubnetGroupDescription", input.String("DBSubnetGroupDescription")},
                     {"VpcId", DefaultVpcId(host_)},
                     {"SubnetGroupStatus", "Complete"},
                     {"Subnets", std::move(subnets)},
                     {"DBSubnetGroupArn", Arn(host_, "rds", "subgrp:" + name)}});
  Save();
  return Value::Struct({{"DBSubnetGroup", subnet_groups_[name]}});
}

// One that is there, as an instance in it shows it, too.
Value Rds::SubnetGroupNamed(std::string_view name) const {
  const auto made = subnet_groups_.find(name);
  if (made != subnet_groups_.end()) return made->second;
  Value subnets = Value::EmptyList();
  for (const DefaultSubnet& subnet : DefaultSubnets(host_)) {
    subnets.list().push_back(ShapeOf(subnet));
  }
  return Value::Struct({{"DBSubnetGroupName", name},
                        {"DBSubnetGroupDescription", name},
                        {"VpcId", DefaultVpcId(host_)},
                        {"SubnetGroupStatus", "Complete"},
                        {"Subnets", std::move(subnets)},
                        {"DBSubnetGroupArn", Arn(host_, "rds", fmt::format("subgrp:{}", name))}});
}

Answer Rds::DescribeDBSubnetGroups(const Value& input) {
  const std::string name = Lower(input.String("DBSubnetGroupName"));
  Value::List found = Select(subnet_groups_, name);
  if (name.empty() || name == kDefaultSubnets)
    found.insert(found.begin(), SubnetGroupNamed(kDefaultSubnets));
  if (!name.empty() && found.empty()) {
    return ApiError{"DBSubnetGroupNotFoundFault",
                    fmt::format("DB subnet group '{}' does not exist.", name),
                    404,
                    {}};
  }
  return ListPage(input, "DBSubnetGroups", found);
}

Answer Rds::DeleteDBSubnetGroup(const Value& input) {
  const std::string name = Lower(input.String("DBSubnetGroupName"));
  for (const auto& [id, instance] : instances_) {
    if (instance->subnet_group == name) {
      return ApiError{
          "InvalidDBSubnetGroupStateFault",
          fmt::format("Cannot delete the subnet group '{}' because at least one database "
                      "instance: {} is still using it.",
                      name, id),
          400,
          {}};
    }
  }
  if (subnet_groups_.erase(name) == 0) {
    return ApiError{"DBSubnetGroupNotFoundFault",
                    fmt::format("DB subnet group '{}' does not exist.", name),
                    404,
                    {}};
  }
  Save();
  return Value::Struct();
}

Answer Rds::CreateDBParameterGroup(const Value& input) {
  const std::string name = Lower(input.String("DBParameterGroupName"));
  if (auto problem = CheckIdentifier("DBParameterGroupName", name)) return *problem;
  const EngineType* type = FindFamily(input.String("DBParameterGroupFamily"));
  if (type == nullptr) {
    return BadValue(fmt::format("ParameterGroupFamily {} is not a valid parameter group family",
                                input.String("DBParameterGroupFamily")));
  }
  if (parameter_groups_.contains(name) || DefaultOf(name) != nullptr) {
    return ApiError{"DBParameterGroupAlreadyExists",
                    fmt::format("Parameter group {} already exists", name),
                    400,
                    {}};
  }
  parameter_groups_[name] =
      Value::Struct({{"DBParameterGroupName", name},
                     {"DBParameterGroupFamily", type->family},
                     {"Description", input.String("Description")},
                     {"DBParameterGroupArn", Arn(host_, "rds", "pg:" + name)}});
  Save();
  return Value::Struct({{"DBParameterGroup", parameter_groups_[name]}});
}

Answer Rds::DescribeDBParameterGroups(const Value& input) {
  const std::string name = Lower(input.String("DBParameterGroupName"));
  Value::List found = Select(parameter_groups_, name);
  for (Value& group : found) group.Erase("Parameters");
  for (const EngineType* type : EngineTypes()) {
    if (!name.empty() && name != type->default_group) continue;
    found.push_back(Value::Struct(
        {{"DBParameterGroupName", type->default_group},
         {"DBParameterGroupFamily", type->family},
         {"Description", fmt::format("Default parameter group for {}", type->family)},
         {"DBParameterGroupArn", Arn(host_, "rds", fmt::format("pg:{}", type->default_group))}}));
  }
  if (found.empty()) return ParameterGroupNotFound(name);
  return ListPage(input, "DBParameterGroups", found);
}

Answer Rds::DescribeDBParameters(const Value& input) {
  const std::string name = Lower(input.String("DBParameterGroupName"));
  const auto group = parameter_groups_.find(name);
  const EngineType* type = group == parameter_groups_.end()
                               ? DefaultOf(name)
                               : FindFamily(group->second.String("DBParameterGroupFamily"));
  if (type == nullptr) return ParameterGroupNotFound(name);
  Value::List found;
  for (const ParameterRow& row : type->parameters) {
    Value parameter = Value::Struct({{"ParameterName", row.name},
                                     {"Source", "engine-default"},
                                     {"ApplyType", "dynamic"},
                                     {"DataType", DataTypeOf(row)},
                                     {"IsModifiable", group != parameter_groups_.end()},
                                     {"ApplyMethod", "immediate"}});
    const Value* set =
        group == parameter_groups_.end() ? nullptr : group->second.Sub("Parameters").Find(row.name);
    if (set != nullptr) {
      parameter.Set("ParameterValue", *set);
      parameter.Set("Source", "user");
    }
    if (input.Has("Source") && input.String("Source") != parameter.String("Source")) continue;
    found.push_back(std::move(parameter));
  }
  return ListPage(input, "Parameters", found);
}

Answer Rds::ModifyDBParameterGroup(const Value& input) {
  const std::string name = Lower(input.String("DBParameterGroupName"));
  if (DefaultOf(name) != nullptr) {
    return ApiError{
        "InvalidDBParameterGroupState", "Default parameter groups cannot be modified.", 400, {}};
  }
  const auto group = parameter_groups_.find(name);
  if (group == parameter_groups_.end()) return ParameterGroupNotFound(name);
  const EngineType* type = FindFamily(group->second.String("DBParameterGroupFamily"));
  CHECK_MSG(type != nullptr, "a parameter group of a family that is not served");
  Value changed = group->second.Sub("Parameters");
  for (const Value& parameter : input.Items("Parameters")) {
    const std::string_view key = parameter.String("ParameterName");
    const ParameterRow* row = FindParameter(*type, key);
    if (row == nullptr) {
      return BadValue(fmt::format(
          "Could not find parameter with name: {}; DescribeDBParameters lists those of this lab.",
          key));
    }
    if (parameter.String("ApplyMethod", "immediate") != "immediate") {
      return BadCombination(fmt::format(
          "ApplyMethod {} is not served by this lab: its parameters take effect at once; use "
          "immediate.",
          parameter.String("ApplyMethod")));
    }
    if (!IsGoodValue(*row, parameter.String("ParameterValue"))) {
      return BadValue(fmt::format("Invalid parameter value: {} for: {}",
                                  parameter.String("ParameterValue"), key));
    }
    changed.Set(key, parameter.String("ParameterValue"));
  }
  group->second.Set("Parameters", std::move(changed));
  Save();
  for (const auto& [id, instance] : instances_) {
    if (instance->parameter_group != name || !instance->engine->running()) continue;
    Reconfigure(instance).Detach();
  }
  return Value::Struct({{"DBParameterGroupName", name}});
}

// A running server takes over what has changed.
Flow<> Rds::Reconfigure(InstancePtr instance) {
  const AtWork at_work(instance);
  base::Status outcome = instance->engine->Configure(ConfigOf(*instance));
  if (outcome.ok()) outcome = co_await instance->engine->Reload();
  if (!outcome.ok()) {
    AddEvent(instance->id, "db-instance",
             "The parameters could not be applied: " + outcome.error().message(), "failure");
  }
}

Answer Rds::DeleteDBParameterGroup(const Value& input) {
  const std::string name = Lower(input.String("DBParameterGroupName"));
  for (const auto& [id, instance] : instances_) {
    if (instance->parameter_group == name) {
      return ApiError{
          "InvalidDBParameterGroupState",
          fmt::format("One or more database instances are still members of this parameter "
                      "group {}, so the group cannot be deleted",
                      name),
          400,
          {}};
    }
  }
  if (parameter_groups_.erase(name) == 0) return ParameterGroupNotFound(name);
  Save();
  return Value::Struct();
}

// The tags of an instance or a snapshot of this Region, or nullptr.
Value* Rds::TagsOf(std::string_view arn) {
  const ArnParts parts = ParseArn(arn);
  if (parts.kind == "db") {
    const InstancePtr instance = FindInstance(arn);
    return instance == nullptr ? nullptr : &instance->tags;
  }
  const auto snapshot = snapshots_.find(parts.name);
  if (parts.kind != "snapshot" || parts.region != host_.region() || snapshot == snapshots_.end()) {
    return nullptr;
  }
  if (!snapshot->second.record.Has("TagList")) {
    snapshot->second.record.Set("TagList", Value::EmptyList());
  }
  return snapshot->second.record.Find("TagList");
}

Answer Rds::AddTagsToResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceName"));
  if (tags == nullptr) return InstanceNotFound(input.String("ResourceName"));
  for (const Value& tag : input.Items("Tags")) {
    std::erase_if(tags->list(),
                  [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    tags->list().push_back(tag);
  }
  Save();
  return Value::Struct();
}

Answer Rds::ListTagsForResource(const Value& input) {
  const Value* tags = TagsOf(input.String("ResourceName"));
  if (tags == nullptr) return InstanceNotFound(input.String("ResourceName"));
  return Value::Struct({{"TagList", *tags}});
}

Answer Rds::RemoveTagsFromResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceName"));
  if (tags == nullptr) return InstanceNotFound(input.String("ResourceName"));
  for (const Value& key : input.Items("TagKeys")) {
    std::erase_if(tags->list(), [&](const Value& tag) { return tag.String("Key") == key.str(); });
  }
  Save();
  return Value::Struct();
}

}  // namespace leeward::lab::rds
