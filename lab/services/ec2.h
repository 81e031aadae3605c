// EC2 as far as fencing a database needs it: security groups whose rules the lab's network obeys,
// and a default VPC with its subnets and zones, read only.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/ebs.h"
#include "lab/services/region_links.h"

namespace leeward::lab::ec2 {

// One source that may open connections.
struct Rule {
  std::string id;
  std::string protocol;  // "tcp", "udp", "icmp", "-1" for all
  std::int64_t from_port = -1;
  std::int64_t to_port = -1;
  std::string cidr;   // one of these two is set
  std::string group;  // another group's id
  std::string description;

  // The same source for the same traffic; ids and descriptions do not matter.
  bool SameAs(const Rule& other) const {
    return protocol == other.protocol && from_port == other.from_port && to_port == other.to_port &&
           cidr == other.cidr && group == other.group;
  }
  bool Covers(std::uint16_t port) const {
    return protocol == "-1" || (protocol == "tcp" && from_port <= port && port <= to_port);
  }
};

struct Group {
  std::string id;
  std::string name;
  std::string description;
  shapes::Value tags = shapes::Value::EmptyList();
  std::vector<Rule> rules;
};

// "10.0.0.0/16" with no host bits set, as EC2 wants it.
bool ValidCidr(std::string_view cidr);

class Ec2 : public Service, public SecurityGroups, public KeepsVolumes {
 public:
  explicit Ec2(Host& host) : host_(host), ebs_(host) {}

  std::string_view name() const override { return "ec2"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;
  base::Status Start() override;

  bool Exists(std::string_view group_id) const override;
  std::string DefaultGroup() const override;
  std::vector<std::string> Ingress(const std::vector<std::string>& group_ids,
                                   std::uint16_t port) const override;
  VolumeSnapshots& Volumes() override { return ebs_; }

 private:
  using Value = shapes::Value;
  static std::span<const OperationRow<Ec2>> Table();

  Answer CreateSecurityGroup(const Value& input);
  Answer DeleteSecurityGroup(const Value& input);
  Answer AuthorizeSecurityGroupIngress(const Value& input);
  Answer RevokeSecurityGroupIngress(const Value& input);
  Answer DescribeSecurityGroups(const Value& input);
  Answer DescribeSecurityGroupRules(const Value& input);
  Answer DescribeVpcs(const Value& input);
  Answer DescribeSubnets(const Value& input);
  Answer DescribeAvailabilityZones(const Value& input);
  Answer DescribeRegions(const Value& input);

  Group* FindGroup(const Value& input);
  Value DescribeRule(const Group& group, const Rule& rule) const;
  Value DescribeGroup(const Group& group) const;
  void Changed();
  void Save();

  Host& host_;
  ebs::Ebs ebs_;  // volumes, snapshots and instances
  std::map<std::string, Group, std::less<>> groups_;
};

}  // namespace leeward::lab::ec2

namespace leeward::lab {
std::unique_ptr<Service> MakeEc2(Host& host);
}
