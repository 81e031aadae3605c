// Instances: what volumes are attached to. An instance of the lab is its user data: a script that
// runs as a process of this machine, with a folder in the place of /dev. It boots from no volume,
// so it is one of those that AWS calls instance store-backed, and cannot be stopped, only ended.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "base/bytes.h"
#include "lab/services/ebs.h"
#include "lab/services/ebs_checks.h"
#include "lab/services/ec2_vpc.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::size_t kLargestScript = 16384;  // bytes, as AWS's

struct InstanceStateName {
  std::string_view name;
  int code;
};
constexpr InstanceStateName kStates[] = {
    {"pending", 0}, {"running", 16}, {"shutting-down", 32}, {"terminated", 48}};

Value StateValue(std::string_view name) {
  for (const InstanceStateName& state : kStates) {
    if (state.name == name) return Value::Struct({{"Code", state.code}, {"Name", name}});
  }
  CHECK_MSG(false, "an instance state that is not in the table");
}

std::string ImageId(const Host& host) { return StableId(host, "ami", "this machine"); }

void ReplaceDevices(std::string* script, std::string_view prefix, const fs::path& folder) {
  const std::string to = folder.native() + std::string(prefix.substr(4));
  for (std::size_t at = 0; (at = script->find(prefix, at)) != std::string::npos; at += to.size())
    script->replace(at, prefix.size(), to);
}

}  // namespace

std::optional<ApiError> Ebs::CheckLaunch(const Value& input) const {
  if (auto refused = RefuseMembers(
          input, {"BlockDeviceMappings", "KeyName", "SecurityGroupIds", "SecurityGroups",
                  "IamInstanceProfile", "NetworkInterfaces", "LaunchTemplate", "Monitoring",
                  "EbsOptimized", "SubnetId", "PrivateIpAddress", "DisableApiTermination",
                  "InstanceInitiatedShutdownBehavior", "CapacityReservationSpecification",
                  "InstanceMarketOptions"}))
    return refused;
  if (input.String("ImageId") != ImageId(host_)) {
    return ApiError{"InvalidAMIID.NotFound",
                    fmt::format("The image id '[{}]' does not exist", input.String("ImageId")),
                    400,
                    {}};
  }
  if (input.Int("MinCount") != 1 || input.Int("MaxCount") != 1)
    return NotServed("A MinCount or MaxCount other than 1");
  const std::string_view zone = input.Sub("Placement").String("AvailabilityZone");
  const auto zones = DefaultSubnets(host_);
  const bool known = zone.empty() || std::any_of(zones.begin(), zones.end(),
                                                 [&](const auto& one) { return one.zone == zone; });
  if (!known) return BadValue(fmt::format("Invalid availability zone: [{}]", zone));
  const auto script = base::Base64Decode(input.String("UserData"));
  if (!script.ok()) {
    return ApiError{"InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.", 400, {}};
  }
  if (script->size() > kLargestScript) return BadValue("User data is limited to 16384 bytes");
  if (!script->empty() && !script->starts_with("#!"))
    return NotServed("User data that is no script");
  if (instances_.size() < limits.instances) return std::nullopt;
  return ApiError{"InstanceLimitExceeded",
                  fmt::format("You have requested more instances than your current instance limit "
                              "of {} allows.",
                              limits.instances),
                  400,
                  {}};
}

Answer Ebs::RunInstances(const Value& input) {
  if (auto error = CheckLaunch(input)) return *error;
  auto tags = TagsFor(input, "instance");
  if (const auto* error = std::get_if<ApiError>(&tags)) return *error;
  const std::string id = NewId("i-");
  const std::string zone(input.Sub("Placement").String("AvailabilityZone", host_.region() + "a"));
  scripts_[id] = *base::Base64Decode(input.String("UserData"));
  Value record = Value::Struct({{"InstanceId", id},
                                {"ImageId", ImageId(host_)},
                                {"InstanceType", input.String("InstanceType", "m1.small")},
                                {"State", StateValue("pending")},
                                {"LaunchTime", host_.clock().Now()},
                                {"Placement", Value::Struct({{"AvailabilityZone", zone}})},
                                {"RootDeviceType", "instance-store"},
                                {"VpcId", DefaultVpcId(host_)},
                                {"Tags", std::get<Value>(std::move(tags))}});
  instances_[id] = record;
  Save();
  // The answer is on its way before the script runs.
  host_.After(limits.settle, [this, id] { Resume(id); });
  return Value::Struct({{"ReservationId", NewId("r-")},
                        {"OwnerId", host_.account()},
                        {"Instances", Value(Value::List{record})}});
}

void Ebs::Resume(const std::string& id) {
  const auto found = instances_.find(id);
  if (found == instances_.end() || running_.contains(id)) return;
  const std::string_view state = found->second.Sub("State").String("Name");
  if (state != "pending" && state != "running") return;
  const base::Status booted = Boot(id);
  if (!booted.ok()) fmt::print(stderr, "ec2: {}: {}\n", id, booted.error().message());
  SetInstanceState(id, booted.ok() ? "running" : "terminated");
  Save();
}

