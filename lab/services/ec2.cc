#include "lab/services/ec2.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/ec2_rules.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::ec2 {
namespace {

using shapes::Value;

constexpr std::size_t kMaxRules = 60;     // of a group, as AWS's default quota
constexpr std::size_t kMaxGroups = 2500;  // of a Region
// The services whose resources are behind security groups.
constexpr std::array<std::string_view, 3> kGuarded = {"rds", "elasticache", "elbv2"};
constexpr std::array<std::string_view, 3> kRegions = {"eu-west-1", "us-east-1", "us-west-2"};

ApiError GroupNotFound(std::string_view id) {
  return {
      "InvalidGroup.NotFound", fmt::format("The security group '{}' does not exist", id), 400, {}};
}

ApiError NoRules() {
  return {"MissingParameter",
          "Either 'ipPermissions' or 'cidrIp' with a protocol should be provided.",
          400,
          {}};
}

bool Listed(const Value::List& wanted, std::string_view text) {
  return wanted.empty() ||
         std::any_of(wanted.begin(), wanted.end(), [&](const Value& v) { return v.str() == text; });
}

// Keeps the items that fit the request's filters, under `key` of the answer.
struct Candidate {
  Value item;
  std::vector<Attribute> attributes;
};
Answer Filtered(const Value& input, std::string_view key, std::vector<Candidate> candidates) {
  Value::List found;
  for (Candidate& candidate : candidates) {
    const auto fits = Fits(input, candidate.attributes);
    if (const auto* error = std::get_if<ApiError>(&fits)) return *error;
    if (std::get<bool>(fits)) found.push_back(std::move(candidate.item));
  }
  const std::int64_t limit = input.Int("MaxResults", 1000);
  Page page;
  if (!TakePage(found, input.String("NextToken"), static_cast<std::size_t>(limit), page)) {
    return ApiError{
        "InvalidPaginationToken", "The NextToken is not one that was given out.", 400, {}};
  }
  Value answer = Value::Struct();
  answer.Set(key, Value(std::move(page.items)));
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

std::string ZoneId(std::string_view zone) {
  return fmt::format("{}-az{}", zone.substr(0, zone.size() - 1), zone.back() - 'a' + 1);
}

}  // namespace

std::span<const OperationRow<Ec2>> Ec2::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Ec2>>({
      {"AuthorizeSecurityGroupIngress", &Ec2::AuthorizeSecurityGroupIngress},
      {"CreateSecurityGroup", &Ec2::CreateSecurityGroup},
      {"DeleteSecurityGroup", &Ec2::DeleteSecurityGroup},
      {"DescribeAvailabilityZones", &Ec2::DescribeAvailabilityZones},
      {"DescribeRegions", &Ec2::DescribeRegions},
      {"DescribeSecurityGroupRules", &Ec2::DescribeSecurityGroupRules},
      {"DescribeSecurityGroups", &Ec2::DescribeSecurityGroups},
      {"DescribeSubnets", &Ec2::DescribeSubnets},
      {"DescribeVpcs", &Ec2::DescribeVpcs},
      {"RevokeSecurityGroupIngress", &Ec2::RevokeSecurityGroupIngress},
  });
  return kTable;
}

std::vector<std::string_view> Ec2::operations() const {
  std::vector<std::string_view> names = OperationNames(Table());
  for (const std::string_view name : OperationNames(ebs::Ebs::Table())) names.push_back(name);
  return names;
}

