// Volumes: files of their full size that take up what was written to them.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "base/bytes.h"
#include "lab/services/ebs.h"
#include "lab/services/ebs_checks.h"
#include "lab/services/ec2_vpc.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::int64_t kGigabyte = std::int64_t{1} << 30;
constexpr std::int64_t kLargest = 16384;           // GiB, of every type that is served
constexpr std::int64_t kBaselineThroughput = 125;  // MiB/s of a gp3
constexpr std::string_view kKeyAlias = "alias/aws/ebs";

struct TypeRule {
  std::string_view name;
  std::int64_t smallest, largest;  // GiB
};
constexpr std::array<TypeRule, 3> kTypes = {
    {{"gp2", 1, kLargest}, {"gp3", 1, kLargest}, {"standard", 1, 1024}}};

std::int64_t BaselineIops(std::string_view type, std::int64_t gigabytes) {
  if (type == "gp3") return 3000;
  return std::clamp<std::int64_t>(gigabytes * 3, 100, 16000);
}

ApiError NoZone(std::string_view zone) {
  return {"InvalidZone.NotFound", fmt::format("The zone '{}' does not exist.", zone), 400, {}};
}

// Whether a process of this machine has the file open.
bool IsOpenAnywhere(const fs::path& path) {
  struct stat wanted {};
  if (stat(path.c_str(), &wanted) != 0) return false;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code gone;
    const fs::directory_iterator none;
    for (fs::directory_iterator fd(process.path() / "fd", gone); !gone && fd != none;
         fd.increment(gone)) {
      struct stat seen {};
      const bool same = stat(fd->path().c_str(), &seen) == 0 && seen.st_ino == wanted.st_ino &&
                        seen.st_dev == wanted.st_dev;
      if (same) return true;
    }
  }
  return false;
}

// "/dev/sdf" to "/dev/sdp", "/dev/xvdf".
bool IsDevice(std::string_view device) {
  for (const std::string_view prefix : {"/dev/sd", "/dev/xvd"}) {
    if (!device.starts_with(prefix)) continue;
    const std::string_view rest = device.substr(prefix.size());
    return !rest.empty() && rest.size() <= 2 &&
           std::all_of(rest.begin(), rest.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  }
  return false;
}

std::string DeviceName(std::string_view device) { return std::string(device.substr(5)); }

}  // namespace

std::optional<ApiError> Ebs::CheckNewVolume(const Value& input, const Value* source) const {
  if (auto refused =
          RefuseMembers(input, {"Iops", "Throughput", "OutpostArn", "MultiAttachEnabled",
                                "VolumeInitializationRate", "Operator", "AvailabilityZoneId"}))
    return refused;
  if (input.Has("KmsKeyId") && !input.Flag("Encrypted", false)) {
    return ApiError{"InvalidParameterDependency",
                    "The parameter KmsKeyId requires the parameter Encrypted to be set.",
                    400,
                    {}};
  }
  const std::string_view zone = input.String("AvailabilityZone");
  if (zone.empty()) {
    return ApiError{"MissingParameter",
                    "The request must contain the parameter AvailabilityZone or AvailabilityZoneId",
                    400,
                    {}};
  }
  const auto zones = DefaultSubnets(host_);
  if (std::none_of(zones.begin(), zones.end(),
                   [&](const DefaultSubnet& one) { return one.zone == zone; }))
    return NoZone(zone);
  if (!input.Has("Size") && source == nullptr) {
    return ApiError{
        "MissingParameter", "The request must contain the parameter size/snapshot", 400, {}};
  }
  const std::string_view type = input.String("VolumeType", "gp2");
  const auto* rule = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeRule& one) { return one.name == type; });
  if (rule == kTypes.end()) return NotServed(fmt::format("VolumeType {}", type));
  const std::int64_t size = input.Int("Size", source == nullptr ? 0 : source->Int("VolumeSize"));
  if (source != nullptr && size < source->Int("VolumeSize")) {
    return BadValue(
        fmt::format("The size of a volume must be at least that of its snapshot, {} GiB",
                    source->Int("VolumeSize")));
  }
  if (size >= rule->smallest && size <= rule->largest) return std::nullopt;
  return BadValue(fmt::format("Volume of {}GiB is {} for volume type {}; {} is {}GiB.", size,
                              size < rule->smallest ? "too small" : "too large", type,
                              size < rule->smallest ? "minimum" : "maximum",
                              size < rule->smallest ? rule->smallest : rule->largest));
}

// The volume that an earlier request with the same token made.
std::optional<Answer> Ebs::MadeBefore(const std::string& token, const Value& asked) const {
  const auto made = made_by_token_.find(token);
  if (token.empty() || made == made_by_token_.end()) return std::nullopt;
  if (made->second.Sub("Input") != asked) {
    return ApiError{"IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical "
                    "request.",
                    400,
                    {}};
  }
  const auto volume = volumes_.find(made->second.String("VolumeId"));
  return volume == volumes_.end() ? std::nullopt : std::optional<Answer>(volume->second);
}