base::Status Ebs::Boot(const std::string& id) {
  const fs::path folder = InstancePath(id);
  std::error_code error;
  fs::create_directories(folder / "dev", error);
  if (error) return base::Exhausted(folder.native() + ": " + error.message());
  for (const std::string& volume : AttachedTo(id)) {
    const Value& attachment = volumes_[volume].Items("Attachments").front();
    RETURN_IF_ERROR(Link(id, std::string(attachment.String("Device")), volume));
  }
  std::string script = scripts_[id];
  if (script.empty()) return base::Ok();
  ReplaceDevices(&script, "/dev/sd", folder / "dev");
  ReplaceDevices(&script, "/dev/xvd", folder / "dev");
  const fs::path path = folder / "user-data";
  {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << script;
    file.flush();
    if (!file) return base::Exhausted("cannot write " + path.native());
  }
  fs::permissions(path, fs::perms::owner_all, error);
  RETURN_IF_ERROR(host_.GiveToEngine(folder));
  RETURN_IF_ERROR(host_.GiveToEngine(folder / "dev"));
  RETURN_IF_ERROR(host_.GiveToEngine(path));
  ChildSpec spec;
  spec.argv = {path.native()};
  spec.environment = {{"AWS_REGION", host_.region()}, {"AWS_DEFAULT_REGION", host_.region()}};
  spec.directory = folder;
  spec.log = folder / "console.log";
  ASSIGN_OR_RETURN(const ChildId child,
                   host_.Spawn(spec, [this, id](ExitStatus) { running_.erase(id); }));
  running_[id] = {child};
  return base::Ok();
}

void Ebs::SetInstanceState(const std::string& id, std::string_view state) {
  const auto found = instances_.find(id);
  if (found != instances_.end()) found->second.Set("State", StateValue(state));
}

Answer Ebs::TerminateInstances(const Value& input) {
  for (const Value& id : input.Items("InstanceIds")) {
    if (auto error = CheckId(id.str(), "i-")) return *error;
    if (!instances_.contains(id.str())) return InstanceNotFound(id.str());
  }
  Value changes = Value::EmptyList();
  for (const Value& id : input.Items("InstanceIds")) {
    const Value before = instances_[id.str()].Sub("State");
    const bool ended = before.String("Name") == "terminated";
    if (!ended) SetInstanceState(id.str(), "shutting-down");
    changes.list().push_back(Value::Struct({{"InstanceId", id.str()},
                                            {"CurrentState", instances_[id.str()].Sub("State")},
                                            {"PreviousState", before}}));
    if (!ended && before.String("Name") != "shutting-down") Bury(id.str()).Detach();
  }
  Save();
  return Value::Struct({{"TerminatingInstances", std::move(changes)}});
}

Flow<> Ebs::Bury(std::string id) {
  const auto running = running_.find(id);
  if (running != running_.end()) host_.Signal(running->second.child, SIGKILL);
  while (running_.contains(id)) co_await Sleep(host_, limits.settle);
  for (const std::string& volume : AttachedTo(id)) {
    Value attachment = volumes_[volume].Items("Attachments").front();
    attachment.Set("State", "detaching");
    volumes_[volume].Set("Attachments", Value(Value::List{attachment}));
    LetGo(volume).Detach();
  }
  while (!AttachedTo(id).empty()) co_await Sleep(host_, limits.settle);
  SetInstanceState(id, "terminated");
  scripts_.erase(id);
  Save();
  co_await Sleep(host_, limits.terminated);
  instances_.erase(id);
  Save();
}

Answer Ebs::DescribeInstances(const Value& input) {
  for (const Value& id : input.Items("InstanceIds")) {
    if (auto error = CheckId(id.str(), "i-")) return *error;
    if (!instances_.contains(id.str())) return InstanceNotFound(id.str());
  }
  std::vector<Record> found;
  for (const auto& [id, instance] : instances_) {
    if (!IsListed(input.Items("InstanceIds"), id)) continue;
    Value shown = instance;
    Value devices = Value::EmptyList();
    for (const std::string& volume : AttachedTo(id)) {
      const Value& attachment = volumes_[volume].Items("Attachments").front();
      Value ebs = Value::Struct({{"VolumeId", volume},
                                 {"Status", attachment.String("State")},
                                 {"AttachTime", attachment.Sub("AttachTime")},
                                 {"DeleteOnTermination", false}});
      devices.list().push_back(
          Value::Struct({{"DeviceName", attachment.String("Device")}, {"Ebs", std::move(ebs)}}));
    }
    shown.Set("BlockDeviceMappings", std::move(devices));
    found.push_back({std::move(shown),
                     {{"instance-id", id},
                      {"instance-state-name", std::string(instance.Sub("State").String("Name"))},
                      {"image-id", std::string(instance.String("ImageId"))},
                      {"instance-type", std::string(instance.String("InstanceType"))},
                      {"availability-zone",
                       std::string(instance.Sub("Placement").String("AvailabilityZone"))}}});
  }
  Answer page = PageOf(input, {"InstanceIds", "Reservations"}, std::move(found));
  auto* answer = std::get_if<Value>(&page);
  if (answer == nullptr) return page;
  for (Value& one : answer->Find("Reservations")->list()) {
    const Value instance = one;
    one =
        Value::Struct({{"OwnerId", host_.account()}, {"Instances", Value(Value::List{instance})}});
  }
  return page;
}

// There is one: this machine.
Answer Ebs::DescribeImages(const Value& input) {
  for (const Value& id : input.Items("ImageIds")) {
    if (id.str() == ImageId(host_)) continue;
    return ApiError{"InvalidAMIID.NotFound",
                    fmt::format("The image id '[{}]' does not exist", id.str()),
                    400,
                    {}};
  }
  Value image = Value::Struct({{"ImageId", ImageId(host_)},
                               {"Name", "this-machine"},
                               {"Description", "user data runs on the machine that the lab is on"},
                               {"OwnerId", host_.account()},
                               {"State", "available"},
                               {"ImageType", "machine"},
                               {"RootDeviceType", "instance-store"},
                               {"Public", false}});
  return PageOf(input, {"ImageIds", "Images"},
                {{std::move(image),
                  {{"image-id", ImageId(host_)},
                   {"name", "this-machine"},
                   {"owner-id", host_.account()},
                   {"state", "available"}}}});
}

}  // namespace leeward::lab::ebs