void Ec2::Handle(const Call& call, Reply reply) {
  if (call.input.Flag("DryRun", false)) {
    return reply(ApiError{
        "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412, {}});
  }
  if (TryOperation(ebs_, ebs::Ebs::Table(), call.operation->name, call.input, reply)) return;
  RunOperation(*this, Table(), call, std::move(reply));
}

void Ec2::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (ebs::Ebs::IsInternal(operation))
    return ebs_.HandleInternal(operation, input, std::move(reply));
  Service::HandleInternal(operation, input, std::move(reply));
}

base::Status Ec2::Start() {
  RETURN_IF_ERROR(ebs_.Start());
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "ec2"));
  for (const Value& saved : state.Items("Groups")) {
    Group group{std::string(saved.String("Id")),
                std::string(saved.String("Name")),
                std::string(saved.String("Description")),
                Value(saved.Items("Tags")),
                {}};
    for (const Value& rule : saved.Items("Rules")) {
      group.rules.push_back({std::string(rule.String("Id")), std::string(rule.String("Protocol")),
                             rule.Int("From", -1), rule.Int("To", -1),
                             std::string(rule.String("Cidr")), std::string(rule.String("Group")),
                             std::string(rule.String("Description"))});
    }
    groups_[group.id] = std::move(group);
  }
  if (!groups_.contains(DefaultGroup())) {
    Group group{DefaultGroup(), "default", "default VPC security group", Value::EmptyList(), {}};
    // AWS's own rule, and one more that can be seen and revoked: a lab's clients are outside any
    // VPC.
    group.rules.push_back({StableId(host_, "sgr", "default-self"), "-1", -1, -1, "", group.id, ""});
    group.rules.push_back({StableId(host_, "sgr", "default-lab"), "-1", -1, -1, "0.0.0.0/0", "",
                           "lab clients live outside the VPC"});
    groups_[group.id] = std::move(group);
    Save();
  }
  return base::Ok();
}

bool Ec2::Exists(std::string_view group_id) const { return groups_.contains(group_id); }
std::string Ec2::DefaultGroup() const { return DefaultSecurityGroupId(host_); }

// A rule that names a group lets its members in; nothing in the lab connects as a member of one.
std::vector<std::string> Ec2::Ingress(const std::vector<std::string>& group_ids,
                                      std::uint16_t port) const {
  std::vector<std::string> cidrs;
  for (const std::string& id : group_ids) {
    const auto group = groups_.find(id);
    if (group == groups_.end()) continue;
    for (const Rule& rule : group->second.rules) {
      if (!rule.cidr.empty() && rule.Covers(port)) cidrs.push_back(rule.cidr);
    }
  }
  return cidrs;
}

Group* Ec2::FindGroup(const Value& input) {
  for (auto& [id, group] : groups_) {
    if (input.Has("GroupId") ? id == input.String("GroupId")
                             : group.name == input.String("GroupName")) {
      return &group;
    }
  }
  return nullptr;
}

Answer Ec2::CreateSecurityGroup(const Value& input) {
  const std::string name(input.String("GroupName"));
  if (name.starts_with("sg-") || name == "default") {
    return ApiError{
        "InvalidParameterValue", fmt::format("Invalid value '{}' for groupName.", name), 400, {}};
  }
  if (input.Has("VpcId") && input.String("VpcId") != DefaultVpcId(host_)) {
    return ApiError{"InvalidVpcID.NotFound",
                    fmt::format("The vpc ID '{}' does not exist", input.String("VpcId")),
                    400,
                    {}};
  }
  for (const auto& [id, group] : groups_) {
    if (group.name != name) continue;
    return ApiError{"InvalidGroup.Duplicate",
                    fmt::format("The security group '{}' already exists for VPC '{}'", name,
                                DefaultVpcId(host_)),
                    400,
                    {}};
  }
  if (groups_.size() >= kMaxGroups) {
    return ApiError{"SecurityGroupLimitExceeded", "Too many security groups.", 400, {}};
  }
  Group group{"sg-" + host_.random().Hex(17),
              name,
              std::string(input.String("Description")),
              Value::EmptyList(),
              {}};
  for (const Value& specification : input.Items("TagSpecifications")) {
    group.tags = Value(specification.Items("Tags"));
  }
  Value answer =
      Value::Struct({{"GroupId", group.id},
                     {"Tags", group.tags},
                     {"SecurityGroupArn", Arn(host_, "ec2", "security-group/" + group.id)}});
  groups_[group.id] = std::move(group);
  Save();
  return answer;
}