std::variant<const Value*, ApiError> Ebs::SourceOf(const Value& input) const {
  if (!input.Has("SnapshotId")) return nullptr;
  const std::string_view id = input.String("SnapshotId");
  if (auto error = CheckId(id, "snap-")) return *error;
  const auto source = snapshots_.find(id);
  if (source == snapshots_.end()) return SnapshotNotFound(id);
  if (source->second.String("State") == "completed") return &source->second;
  return WrongState(
      fmt::format("Snapshot is in invalid state - {}", source->second.String("State")));
}

Value Ebs::NewVolume(const Value& input, const Value* source) {
  const std::string_view type = input.String("VolumeType", "gp2");
  const std::int64_t size = input.Int("Size", source == nullptr ? 0 : source->Int("VolumeSize"));
  const bool encrypted =
      input.Flag("Encrypted", false) || (source != nullptr && source->Flag("Encrypted", false));
  Value record = Value::Struct({{"VolumeId", NewId("vol-")},
                                {"Size", size},
                                {"SnapshotId", input.String("SnapshotId")},
                                {"AvailabilityZone", input.String("AvailabilityZone")},
                                {"State", "creating"},
                                {"CreateTime", host_.clock().Now()},
                                {"VolumeType", type},
                                {"Encrypted", encrypted},
                                {"MultiAttachEnabled", false},
                                {"Attachments", Value::EmptyList()}});
  if (type != "standard") record.Set("Iops", BaselineIops(type, size));
  if (type == "gp3") record.Set("Throughput", kBaselineThroughput);
  // The snapshot's key is the volume's, unless another is named.
  if (encrypted) Encrypt(record, input, source == nullptr ? "" : source->String("KmsKeyId"));
  return record;
}

Answer Ebs::CreateVolume(const Value& input) {
  const std::string token(input.String("ClientToken"));
  Value asked = input;
  asked.Erase("ClientToken");
  if (auto before = MadeBefore(token, asked)) return *before;
  const auto source = SourceOf(input);
  if (const auto* error = std::get_if<ApiError>(&source)) return *error;
  const Value* snapshot = std::get<const Value*>(source);
  if (auto error = CheckNewVolume(input, snapshot)) return *error;
  auto tags = TagsFor(input, "volume");
  if (const auto* error = std::get_if<ApiError>(&tags)) return *error;
  if (volumes_.size() >= limits.volumes) {
    return ApiError{
        "VolumeLimitExceeded", "You have exceeded your maximum gp2 storage limit.", 400, {}};
  }
  Value record = NewVolume(input, snapshot);
  record.Set("Tags", std::get<Value>(std::move(tags)));
  const std::string id(record.String("VolumeId"));
  volumes_[id] = record;
  if (!token.empty())
    made_by_token_[token] = Value::Struct({{"VolumeId", id}, {"Input", std::move(asked)}});
  Save();
  MakeVolume(id).Detach();
  return record;
}

// As EC2, which asks KMS when it has answered already: what is wrong with a key is told by the
// state of what was asked for.
void Ebs::Encrypt(Value& record, const Value& input, std::string_view source_key) const {
  const std::string_view asked = input.Has("KmsKeyId") ? input.String("KmsKeyId") : source_key;
  const auto key = SeeKey(host_, asked, kKeyAlias);
  record.Set("KmsKeyId", key ? std::string(key->arn) : std::string(asked));
}

std::string Ebs::WhyNotEncrypted(const Value& record) const {
  if (!record.Flag("Encrypted", false)) return "";
  const auto key = SeeKey(host_, record.String("KmsKeyId"), kKeyAlias);
  return key && key->usable ? "" : "Given key ID is not accessible";
}

// The bytes are there before the volume is: nothing is read from a snapshot behind a program's
// back.
Flow<> Ebs::MakeVolume(std::string id) {
  const auto found = volumes_.find(id);
  const std::string from(found->second.String("SnapshotId"));
  const std::int64_t bytes = found->second.Int("Size") * kGigabyte;
  const fs::path path = VolumePath(id);
  // Held, so that a snapshot that is deleted meanwhile does not take the bytes away.
  BlockMap map;
  base::Status made = base::Ok();
  if (!from.empty()) {
    auto told = blocks_.MapOf(from);
    if (!told.ok()) made = told.error();
    if (told.ok()) map = *std::move(told);
    for (const auto& [index, digest] : map) blocks_.Hold(digest);
  }
  const std::function<base::Status()> write = [this, map, path, bytes] {
    const base::Status written = blocks_.Restore(map, path, bytes);
    blocks_.Release(map);
    return written;
  };
  if (made.ok()) made = co_await Offload<base::Status>(host_, write);
  if (made.ok()) made = host_.GiveToEngine(path);
  co_await Sleep(host_, Paced(limits.settle_aws));
  const auto kept = volumes_.find(id);
  if (kept != volumes_.end()) {
    const std::string why = WhyNotEncrypted(kept->second);
    if (!why.empty()) made = base::WrongState(why);
  }
  if (kept == volumes_.end() || kept->second.String("State") != "creating") co_return;
  kept->second.Set("State", made.ok() ? "available" : "error");
  if (!made.ok()) fmt::print(stderr, "ebs: {}: {}\n", id, made.error().message());
  Save();
}

