#include "steps/datasync_task.h"

#include <algorithm>

namespace leeward::steps {
namespace {

using model::DataSync;
using model::SyncAttribute;

constexpr char kSyncNone[] = "NONE";

const char* VerifyModeOf(model::SyncVerify verify) {
  switch (verify) {
    case model::SyncVerify::kTransferred:
      return "ONLY_FILES_TRANSFERRED";
    case model::SyncVerify::kEverything:
      return "POINT_IN_TIME_CONSISTENT";
    case model::SyncVerify::kNone:
      return kSyncNone;
  }
  CHECK_NEVER("SyncVerify outside its enum");
}

const char* KeptAs(SyncAttribute attribute, const char* kept) {
  return attribute == SyncAttribute::kKeep ? kept : kSyncNone;
}

// "rate(90 minutes)"
std::string RateOf(base::Duration every) {
  const std::int64_t minutes = every / std::chrono::minutes(1);
  constexpr std::int64_t kHour = 60, kDay = 24 * kHour;
  const bool days = minutes % kDay == 0;
  const bool hours = minutes % kHour == 0;
  const std::int64_t count = days ? minutes / kDay : hours ? minutes / kHour : minutes;
  const std::string unit = days ? "day" : hours ? "hour" : "minute";
  return "rate(" + std::to_string(count) + " " + unit + (count == 1 ? ")" : "s)");
}

Value FiltersOf(const std::vector<std::string>& patterns) {
  std::string joined;
  for (const std::string& one : patterns) joined += (joined.empty() ? "" : "|") + one;
  if (joined.empty()) return Value::EmptyList();
  return Value::List{Value::Struct({{"FilterType", "SIMPLE_PATTERN"}, {"Value", joined}})};
}

// What the mount target is in; nullopt: there is none that is available.
struct MountPoint {
  std::string id, subnet;
};
Result<std::optional<MountPoint>> MountOf(const Work& work, const Region& region,
                                          const std::string& id) {
  ASSIGN_OR_RETURN(const Value told, work.Pages(region, "efs", "DescribeMountTargets",
                                                Value::Struct({{"FileSystemId", id}})));
  for (const Value& target : told.Items("MountTargets")) {
    if (target.String("LifeCycleState") != "available") continue;
    return std::optional(MountPoint{std::string(target.String("MountTargetId")),
                                    std::string(target.String("SubnetId"))});
  }
  return std::optional<MountPoint>();
}

base::Error NotMounted(const DataSync& synced, const Region& region, const FileSystem& system) {
  return base::WrongState(FilesPlace(synced, system, region) +
                          " has no mount target, by which DataSync would reach it; create one");
}

// "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-0123", of the file system's account.
std::string NetworkArn(const FileSystem& system, const std::string& resource) {
  constexpr std::string_view kService = ":elasticfilesystem:";
  std::string arn = system.arn.substr(0, system.arn.rfind(':') + 1);
  const std::size_t service = arn.find(kService);
  if (service != std::string::npos) arn.replace(service, kService.size(), ":ec2:");
  return arn + resource;
}

Result<std::string> CreateLocation(const Work& work, const DataSync& synced, const Region& region,
                                   const FileSystem& system) {
  ASSIGN_OR_RETURN(const std::optional<MountPoint> mount, MountOf(work, region, system.id));
  if (!mount) return NotMounted(synced, region, system);
  ASSIGN_OR_RETURN(const Value told,
                   work.CallPatiently(region, "efs", "DescribeMountTargetSecurityGroups",
                                      Value::Struct({{"MountTargetId", mount->id}})));
  Value::List groups;
  for (const Value& group : told.Items("SecurityGroups"))
    groups.emplace_back(NetworkArn(system, "security-group/" + group.str()));
  const Value network = Value::Struct({{"SubnetArn", NetworkArn(system, "subnet/" + mount->subnet)},
                                       {"SecurityGroupArns", groups}});
  const Value tag = Value::Struct({{"Key", "Name"}, {"Value", SyncTaskName(work)}});
  work.Say("creating a DataSync location of " + FilesPlace(synced, system, region));
  ASSIGN_OR_RETURN(const Value made,
                   work.CallPatiently(region, "datasync", "CreateLocationEfs",
                                      Value::Struct({{"EfsFilesystemArn", system.arn},
                                                     {"Ec2Config", network},
                                                     {"Tags", Value::List{tag}}})));
  return std::string(made.String("LocationArn"));
}

// Any of the whole file system serves.
Result<std::string> EnsureLocation(const Work& work, const DataSync& synced, const Region& region,
                                   const FileSystem& system) {
  ASSIGN_OR_RETURN(const std::vector<SyncLocation> there, LocationsOf(work, region, system.id));
  for (const SyncLocation& one : there) {
    if (one.whole) return one.arn;
  }
  return CreateLocation(work, synced, region, system);
}

// A source that was put aside, say: nothing reads from it any more.
Status DropLocation(const Work& work, const Region& region, const std::string& arn) {
  const AskSync ask = AskSyncIn(work, region);
  ASSIGN_OR_RETURN(const Value listed, ask("ListLocations", Value::Struct()));
  const Value::List& locations = listed.Items("Locations");
  const bool there = std::any_of(locations.begin(), locations.end(), [&](const Value& one) {
    return one.String("LocationArn") == arn;
  });
  if (!there) return base::Ok();
  const auto deleted = ask("DeleteLocation", Value::Struct({{"LocationArn", arn}}));
  if (deleted.ok()) return base::Ok();
  if (deleted.error().code() != base::ErrorCode::kInvalid) return deleted.error();
  work.Say("the location " + arn + " stays: " + deleted.error().message());
  return base::Ok();
}

bool IsAsWanted(const DataSync& synced, const SyncTask& task) {
  const Value wanted = SyncOptions(synced);
  const bool options =
      std::all_of(wanted.members().begin(), wanted.members().end(), [&](const auto& one) {
        const Value* told = task.options.Find(one.first);
        return told != nullptr && *told == one.second;
      });
  return options && task.scheduled && task.schedule == ScheduleOf(synced) &&
         task.includes == FiltersOf(synced.include) && task.excludes == FiltersOf(synced.exclude);
}

// What a task is told when it is made and when it is put right.
Value WantedTask(const DataSync& synced) {
  return Value::Struct({{"Options", SyncOptions(synced)},
                        {"Includes", FiltersOf(synced.include)},
                        {"Excludes", FiltersOf(synced.exclude)},
                        {"Schedule", Value::Struct({{"ScheduleExpression", ScheduleOf(synced)},
                                                    {"Status", "ENABLED"}})}});
}

Result<std::string> CreateTask(const Work& work, const DataSync& synced, const std::string& source,
                               const std::string& destination) {
  Value input = WantedTask(synced);
  input.Set("Name", SyncTaskName(work)).Set("TaskMode", "BASIC");
  input.Set("SourceLocationArn", source).Set("DestinationLocationArn", destination);
  work.Say("creating a DataSync task in " + work.region().str());
  ASSIGN_OR_RETURN(const Value made,
                   work.CallPatiently(work.region(), "datasync", "CreateTask", input));
  return std::string(made.String("TaskArn"));
}

Status PutRight(const Work& work, const DataSync& synced, const SyncTask& task) {
  if (IsAsWanted(synced, task)) return base::Ok();
  const std::string off = OffWords(task);
  work.Say("telling the task " + task.arn + " what the spec says" +
           (off.empty() ? "" : "; " + off));
  Value input = WantedTask(synced);
  input.Set("TaskArn", task.arn);
  const auto updated = work.CallPatiently(work.region(), "datasync", "UpdateTask", input);
  return updated.ok() ? base::Ok() : Status(updated.error());
}

Status CheckNoStranger(const Work& work, const DataSync& synced, const FileSystem& here,
                       const std::vector<SyncTask>& tasks) {
  for (const SyncTask& task : tasks) {
    if (task.name == SyncTaskName(work)) continue;
    return base::WrongState(FilesPlace(synced, here, work.region()) +
                            " is written to by the task " + task.arn +
                            (task.name.empty() ? "" : " (" + task.name + ")") +
                            " too; delete that task, or give it the name " + SyncTaskName(work) +
                            ", and Leeward goes on with it");
  }
  return base::Ok();
}

}  // namespace

std::string ScheduleOf(const DataSync& synced) { return RateOf(synced.every); }

Value SyncOptions(const DataSync& synced) {
  const bool always = synced.overwrite == model::SyncOverwrite::kAlways;
  const bool remove = synced.deleted == model::SyncDeleted::kRemove;
  const bool changed = synced.transfer == model::SyncTransfer::kChanged;
  const int most = synced.bytes_per_second;
  return Value::Struct({{"VerifyMode", VerifyModeOf(synced.verify)},
                        {"OverwriteMode", always ? "ALWAYS" : "NEVER"},
                        {"Atime", KeptAs(synced.times, "BEST_EFFORT")},
                        {"Mtime", KeptAs(synced.times, "PRESERVE")},
                        {"Uid", KeptAs(synced.owner, "INT_VALUE")},
                        {"Gid", KeptAs(synced.owner, "INT_VALUE")},
                        {"PreserveDeletedFiles", remove ? "REMOVE" : "PRESERVE"},
                        {"PreserveDevices", kSyncNone},
                        {"PosixPermissions", KeptAs(synced.permissions, "PRESERVE")},
                        {"BytesPerSecond", most == 0 ? -1 : most},
                        {"TransferMode", changed ? "CHANGED" : "ALL"}});
}

Status CheckMounted(const Work& work, const DataSync& synced, const Region& region,
                    const FileSystem& system) {
  ASSIGN_OR_RETURN(const std::optional<MountPoint> mount, MountOf(work, region, system.id));
  return mount ? base::Ok() : Status(NotMounted(synced, region, system));
}

Result<std::string> EnsureTask(const Work& work, const DataSync& synced, const SyncSides& sides) {
  ASSIGN_OR_RETURN(const std::string source,
                   EnsureLocation(work, synced, sides.from, sides.source));
  ASSIGN_OR_RETURN(const std::string destination,
                   EnsureLocation(work, synced, work.region(), sides.here));
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks,
                   TasksInto(work, work.region(), sides.here.id));
  RETURN_IF_ERROR(CheckNoStranger(work, synced, sides.here, tasks));
  const SyncTask* kept = nullptr;
  for (const SyncTask& task : tasks) {
    const bool fits = task.source == source && task.destination == destination;
    if (fits && kept == nullptr) {
      kept = &task;
      continue;
    }
    // Of a source that there is no more, or a second one of a run that was cut off.
    RETURN_IF_ERROR(DropTask(work, task));
    if (task.source != source) RETURN_IF_ERROR(DropLocation(work, sides.from, task.source));
  }
  if (kept == nullptr) return CreateTask(work, synced, source, destination);
  RETURN_IF_ERROR(PutRight(work, synced, *kept));
  return kept->arn;
}

}  // namespace leeward::steps