Answer Ec2::DeleteSecurityGroup(const Value& input) {
  const Group* group = FindGroup(input);
  if (group == nullptr) {
    return GroupNotFound(input.Has("GroupId") ? input.String("GroupId")
                                              : input.String("GroupName"));
  }
  if (group->name == "default") {
    return ApiError{
        "CannotDelete",
        fmt::format("the specified group: \"{}\" name: \"default\" cannot be deleted by a user",
                    group->id),
        400,
        {}};
  }
  for (const std::string_view service : kGuarded) {
    const auto* guarded = FindSibling<GuardedByGroups>(host_, service);
    if (guarded == nullptr || !guarded->UsesGroup(group->id)) continue;
    return ApiError{"DependencyViolation",
                    fmt::format("resource {} has a dependent object", group->id),
                    400,
                    {}};
  }
  Value answer = Value::Struct({{"Return", true}, {"GroupId", group->id}});
  groups_.erase(std::string(group->id));
  Save();
  return answer;
}

Answer Ec2::AuthorizeSecurityGroupIngress(const Value& input) {
  Group* group = FindGroup(input);
  if (group == nullptr) return GroupNotFound(input.String("GroupId"));
  auto asked = RulesOf(input);
  if (const auto* error = std::get_if<ApiError>(&asked)) return *error;
  auto& rules = std::get<std::vector<Rule>>(asked);
  if (rules.empty()) return NoRules();
  for (Rule& rule : rules) {
    if (!rule.group.empty() && !groups_.contains(rule.group)) return GroupNotFound(rule.group);
    for (const Rule& old : group->rules) {
      if (!old.SameAs(rule)) continue;
      return ApiError{"InvalidPermission.Duplicate",
                      fmt::format("the specified rule \"peer: {}, {}, from port: {}, to port: {}, "
                                  "ALLOW\" already exists",
                                  rule.cidr.empty() ? rule.group : rule.cidr, rule.protocol,
                                  rule.from_port, rule.to_port),
                      400,
                      {}};
    }
    rule.id = "sgr-" + host_.random().Hex(17);
  }
  if (group->rules.size() + rules.size() > kMaxRules) {
    return ApiError{"RulesPerSecurityGroupLimitExceeded",
                    "The maximum number of rules per security group has been reached.",
                    400,
                    {}};
  }
  Value described = Value::EmptyList();
  for (const Rule& rule : rules) {
    group->rules.push_back(rule);
    described.list().push_back(DescribeRule(*group, rule));
  }
  Changed();
  return Value::Struct({{"Return", true}, {"SecurityGroupRules", std::move(described)}});
}

Answer Ec2::RevokeSecurityGroupIngress(const Value& input) {
  Group* group = FindGroup(input);
  if (group == nullptr) return GroupNotFound(input.String("GroupId"));
  auto asked = RulesOf(input);
  if (const auto* error = std::get_if<ApiError>(&asked)) return *error;
  auto& rules = std::get<std::vector<Rule>>(asked);
  for (const Value& id : input.Items("SecurityGroupRuleIds")) {
    const auto found = std::find_if(group->rules.begin(), group->rules.end(),
                                    [&](const Rule& rule) { return rule.id == id.str(); });
    if (found == group->rules.end()) {
      return ApiError{"InvalidSecurityGroupRuleId.NotFound",
                      fmt::format("The security group rule ID '{}' does not exist", id.str()),
                      400,
                      {}};
    }
    rules.push_back(*found);
  }
  if (rules.empty()) return NoRules();
  for (const Rule& rule : rules) {
    const bool known = std::any_of(group->rules.begin(), group->rules.end(),
                                   [&](const Rule& old) { return old.SameAs(rule); });
    if (known) continue;
    return ApiError{"InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                    400,
                    {}};
  }
  Value revoked = Value::EmptyList();
  for (const Rule& rule : rules) {
    std::erase_if(group->rules, [&](const Rule& old) {
      if (!old.SameAs(rule)) return false;
      Value item = DescribeRule(*group, old);
      item.Erase("GroupOwnerId");
      revoked.list().push_back(std::move(item));
      return true;
    });
  }
  Changed();
  return Value::Struct({{"Return", true}, {"RevokedSecurityGroupRules", std::move(revoked)}});
}