Answer Ebs::DescribeVolumes(const Value& input) {
  for (const Value& id : input.Items("VolumeIds")) {
    if (auto error = CheckId(id.str(), "vol-")) return *error;
    if (!volumes_.contains(id.str())) return VolumeNotFound(id.str());
  }
  std::vector<Record> found;
  for (const auto& [id, volume] : volumes_) {
    if (!IsListed(input.Items("VolumeIds"), id)) continue;
    Record record{volume,
                  {{"volume-id", id},
                   {"status", std::string(volume.String("State"))},
                   {"size", std::to_string(volume.Int("Size"))},
                   {"snapshot-id", std::string(volume.String("SnapshotId"))},
                   {"availability-zone", std::string(volume.String("AvailabilityZone"))},
                   {"volume-type", std::string(volume.String("VolumeType"))},
                   {"encrypted", volume.Flag("Encrypted", false) ? "true" : "false"}}};
    const Value::List& attached = volume.Items("Attachments");
    const Value attachment = attached.empty() ? Value::Struct() : attached.front();
    for (const auto& [filter, member] :
         {std::pair{"attachment.instance-id", "InstanceId"},
          std::pair{"attachment.device", "Device"}, std::pair{"attachment.status", "State"}}) {
      record.attributes.push_back({filter, std::string(attachment.String(member))});
    }
    found.push_back(std::move(record));
  }
  return PageOf(input, {"VolumeIds", "Volumes"}, std::move(found));
}

Answer Ebs::DeleteVolume(const Value& input) {
  const std::string id(input.String("VolumeId"));
  if (auto error = CheckId(id, "vol-")) return *error;
  const auto found = volumes_.find(id);
  if (found == volumes_.end()) return VolumeNotFound(id);
  const Value::List& attached = found->second.Items("Attachments");
  if (!attached.empty()) {
    return ApiError{"VolumeInUse",
                    fmt::format("Volume {} is currently attached to {}", id,
                                attached.front().String("InstanceId")),
                    400,
                    {}};
  }
  if (found->second.String("State") == "creating")
    return WrongState(fmt::format("Volume {} is in the creating state.", id));
  found->second.Set("State", "deleting");
  Save();
  RemoveVolume(id).Detach();
  return Value::Struct();
}

Flow<> Ebs::RemoveVolume(std::string id) {
  const fs::path path = VolumePath(id);
  const std::function<bool()> remove = [path] {
    std::error_code ignored;
    return fs::remove(path, ignored);
  };
  co_await Offload<bool>(host_, remove);
  co_await Sleep(host_, Paced(limits.settle_aws));
  volumes_.erase(id);
  std::erase_if(made_by_token_,
                [&](const auto& made) { return made.second.String("VolumeId") == id; });
  Save();
}

std::optional<ApiError> Ebs::CheckAttachable(const Value& input) const {
  const std::string_view id = input.String("VolumeId");
  const std::string_view instance = input.String("InstanceId");
  const auto volume = volumes_.find(id);
  if (volume == volumes_.end()) return VolumeNotFound(id);
  const auto to = instances_.find(instance);
  if (to == instances_.end()) return InstanceNotFound(instance);
  if (!volume->second.Items("Attachments").empty()) {
    return ApiError{
        "VolumeInUse", fmt::format("{} is already attached to an instance", id), 400, {}};
  }
  if (volume->second.String("State") != "available")
    return WrongState(fmt::format("Volume '{}' is not 'available'.", id));
  if (to->second.Sub("State").String("Name") != "running")
    return WrongState(fmt::format("Instance '{}' is not 'running'.", instance));
  if (to->second.Sub("Placement").String("AvailabilityZone") ==
      volume->second.String("AvailabilityZone"))
    return std::nullopt;
  return ApiError{
      "InvalidVolume.ZoneMismatch",
      fmt::format("The volume '{}' is not in the same availability zone as instance '{}'", id,
                  instance),
      400,
      {}};
}

