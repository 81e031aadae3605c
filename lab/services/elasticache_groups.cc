// Subnet groups and tags.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ec2_vpc.h"
#include "lab/services/elasticache.h"
#include "lab/services/list_page.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr std::size_t kMostTags = 50;

ApiError SubnetGroupNotFound(std::string_view name) {
  return {"CacheSubnetGroupNotFoundFault",
          fmt::format("Cache Subnet Group {} does not exist.", name),
          400,
          {}};
}

}  // namespace

Answer ElastiCache::CreateCacheSubnetGroup(const Value& input) {
  const std::string name = Lower(input.String("CacheSubnetGroupName"));
  if (auto problem = CheckSnapshotName("CacheSubnetGroupName", name)) return *problem;
  if (name == "default" || subnet_groups_.contains(name)) {
    return ApiError{"CacheSubnetGroupAlreadyExists",
                    fmt::format("Cache subnet group {} already exists.", name),
                    400,
                    {}};
  }
  Value subnets = Value::EmptyList();
  const std::vector<DefaultSubnet> known = DefaultSubnets(host_);
  for (const Value& id : input.Items("SubnetIds")) {
    const auto subnet = std::find_if(known.begin(), known.end(),
                                     [&](const DefaultSubnet& s) { return s.id == id.str(); });
    if (subnet == known.end()) {
      return ApiError{
          "InvalidSubnet", fmt::format("The subnet ID '{}' does not exist.", id.str()), 400, {}};
    }
    subnets.list().push_back(
        Value::Struct({{"SubnetIdentifier", subnet->id},
                       {"SubnetAvailabilityZone", Value::Struct({{"Name", subnet->zone}})}}));
  }
  if (subnets.list().empty()) {
    return ApiError{"InvalidSubnet", "At least one subnet must be given.", 400, {}};
  }
  subnet_groups_[name] =
      Value::Struct({{"CacheSubnetGroupName", name},
                     {"CacheSubnetGroupDescription", input.String("CacheSubnetGroupDescription")},
                     {"VpcId", DefaultVpcId(host_)},
                     {"Subnets", std::move(subnets)},
                     {"ARN", Arn(host_, "elasticache", "subnetgroup:" + name)}});
  if (!input.Items("Tags").empty()) tags_["subnetgroup:" + name] = Value(input.Items("Tags"));
  Save();
  return Value::Struct({{"CacheSubnetGroup", subnet_groups_[name]}});
}

Answer ElastiCache::DescribeCacheSubnetGroups(const Value& input) {
  const std::string name = Lower(input.String("CacheSubnetGroupName"));
  Value::List found;
  for (const auto& [key, group] : subnet_groups_) {
    if (name.empty() || key == name) found.push_back(group);
  }
  if (!name.empty() && found.empty()) return SubnetGroupNotFound(name);
  return ListPage(input, "CacheSubnetGroups", found);
}

Answer ElastiCache::DeleteCacheSubnetGroup(const Value& input) {
  const std::string name = Lower(input.String("CacheSubnetGroupName"));
  for (const auto& [id, group] : groups_) {
    if (group->settings.String("SubnetGroup") == name) {
      return ApiError{"CacheSubnetGroupInUse",
                      fmt::format("Cache subnet group {} is currently in use by {}.", name, id),
                      400,
                      {}};
    }
  }
  if (subnet_groups_.erase(name) == 0) return SubnetGroupNotFound(name);
  tags_.erase("subnetgroup:" + name);
  Save();
  return Value::Struct();
}

// The tags of a resource of this Region; nullptr, and why, when there is none by this ARN.
Value* ElastiCache::TagsOf(std::string_view arn, ApiError& problem) {
  const ArnParts parts = ParseArn(host_, arn);
  problem = {"InvalidARN",
             fmt::format("{} is not the ARN of an ElastiCache resource here.", arn),
             400,
             {}};
  if (parts.kind == "replicationgroup") {
    const GroupPtr group = FindGroup(parts.name);
    problem = GroupNotFound(parts.name);
    return group == nullptr ? nullptr : &group->tags;
  }
  // Nodes have the tags of their group, as their costs are counted together.
  if (parts.kind == "cluster") {
    const GroupPtr group = FindByNode(parts.name);
    problem = {
        "CacheClusterNotFound", fmt::format("CacheCluster not found: {}", parts.name), 404, {}};
    return group == nullptr ? nullptr : &group->tags;
  }
  if (parts.kind == "snapshot") {
    problem = SnapshotNotFound(parts.name);
    if (!snapshots_.contains(parts.name)) return nullptr;
    return &tags_.try_emplace(parts.name, Value::EmptyList()).first->second;
  }
  if (parts.kind == "subnetgroup") {
    problem = SubnetGroupNotFound(parts.name);
    if (!subnet_groups_.contains(parts.name)) return nullptr;
    return &tags_.try_emplace("subnetgroup:" + parts.name, Value::EmptyList()).first->second;
  }
  return nullptr;
}

Answer ElastiCache::AddTagsToResource(const Value& input) {
  ApiError problem;
  Value* tags = TagsOf(input.String("ResourceName"), problem);
  if (tags == nullptr) return problem;
  Value changed = *tags;
  for (const Value& tag : input.Items("Tags")) {
    std::erase_if(changed.list(),
                  [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    changed.list().push_back(tag);
  }
  if (changed.list().size() > kMostTags) {
    return ApiError{"TagQuotaPerResourceExceeded",
                    fmt::format("A resource can have at most {} tags.", kMostTags),
                    400,
                    {}};
  }
  *tags = std::move(changed);
  Save();
  return Value::Struct({{"TagList", *tags}});
}

Answer ElastiCache::ListTagsForResource(const Value& input) {
  ApiError problem;
  const Value* tags = TagsOf(input.String("ResourceName"), problem);
  if (tags == nullptr) return problem;
  return Value::Struct({{"TagList", *tags}});
}

Answer ElastiCache::RemoveTagsFromResource(const Value& input) {
  ApiError problem;
  Value* tags = TagsOf(input.String("ResourceName"), problem);
  if (tags == nullptr) return problem;
  for (const Value& key : input.Items("TagKeys")) {
    const std::size_t removed = std::erase_if(
        tags->list(), [&](const Value& tag) { return tag.String("Key") == key.str(); });
    if (removed == 0) {
      return ApiError{"TagNotFound", fmt::format("The tag {} is not there.", key.str()), 404, {}};
    }
  }
  Save();
  return Value::Struct({{"TagList", *tags}});
}

}  // namespace leeward::lab::elasticache