Value Ec2::DescribeRule(const Group& group, const Rule& rule) const {
  Value item = Value::Struct({{"SecurityGroupRuleId", rule.id},
                              {"GroupId", group.id},
                              {"GroupOwnerId", host_.account()},
                              {"IsEgress", false},
                              {"IpProtocol", rule.protocol},
                              {"FromPort", rule.from_port},
                              {"ToPort", rule.to_port}});
  if (!rule.cidr.empty()) item.Set("CidrIpv4", rule.cidr);
  if (!rule.group.empty()) {
    item.Set("ReferencedGroupInfo",
             Value::Struct({{"GroupId", rule.group}, {"UserId", host_.account()}}));
  }
  if (!rule.description.empty()) item.Set("Description", rule.description);
  return item;
}

Value Ec2::DescribeGroup(const Group& group) const {
  const Rule everywhere{"", "-1", -1, -1, "0.0.0.0/0", "", ""};
  return Value::Struct({{"GroupId", group.id},
                        {"GroupName", group.name},
                        {"Description", group.description},
                        {"OwnerId", host_.account()},
                        {"VpcId", DefaultVpcId(host_)},
                        {"SecurityGroupArn", Arn(host_, "ec2", "security-group/" + group.id)},
                        {"Tags", group.tags},
                        {"IpPermissions", Permissions(group.rules, host_.account())},
                        {"IpPermissionsEgress", Permissions({everywhere}, host_.account())}});
}

Answer Ec2::DescribeSecurityGroups(const Value& input) {
  for (const Value& id : input.Items("GroupIds")) {
    if (!groups_.contains(id.str())) return GroupNotFound(id.str());
  }
  std::vector<Candidate> candidates;
  for (const auto& [id, group] : groups_) {
    if (!Listed(input.Items("GroupIds"), id) || !Listed(input.Items("GroupNames"), group.name)) {
      continue;
    }
    candidates.push_back({DescribeGroup(group),
                          {{"group-id", id},
                           {"group-name", group.name},
                           {"description", group.description},
                           {"vpc-id", DefaultVpcId(host_)},
                           {"owner-id", host_.account()}}});
  }
  return Filtered(input, "SecurityGroups", std::move(candidates));
}

Answer Ec2::DescribeSecurityGroupRules(const Value& input) {
  std::vector<Candidate> candidates;
  for (const auto& [id, group] : groups_) {
    for (const Rule& rule : group.rules) {
      if (!Listed(input.Items("SecurityGroupRuleIds"), rule.id)) continue;
      candidates.push_back(
          {DescribeRule(group, rule), {{"group-id", id}, {"security-group-rule-id", rule.id}}});
    }
  }
  return Filtered(input, "SecurityGroupRules", std::move(candidates));
}

Answer Ec2::DescribeVpcs(const Value& input) {
  const std::string id = DefaultVpcId(host_);
  for (const Value& wanted : input.Items("VpcIds")) {
    if (wanted.str() == id) continue;
    return ApiError{"InvalidVpcID.NotFound",
                    fmt::format("The vpc ID '{}' does not exist", wanted.str()),
                    400,
                    {}};
  }
  Value vpc = Value::Struct({{"VpcId", id},
                             {"OwnerId", host_.account()},
                             {"State", "available"},
                             {"CidrBlock", "172.31.0.0/16"},
                             {"InstanceTenancy", "default"},
                             {"IsDefault", true}});
  return Filtered(input, "Vpcs",
                  {{std::move(vpc),
                    {{"vpc-id", id},
                     {"is-default", "true"},
                     {"isDefault", "true"},
                     {"state", "available"},
                     {"cidr", "172.31.0.0/16"}}}});
}

