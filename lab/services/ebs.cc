#include "lab/services/ebs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "lab/services/ebs_checks.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;

Value ListOf(const std::map<std::string, Value, std::less<>>& records) {
  Value::List list;
  for (const auto& [id, record] : records) list.push_back(record);
  return Value(std::move(list));
}

constexpr std::string_view kDescribeForCopy = "DescribeSnapshotForCopy";
constexpr std::string_view kReadForCopy = "ReadSnapshotBlock";

}  // namespace

Ebs::Ebs(Host& host) : host_(host), blocks_(host.StateDirectory("ebs")) {}

std::span<const OperationRow<Ebs>> Ebs::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Ebs>>({
      {"AttachVolume", &Ebs::AttachVolume},
      {"CopySnapshot", &Ebs::CopySnapshot},
      {"CreateSnapshot", &Ebs::CreateSnapshot},
      {"CreateSnapshots", &Ebs::CreateSnapshots},
      {"CreateTags", &Ebs::CreateTags},
      {"CreateVolume", &Ebs::CreateVolume},
      {"DeleteSnapshot", &Ebs::DeleteSnapshot},
      {"DeleteTags", &Ebs::DeleteTags},
      {"DeleteVolume", &Ebs::DeleteVolume},
      {"DescribeImages", &Ebs::DescribeImages},
      {"DescribeInstances", &Ebs::DescribeInstances},
      {"DescribeSnapshots", &Ebs::DescribeSnapshots},
      {"DescribeVolumes", &Ebs::DescribeVolumes},
      {"DetachVolume", &Ebs::DetachVolume},
      {"RunInstances", &Ebs::RunInstances},
      {"TerminateInstances", &Ebs::TerminateInstances},
  });
  return kTable;
}

bool Ebs::IsInternal(std::string_view operation) {
  return operation == kDescribeForCopy || operation == kReadForCopy;
}

void Ebs::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (operation == kDescribeForCopy) return DescribeForCopy(input, std::move(reply));
  ReadForCopy(input, std::move(reply));
}

base::Status Ebs::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "ebs"));
  for (const Value& one : state.Items("Volumes"))
    volumes_[std::string(one.String("VolumeId"))] = one;
  for (const Value& one : state.Items("Snapshots"))
    snapshots_[std::string(one.String("SnapshotId"))] = one;
  for (const Value& one : state.Items("Instances"))
    instances_[std::string(one.String("InstanceId"))] = one;
  for (const Value& one : state.Items("Copying")) {
    copying_[std::string(one.String("Id"))] = {std::string(one.String("Region")),
                                               std::string(one.String("Snapshot"))};
  }
  for (const Value& one : state.Items("Scripts"))
    scripts_[std::string(one.String("Id"))] = one.String("Text");
  for (const Value& one : state.Items("Tokens"))
    made_by_token_[std::string(one.String("Token"))] = one.Sub("Asked");
  std::vector<std::string> kept;
  for (const auto& [id, record] : snapshots_) {
    if (!copying_.contains(id) && record.String("State") != "error") kept.push_back(id);
  }
  RETURN_IF_ERROR(blocks_.Open(
      kept, copying_.empty() ? BlockStore::Orphans::kDropped : BlockStore::Orphans::kKept));
  std::error_code error;
  std::filesystem::create_directories(Directory() / "volumes", error);
  std::filesystem::create_directories(Directory() / "instances", error);
  GoOn();
  return base::Ok();
}

// What a kill had cut off.
void Ebs::GoOn() {
  std::vector<std::function<Flow<>()>> begun;
  for (const auto& [id, record] : volumes_) {
    const std::string_view state = record.String("State");
    if (state == "creating") begun.emplace_back([this, id = id] { return MakeVolume(id); });
    if (state == "deleting") begun.emplace_back([this, id = id] { return RemoveVolume(id); });
    const Value::List& attached = record.Items("Attachments");
    if (!attached.empty() && attached.front().String("State") == "detaching")
      begun.emplace_back([this, id = id] { return LetGo(id); });
  }
  for (const auto& [id, record] : snapshots_) {
    if (record.String("State") != "pending") continue;
    begun.emplace_back([this, id = id, copied = copying_.contains(id)] {
      return copied ? RunCopy(id) : Complete(id);
    });
  }
  std::vector<std::string> running;
  for (const auto& [id, record] : instances_) {
    const std::string_view state = record.Sub("State").String("Name");
    if (state == "running" || state == "pending") running.push_back(id);
    if (state == "shutting-down") begun.emplace_back([this, id = id] { return Bury(id); });
  }
  for (const std::string& id : running) Resume(id);
  for (const auto& begin : begun) begin().Detach();
}

