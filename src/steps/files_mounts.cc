// Mount targets: without one in its zone nothing there can mount a file system.
#include <algorithm>
#include <set>

#include "steps/files.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

Result<Value::List> SubnetsFor(const Work& work, const model::Files& files) {
  const Value filter =
      files.subnets.empty()
          ? Value::Struct({{"Name", "default-for-az"}, {"Values", Value::List{"true"}}})
          : Value::Struct({{"Name", "tag:Name"}, {"Values", Value::List{files.subnets}}});
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(work.region(), "ec2", "DescribeSubnets",
                              Value::Struct({{"Filters", Value::List{filter}}})));
  if (!answer.Items("Subnets").empty()) return answer.Items("Subnets");
  return base::NotFound("there are no subnets " +
                        (files.subnets.empty() ? std::string("of a default VPC")
                                               : "with the Name tag '" + files.subnets + "'") +
                        " in " + work.region().str() +
                        " for mount targets; name some in the spec (`subnets`)");
}

}  // namespace

Result<std::size_t> EnsureMountTargets(const Work& work, const model::Files& files,
                                       const std::string& id) {
  const Value of = Value::Struct({{"FileSystemId", id}});
  ASSIGN_OR_RETURN(const Value there, work.Pages(work.region(), "efs", "DescribeMountTargets", of));
  ASSIGN_OR_RETURN(const Value::List subnets, SubnetsFor(work, files));
  ASSIGN_OR_RETURN(const std::string group, SecurityGroup(work, files.security_group));
  std::set<std::string> zones;
  for (const Value& target : there.Items("MountTargets"))
    zones.emplace(target.String("AvailabilityZoneName"));
  for (const Value& subnet : subnets) {
    if (!zones.emplace(subnet.String("AvailabilityZone")).second) continue;
    Value input = Value::Struct({{"FileSystemId", id}, {"SubnetId", subnet.String("SubnetId")}});
    if (!group.empty()) input.Set("SecurityGroups", Value::List{group});
    const auto made = work.CallPatiently(work.region(), "efs", "CreateMountTarget", input);
    // Another run's, between the look and the call.
    if (!made.ok() && made.error().service_code() != "MountTargetConflict") return made.error();
  }
  return work.Await<std::size_t>(
      "the mount targets of " + Place(id, work.region()), work.ApiPace(),
      [&]() -> Result<std::optional<std::size_t>> {
        ASSIGN_OR_RETURN(const Value now,
                         work.Pages(work.region(), "efs", "DescribeMountTargets", of));
        const Value::List& targets = now.Items("MountTargets");
        const bool ready = !targets.empty() &&
                           std::all_of(targets.begin(), targets.end(), [](const Value& target) {
                             return target.String("LifeCycleState") == "available";
                           });
        if (!ready) return std::optional<std::size_t>();
        return std::optional<std::size_t>(targets.size());
      });
}

}  // namespace leeward::steps