Answer Ec2::DescribeSubnets(const Value& input) {
  std::vector<Candidate> candidates;
  for (const DefaultSubnet& subnet : DefaultSubnets(host_)) {
    if (!Listed(input.Items("SubnetIds"), subnet.id)) continue;
    candidates.push_back({Value::Struct({{"SubnetId", subnet.id},
                                         {"OwnerId", host_.account()},
                                         {"State", "available"},
                                         {"VpcId", DefaultVpcId(host_)},
                                         {"CidrBlock", subnet.cidr},
                                         {"AvailabilityZone", subnet.zone},
                                         {"AvailabilityZoneId", ZoneId(subnet.zone)},
                                         {"DefaultForAz", true},
                                         {"MapPublicIpOnLaunch", true}}),
                          {{"subnet-id", subnet.id},
                           {"vpc-id", DefaultVpcId(host_)},
                           {"availability-zone", subnet.zone},
                           {"default-for-az", "true"},
                           {"state", "available"}}});
  }
  for (const Value& wanted : input.Items("SubnetIds")) {
    const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
      return c.item.String("SubnetId") == wanted.str();
    });
    if (known) continue;
    return ApiError{"InvalidSubnetID.NotFound",
                    fmt::format("The subnet ID '{}' does not exist", wanted.str()),
                    400,
                    {}};
  }
  return Filtered(input, "Subnets", std::move(candidates));
}

Answer Ec2::DescribeAvailabilityZones(const Value& input) {
  std::vector<Candidate> candidates;
  for (const DefaultSubnet& subnet : DefaultSubnets(host_)) {
    if (!Listed(input.Items("ZoneNames"), subnet.zone)) continue;
    candidates.push_back({Value::Struct({{"ZoneName", subnet.zone},
                                         {"ZoneId", ZoneId(subnet.zone)},
                                         {"RegionName", host_.region()},
                                         {"State", "available"},
                                         {"OptInStatus", "opt-in-not-required"},
                                         {"ZoneType", "availability-zone"}}),
                          {{"zone-name", subnet.zone},
                           {"zone-id", ZoneId(subnet.zone)},
                           {"region-name", host_.region()},
                           {"state", "available"}}});
  }
  return Filtered(input, "AvailabilityZones", std::move(candidates));
}

Answer Ec2::DescribeRegions(const Value& input) {
  std::vector<Candidate> candidates;
  for (const std::string_view region : kRegions) {
    if (!Listed(input.Items("RegionNames"), region)) continue;
    candidates.push_back(
        {Value::Struct({{"RegionName", region},
                        {"Endpoint", fmt::format("ec2.{}.amazonaws.com", region)},
                        {"OptInStatus", "opt-in-not-required"}}),
         {{"region-name", std::string(region)}, {"opt-in-status", "opt-in-not-required"}}});
  }
  return Filtered(input, "Regions", std::move(candidates));
}

void Ec2::Changed() {
  Save();
  for (const std::string_view service : kGuarded) {
    if (auto* guarded = FindSibling<GuardedByGroups>(host_, service)) {
      guarded->SecurityGroupsChanged();
    }
  }
}

void Ec2::Save() {
  Value::List groups;
  for (const auto& [id, group] : groups_) {
    Value::List rules;
    for (const Rule& rule : group.rules) {
      rules.push_back(Value::Struct({{"Id", rule.id},
                                     {"Protocol", rule.protocol},
                                     {"From", rule.from_port},
                                     {"To", rule.to_port},
                                     {"Cidr", rule.cidr},
                                     {"Group", rule.group},
                                     {"Description", rule.description}}));
    }
    groups.push_back(Value::Struct({{"Id", id},
                                    {"Name", group.name},
                                    {"Description", group.description},
                                    {"Tags", group.tags},
                                    {"Rules", Value(std::move(rules))}}));
  }
  SaveState(host_, "ec2", Value::Struct({{"Groups", Value(std::move(groups))}}));
}

}  // namespace leeward::lab::ec2

namespace leeward::lab {

std::unique_ptr<Service> MakeEc2(Host& host) { return std::make_unique<ec2::Ec2>(host); }

}  // namespace leeward::lab