std::optional<ApiError> Ebs::CheckDevice(const Value& input) const {
  const std::string_view device = input.String("Device");
  if (!IsDevice(device)) {
    return BadValue(fmt::format(
        "Value ({}) for parameter device is invalid. {} is not a valid EBS device name.", device,
        device));
  }
  for (const std::string& other : AttachedTo(input.String("InstanceId"))) {
    const Value& attachment = volumes_.at(other).Items("Attachments").front();
    if (attachment.String("Device") != device) continue;
    return BadValue(
        fmt::format("Invalid value '{}' for unixDevice. Attachment point {} is already in use",
                    device, device));
  }
  return std::nullopt;
}

Answer Ebs::AttachVolume(const Value& input) {
  const std::string id(input.String("VolumeId"));
  const std::string instance(input.String("InstanceId"));
  const std::string device(input.String("Device"));
  if (auto error = CheckId(id, "vol-")) return *error;
  if (auto error = CheckId(instance, "i-")) return *error;
  if (auto refused = RefuseMembers(input, {"EbsCardIndex"})) return *refused;
  if (auto error = CheckAttachable(input)) return *error;
  if (auto error = CheckDevice(input)) return *error;
  if (const base::Status linked = Link(instance, device, id); !linked.ok())
    return ApiError{"InternalError", linked.error().message(), 500, {}};
  Value attachment = Value::Struct({{"VolumeId", id},
                                    {"InstanceId", instance},
                                    {"Device", device},
                                    {"State", "attached"},
                                    {"AttachTime", host_.clock().Now()},
                                    {"DeleteOnTermination", false}});
  Value& volume = volumes_[id];
  volume.Set("Attachments", Value(Value::List{attachment}));
  volume.Set("State", "in-use");
  Save();
  attachment.Set("State", "attaching");  // as EC2 says at once
  return attachment;
}

base::Status Ebs::Link(const std::string& instance, const std::string& device,
                       const std::string& volume) {
  const fs::path link = InstancePath(instance) / "dev" / DeviceName(device);
  std::error_code error;
  fs::remove(link, error);
  fs::create_symlink(VolumePath(volume), link, error);
  return error ? base::Status(base::Exhausted(link.native() + ": " + error.message())) : base::Ok();
}

void Ebs::Unlink(const std::string& instance, const std::string& device) {
  std::error_code ignored;
  fs::remove(InstancePath(instance) / "dev" / DeviceName(device), ignored);
}

Answer Ebs::DetachVolume(const Value& input) {
  const std::string id(input.String("VolumeId"));
  if (auto error = CheckId(id, "vol-")) return *error;
  if (input.Flag("Force", false)) return NotServed("Force of DetachVolume");
  const auto volume = volumes_.find(id);
  if (volume == volumes_.end()) return VolumeNotFound(id);
  const Value::List& attached = volume->second.Items("Attachments");
  if (attached.empty())
    return WrongState(fmt::format("Volume '{}' is in the 'available' state.", id));
  Value attachment = attached.front();
  const bool matches =
      (!input.Has("InstanceId") || input.String("InstanceId") == attachment.String("InstanceId")) &&
      (!input.Has("Device") || input.String("Device") == attachment.String("Device"));
  if (!matches) {
    return ApiError{"InvalidAttachment.NotFound",
                    fmt::format("The volume '{}' is not attached as said in the request.", id),
                    400,
                    {}};
  }
  const bool begun = attachment.String("State") == "detaching";
  attachment.Set("State", "detaching");
  volume->second.Set("Attachments", Value(Value::List{attachment}));
  Save();
  if (!begun) LetGo(id).Detach();
  return attachment;
}

// As on AWS a device that is in use stays until it is closed; nobody opens it any more.
Flow<> Ebs::LetGo(std::string id) {
  const Value attachment = volumes_[id].Items("Attachments").front();
  Unlink(std::string(attachment.String("InstanceId")), std::string(attachment.String("Device")));
  const fs::path path = VolumePath(id);
  const std::function<bool()> is_open = [path] { return IsOpenAnywhere(path); };
  while (true) {
    const bool open = co_await Offload<bool>(host_, is_open);
    if (!open) break;
    co_await Sleep(host_, limits.detach_look);
  }
  const auto volume = volumes_.find(id);
  if (volume == volumes_.end()) co_return;
  volume->second.Set("Attachments", Value::EmptyList());
  volume->second.Set("State", "available");
  Save();
}

std::vector<std::string> Ebs::AttachedTo(std::string_view instance) const {
  std::vector<std::string> ids;
  for (const auto& [id, volume] : volumes_) {
    const Value::List& attached = volume.Items("Attachments");
    if (!attached.empty() && attached.front().String("InstanceId") == instance) ids.push_back(id);
  }
  return ids;
}

}  // namespace leeward::lab::ebs
