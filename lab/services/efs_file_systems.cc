// File systems: made, shown, changed, deleted.
#include <fmt/format.h>

#include <algorithm>

#include "lab/core/remove_tree.h"
#include "lab/services/efs.h"
#include "lab/services/efs_page.h"
#include "lab/trees/sizing.h"

namespace leeward::lab::efs {
namespace {

constexpr base::Duration kCreateAws = std::chrono::seconds(10);
constexpr base::Duration kUpdateAws = std::chrono::seconds(30);
constexpr base::Duration kDeleteAws = std::chrono::seconds(10);

}  // namespace

Answer Efs::CreateFileSystem(const Value& input) {
  std::string token(input.String("CreationToken"));
  if (token.empty()) token = host_.random().Hex(32);
  for (const auto& [id, system] : systems_) {
    if (system.token != token) continue;
    return ApiError{
        "FileSystemAlreadyExists",
        fmt::format("File system '{}' already exists with creation token '{}'", id, token), 409,
        Value::Struct({{"FileSystemId", id}})};
  }
  if (auto problem = CheckCreate(input, home())) return *problem;
  if (auto problem = CheckKeyOf(input)) return *problem;
  auto added = AddFileSystem(std::move(token), input);
  if (auto* error = std::get_if<ApiError>(&added)) return std::move(*error);
  FileSystem& system = *std::get<FileSystem*>(added);
  system.tags = Value(input.Items("Tags"));
  // One Zone file systems are backed up unless somebody says no.
  system.backup = input.Flag("Backup", input.Has("AvailabilityZoneName"));
  Save();
  Value shown = Shown(host_, system, 0);
  RunCreate(system.id).Detach();
  return shown;
}

Problem Efs::CheckKeyOf(const Value& input) const {
  const std::string_view key = input.String("KmsKeyId");
  return CheckKey(key, SeeKey(host_, key, kManagedKeyAlias), home());
}

// What the request says of modes, encryption and zone, all of it checked; not yet saved.
std::variant<FileSystem*, ApiError> Efs::AddFileSystem(std::string token, const Value& input) {
  if (systems_.size() >= limits.file_systems) {
    return ApiError{"FileSystemLimitExceeded",
                    fmt::format("The account already has {} file systems, the most that it can "
                                "have.",
                                systems_.size()),
                    403,
                    {}};
  }
  FileSystem system;
  system.id = "fs-" + host_.random().Hex(kIdDigits);
  system.token = std::move(token);
  system.created = host_.clock().Now();
  system.settings.Set("PerformanceMode", input.String("PerformanceMode", "generalPurpose"));
  system.settings.Set("ThroughputMode", input.String("ThroughputMode", "bursting"));
  for (const char* name : {"ProvisionedThroughputInMibps", "AvailabilityZoneName"}) {
    if (const Value* given = input.Find(name)) system.settings.Set(name, *given);
  }
  const bool encrypted = input.Flag("Encrypted", false);
  system.settings.Set("Encrypted", encrypted);
  const auto key = SeeKey(host_, input.String("KmsKeyId"), kManagedKeyAlias);
  if (encrypted && key) system.settings.Set("KmsKeyId", key->arn);
  if (const base::Status made = MakeFolder(system.id); !made.ok()) {
    return ApiError{"InternalServerError", made.error().message(), 500, {}};
  }
  const std::string id = system.id;
  return &systems_.emplace(id, std::move(system)).first->second;
}

Flow<> Efs::RunCreate(std::string id) {
  co_await Sleep(host_, Paced(kCreateAws));
  FileSystem* system = Find(id);
  if (system == nullptr || system->state != LifeCycle::kCreating) co_return;
  system->state = LifeCycle::kAvailable;
  Save();
}

Answer Efs::DescribeFileSystems(const Value& input) {
  const std::string_view wanted = input.String("FileSystemId");
  const std::string_view token = input.String("CreationToken");
  if (!wanted.empty() && !token.empty()) {
    return BadRequest("FileSystemId and CreationToken cannot both be specified.");
  }
  const FileSystem* one = Find(wanted);
  if (!wanted.empty() && one == nullptr) return FileSystemNotFound(wanted);
  Value::List found;
  for (auto& [id, system] : systems_) {
    if (one != nullptr && one != &system) continue;
    if (!token.empty() && system.token != token) continue;
    found.push_back(Shown(host_, system, CountMountTargets(id)));
    WantSize(system);
  }
  return PageOf(input, kByMarker, "FileSystems", found);
}

// Sizes are of a while ago, as on AWS: whoever asks has the next one measured, unless the last is
// fresh enough for what it took.
void Efs::WantSize(FileSystem& system) {
  const base::WallTime now = host_.clock().Now();
  const base::Duration rest = std::max(limits.size, system.sizing_took * limits.size_rest);
  const bool fresh = now >= system.size_at && now - system.size_at < rest;
  if (system.sizing || fresh || system.state == LifeCycle::kDeleting) return;
  system.sizing = true;
  to_measure_.push_back(system.id);
  if (!measuring_) MeasureAll().Detach();
}

Flow<> Efs::MeasureAll() {
  measuring_ = true;
  while (!to_measure_.empty()) {
    std::string id = std::move(to_measure_.front());
    to_measure_.pop_front();
    co_await Measure(id);
    if (FileSystem* system = Find(id)) system->sizing = false;
  }
  measuring_ = false;
}

// In slices with a pause of their length, so that copies have the worker threads in between.
Flow<> Efs::Measure(std::string id) {
  const base::WallTime at = host_.clock().Now();
  const base::MonotonicTime begun = host_.clock().Monotonic();
  auto begin = trees::Sizing::Begin((FolderOf(id) / "tree").native());
  if (!begin.ok()) co_return;
  const auto sizing = std::make_shared<trees::Sizing>(*std::move(begin));
  for (;;) {
    const base::MonotonicTime slice = host_.clock().Monotonic();
    std::function<bool()> step = [sizing, names = limits.size_names] {
      return sizing->Step(names);
    };
    const bool over = co_await Offload<bool>(host_, std::move(step));
    if (over || Find(id) == nullptr) break;
    co_await Sleep(host_, host_.clock().Monotonic() - slice);
  }
  FileSystem* system = Find(id);
  if (system == nullptr) co_return;
  system->size = static_cast<std::int64_t>(sizing->bytes());
  system->size_at = at;
  system->sizing_took = host_.clock().Monotonic() - begun;
  Save();
}

Problem Efs::CheckThroughputChange(const FileSystem& system, const Value& input) const {
  Value merged = system.settings;
  if (const Value* mode = input.Find("ThroughputMode")) {
    merged.Set("ThroughputMode", *mode);
    merged.Erase("ProvisionedThroughputInMibps");
  }
  if (const Value* amount = input.Find("ProvisionedThroughputInMibps")) {
    merged.Set("ProvisionedThroughputInMibps", *amount);
  }
  return CheckThroughput(merged);
}

Answer Efs::UpdateFileSystem(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  if (auto problem = CheckThroughputChange(*system, input)) return *problem;
  Value& settings = system->settings;
  const bool other_mode = input.Has("ThroughputMode") &&
                          input.String("ThroughputMode") != settings.String("ThroughputMode");
  const double before = settings.Number("ProvisionedThroughputInMibps");
  const bool less = !other_mode && input.Number("ProvisionedThroughputInMibps", before) < before;
  const base::WallTime now = host_.clock().Now();
  if (other_mode || less) {
    const bool ever = system->throughput_changed.since_epoch.count() != 0;
    if (ever && now - system->throughput_changed < limits.throughput_changes) {
      return ApiError{"TooManyRequests",
                      "The throughput mode can be changed, and the provisioned throughput lowered, "
                      "only once in 24 hours.",
                      429,
                      {}};
    }
    system->throughput_changed = now;
  }
  if (other_mode) settings.Erase("ProvisionedThroughputInMibps");
  for (const char* name : {"ThroughputMode", "ProvisionedThroughputInMibps"}) {
    if (const Value* given = input.Find(name)) settings.Set(name, *given);
  }
  system->state = LifeCycle::kUpdating;
  Save();
  Value shown = Shown(host_, *system, CountMountTargets(system->id));
  RunUpdate(system->id).Detach();
  return shown;
}

Flow<> Efs::RunUpdate(std::string id) {
  co_await Sleep(host_, Paced(kUpdateAws));
  FileSystem* system = Find(id);
  if (system == nullptr || system->state != LifeCycle::kUpdating) co_return;
  system->state = LifeCycle::kAvailable;
  Save();
}

Answer Efs::UpdateFileSystemProtection(const Value& input) {
  using Protection = FileSystem::Protection;
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  const std::string_view wanted = input.String("ReplicationOverwriteProtection");
  if (wanted != "ENABLED" && wanted != "DISABLED") {
    return BadRequest("ReplicationOverwriteProtection can be set to ENABLED or DISABLED only.");
  }
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  if (system->protection == Protection::kReplicating) {
    return ApiError{"ReplicationAlreadyExists",
                    "ReplicationOverwriteProtection cannot be changed while the file system is a "
                    "replication destination.",
                    409,
                    {}};
  }
  system->protection = wanted == "ENABLED" ? Protection::kEnabled : Protection::kDisabled;
  Save();
  return Value::Struct({{"ReplicationOverwriteProtection", wanted}});
}

Answer Efs::DeleteFileSystem(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  const std::string& id = system->id;
  const auto in_use = [&](std::string_view why, std::string_view what) {
    return ApiError{
        "FileSystemInUse",
        fmt::format("The file system '{}' cannot be deleted because it has {}. You must "
                    "delete the {}, and then try again.",
                    id, why, what),
        409,
        {}};
  };
  if (CountMountTargets(id) > 0) return in_use("mount targets", "mount targets");
  for (const auto& [name, point] : points_) {
    if (point.file_system == id) return in_use("access points", "access points");
  }
  if (FindOf(id) != nullptr || joining_.contains(id)) {
    return ApiError{"FileSystemInUse",
                    fmt::format("You cannot delete file system '{}' because it is in a replication "
                                "configuration. Delete the replication configuration first.",
                                id),
                    409,
                    {}};
  }
  if (system->state == LifeCycle::kDeleting) return Value::Struct();
  system->state = LifeCycle::kDeleting;
  Save();
  RunDelete(id).Detach();
  return Value::Struct();
}

Flow<> Efs::RunDelete(std::string id) {
  co_await Sleep(host_, Paced(kDeleteAws));
  // Until its files are gone it is not said to be.
  for (std::string told;;) {
    std::function<base::Status()> remove = [folder = FolderOf(id)] { return RemoveTree(folder); };
    const base::Status removed = co_await Offload<base::Status>(host_, std::move(remove));
    if (removed.ok()) break;
    const std::string& why = removed.error().message();
    if (why != told) fmt::print(stderr, "efs: {}, and is tried again\n", why);
    told = why;
    co_await Sleep(host_, limits.tell);
  }
  systems_.erase(id);
  Save();
}

}  // namespace leeward::lab::efs