std::optional<SnapshotSeen> Ebs::SeeSnapshot(std::string_view id) const {
  const auto found = snapshots_.find(id);
  if (found == snapshots_.end()) return std::nullopt;
  const Value& record = found->second;
  SnapshotSeen seen;
  seen.state = record.String("State");
  seen.message = record.String("StateMessage");
  seen.volume = record.String("VolumeId");
  seen.gigabytes = static_cast<int>(record.Int("VolumeSize"));
  seen.key = record.String("KmsKeyId");
  seen.started = record.Sub("StartTime").time();
  return seen;
}

Value* Ebs::FindTagged(std::string_view id) {
  for (Records* records : {&volumes_, &snapshots_, &instances_}) {
    const auto found = records->find(id);
    if (found != records->end()) return &found->second;
  }
  return nullptr;
}

Answer Ebs::CreateTags(const Value& input) {
  for (const Value& id : input.Items("Resources")) {
    if (id.str().starts_with("sg-")) return NotServed("CreateTags of a security group");
    if (FindTagged(id.str()) == nullptr) {
      return ApiError{"InvalidID", fmt::format("The ID '{}' is not valid", id.str()), 400, {}};
    }
  }
  for (const Value& tag : input.Items("Tags")) {
    if (!tag.String("Key").starts_with("aws:")) continue;
    return BadValue(
        "Tag keys starting with 'aws:' are reserved for internal use. They can not be modified.");
  }
  for (const Value& id : input.Items("Resources")) {
    Value* record = FindTagged(id.str());
    record->Set("Tags", MergedTags(record->Sub("Tags"), input.Items("Tags")));
  }
  Save();
  return Value::Struct();
}

// Without tags all of them go; one with a value only if it has that value.
Answer Ebs::DeleteTags(const Value& input) {
  for (const Value& id : input.Items("Resources")) {
    Value* record = FindTagged(id.str());
    if (record == nullptr) continue;  // as EC2
    Value kept = Value::EmptyList();
    for (const Value& tag : record->Items("Tags")) {
      const auto goes = [&](const Value& asked) {
        return asked.String("Key") == tag.String("Key") &&
               (!asked.Has("Value") || asked.String("Value") == tag.String("Value"));
      };
      const Value::List& asked = input.Items("Tags");
      if (!asked.empty() && std::none_of(asked.begin(), asked.end(), goes))
        kept.list().push_back(tag);
    }
    record->Set("Tags", std::move(kept));
  }
  Save();
  return Value::Struct();
}

base::Duration Ebs::Paced(base::Duration aws) const {
  return host_.pace() == Pace::kAws ? aws : limits.settle;
}

std::string Ebs::NewId(std::string_view prefix) {
  return fmt::format("{}{}", prefix, host_.random().Hex(17));
}

std::filesystem::path Ebs::Directory() const { return host_.StateDirectory("ebs"); }
std::filesystem::path Ebs::VolumePath(std::string_view id) const {
  return Directory() / "volumes" / id;
}
std::filesystem::path Ebs::InstancePath(std::string_view id) const {
  return Directory() / "instances" / id;
}

void Ebs::Save() {
  Value copying = Value::EmptyList();
  for (const auto& [id, from] : copying_) {
    copying.list().push_back(
        Value::Struct({{"Id", id}, {"Region", from.region}, {"Snapshot", from.snapshot}}));
  }
  Value scripts = Value::EmptyList();
  for (const auto& [id, text] : scripts_)
    scripts.list().push_back(Value::Struct({{"Id", id}, {"Text", text}}));
  Value tokens = Value::EmptyList();
  for (const auto& [token, asked] : made_by_token_)
    tokens.list().push_back(Value::Struct({{"Token", token}, {"Asked", asked}}));
  SaveState(host_, "ebs",
            Value::Struct({{"Volumes", ListOf(volumes_)},
                           {"Snapshots", ListOf(snapshots_)},
                           {"Instances", ListOf(instances_)},
                           {"Copying", std::move(copying)},
                           {"Scripts", std::move(scripts)},
                           {"Tokens", std::move(tokens)}}));
}

}  // namespace leeward::lab::ebs
