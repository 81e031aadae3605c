#include "lab/services/datasync.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/core/remove_tree.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/efs_tree.h"
#include "lab/services/file_systems.h"
#include "lab/services/region_links.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::datasync {

using shapes::Value;

namespace {

base::WallTime TimeOf(const Value& saved, std::string_view name) {
  const Value* time = saved.Find(name);
  return time != nullptr && time->is_time() ? time->time() : base::WallTime{};
}

// "/a/b/" to "a/b".
std::string Trimmed(std::string_view folder) {
  while (folder.starts_with('/')) folder.remove_prefix(1);
  while (folder.ends_with('/')) folder.remove_suffix(1);
  return std::string(folder);
}

}  // namespace

DataSync::DataSync(Host& host) : host_(host) {}
DataSync::~DataSync() = default;

std::span<const OperationRow<DataSync>> DataSync::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<DataSync>>({
      {"CancelTaskExecution", &DataSync::CancelTaskExecution},
      {"CreateLocationEfs", &DataSync::CreateLocationEfs},
      {"CreateTask", &DataSync::CreateTask},
      {"DeleteLocation", &DataSync::DeleteLocation},
      {"DeleteTask", &DataSync::DeleteTask},
      {"DescribeLocationEfs", &DataSync::DescribeLocationEfs},
      {"DescribeTask", &DataSync::DescribeTask},
      {"DescribeTaskExecution", &DataSync::DescribeTaskExecution},
      {"ListLocations", &DataSync::ListLocations},
      {"ListTagsForResource", &DataSync::ListTagsForResource},
      {"ListTaskExecutions", &DataSync::ListTaskExecutions},
      {"ListTasks", &DataSync::ListTasks},
      {"StartTaskExecution", &DataSync::StartTaskExecution},
      {"TagResource", &DataSync::TagResource},
      {"UntagResource", &DataSync::UntagResource},
      {"UpdateTask", &DataSync::UpdateTask},
      {"UpdateTaskExecution", &DataSync::UpdateTaskExecution},
  });
  return kTable;
}

std::span<const OperationRow<DataSync>> DataSync::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<DataSync>>({
      {"BeginCopy", &DataSync::BeginCopy},
      {"EndCopy", &DataSync::EndCopy},
      {"KnowLocation", &DataSync::KnowLocation},
      {"StateOfCopy", &DataSync::StateOfCopy},
  });
  return kTable;
}

void DataSync::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void DataSync::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  ServeTree(operation, input, reply);
}

base::Status DataSync::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "datasync"));
  Load(state);
  for (auto& [id, execution] : executions_) {
    if (execution.status == "SUCCESS" || execution.status == "ERROR") continue;
    Fail(execution, "Interrupted", "DataSync was interrupted in the Region of the task.");
  }
  for (const auto& [id, location] : locations_) DropScratch(location);
  RunSchedules().Detach();
  return base::Ok();
}

// What copies had put together when their process was killed.
void DataSync::DropScratch(const Location& location) const {
  const auto* systems = FindSibling<FileSystems>(host_, "efs");
  const auto seen = systems == nullptr ? std::nullopt : systems->See(location.file_system);
  if (!seen) return;
  std::error_code error;
  std::vector<std::filesystem::path> left;
  std::filesystem::directory_iterator at(seen->tree.parent_path(), error);
  // Not in a range-based for, whose step throws.
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::filesystem::path& path = at->path();
    if (path.filename().native().starts_with(kScratchPrefix)) left.push_back(path);
  }
  if (error) fmt::print(stderr, "datasync: {}: {}\n", seen->tree.native(), error.message());
  for (const auto& path : left) {
    const base::Status removed = RemoveTree(path);
    if (!removed.ok()) fmt::print(stderr, "datasync: {}\n", removed.error().message());
  }
}

const Location* DataSync::FindLocation(std::string_view arn) const {
  const ArnParts parts = ParseArn(arn);
  constexpr std::string_view kKind = "location/";
  if (parts.region != host_.region() || !parts.resource.starts_with(kKind)) return nullptr;
  const auto found = locations_.find(parts.resource.substr(kKind.size()));
  return found == locations_.end() ? nullptr : &found->second;
}

std::string DataSync::UriOf(const Location& location) const {
  return fmt::format("efs://{}.{}/{}{}", host_.region(), location.file_system, location.folder,
                     location.folder.empty() ? "" : "/");
}

Problem DataSync::CheckNetwork(const Value& network) const {
  const ArnParts subnet = ParseArn(network.String("SubnetArn"));
  const auto subnets = DefaultSubnets(host_);
  const bool there = std::ranges::any_of(subnets, [&](const DefaultSubnet& one) {
    return subnet.region == host_.region() && subnet.resource == "subnet/" + one.id;
  });
  if (!there) {
    return Invalid(fmt::format("The subnet {} does not exist.", network.String("SubnetArn")));
  }
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  constexpr std::string_view kKind = "security-group/";
  for (const Value& group : network.Items("SecurityGroupArns")) {
    const ArnParts parts = ParseArn(group.str());
    const bool known = groups != nullptr && parts.region == host_.region() &&
                       parts.resource.starts_with(kKind) &&
                       groups->Exists(parts.resource.substr(kKind.size()));
    if (!known) return Invalid(fmt::format("The security group {} does not exist.", group.str()));
  }
  return std::nullopt;
}

Answer DataSync::CreateLocationEfs(const Value& input) {
  for (const char* name : {"AccessPointArn", "FileSystemAccessRoleArn"}) {
    if (input.Has(name)) return NotServed(name);
  }
  if (input.String("InTransitEncryption", "NONE") != "NONE") {
    return NotServed("InTransitEncryption TLS1_2");
  }
  if (locations_.size() >= limits.locations) return Invalid("There are too many locations.");
  const ArnParts arn = ParseArn(input.String("EfsFilesystemArn"));
  constexpr std::string_view kKind = "file-system/";
  if (arn.region != host_.region() || arn.account != host_.account() ||
      !arn.resource.starts_with(kKind)) {
    return Invalid(
        fmt::format("{} is not a file system of {}; its location is made in its own "
                    "Region.",
                    input.String("EfsFilesystemArn"), host_.region()));
  }
  Location location;
  location.file_system = arn.resource.substr(kKind.size());
  location.folder = Trimmed(input.String("Subdirectory"));
  const auto* systems = FindSibling<FileSystems>(host_, "efs");
  const auto seen = systems == nullptr ? std::nullopt : systems->See(location.file_system);
  if (!seen) return Invalid(fmt::format("File system {} does not exist.", location.file_system));
  if (!seen->has_mount_target) {
    return Invalid(fmt::format("File system {} has no mount target.", location.file_system));
  }
  if (!efs::IsPlainPath(location.folder)) return Invalid("The Subdirectory is not valid.");
  if (auto problem = CheckNetwork(input.Sub("Ec2Config"))) return *problem;
  location.id = "loc-" + host_.random().Hex(kIdDigits);
  location.created = host_.clock().Now();
  location.network = input.Sub("Ec2Config");
  location.tags = Value(input.Items("Tags"));
  const std::string id = location.id;
  locations_.emplace(id, std::move(location));
  Save();
  return Value::Struct({{"LocationArn", Arn(host_, "datasync", "location/" + id)}});
}

Answer DataSync::DescribeLocationEfs(const Value& input) {
  const Location* location = FindLocation(input.String("LocationArn"));
  if (location == nullptr) {
    return Invalid(fmt::format("Location {} is not found.", input.String("LocationArn")));
  }
  return Value::Struct({{"LocationArn", input.String("LocationArn")},
                        {"LocationUri", UriOf(*location)},
                        {"Ec2Config", location->network},
                        {"CreationTime", location->created},
                        {"InTransitEncryption", "NONE"}});
}

Answer DataSync::Listed(const Value& input, std::string_view key, const Value::List& items) const {
  if (!input.Items("Filters").empty()) return NotServed("Filters");
  const std::int64_t most = input.Int("MaxResults", 100);
  Page page;
  if (!TakePage(items, input.String("NextToken"),
                static_cast<std::size_t>(std::max<std::int64_t>(1, most)), page)) {
    return Invalid("The NextToken is not one that was given out.");
  }
  Value answer = Value::Struct();
  answer.Set(key, Value(std::move(page.items)));
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

Answer DataSync::ListLocations(const Value& input) {
  Value::List all;
  for (const auto& [id, location] : locations_) {
    all.push_back(Value::Struct({{"LocationArn", Arn(host_, "datasync", "location/" + id)},
                                 {"LocationUri", UriOf(location)}}));
  }
  return Listed(input, "Locations", all);
}

Answer DataSync::DeleteLocation(const Value& input) {
  const std::string arn(input.String("LocationArn"));
  const Location* location = FindLocation(arn);
  if (location == nullptr) return Invalid(fmt::format("Location {} is not found.", arn));
  for (const auto& [id, task] : tasks_) {
    if (task.asked.String("SourceLocationArn") != arn &&
        task.asked.String("DestinationLocationArn") != arn) {
      continue;
    }
    return Invalid(fmt::format("Location {} is used by the task {}.", arn, id));
  }
  locations_.erase(location->id);
  Save();
  return Value::Struct();
}

Value* DataSync::TagsOf(std::string_view arn) {
  if (Task* task = FindTask(arn)) return &task->tags;
  const Location* location = FindLocation(arn);
  return location == nullptr ? nullptr : &locations_.at(location->id).tags;
}

Answer DataSync::TagResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("ResourceArn")));
  }
  for (const Value& tag : input.Items("Tags")) {
    std::erase_if(tags->list(),
                  [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    tags->list().push_back(tag);
  }
  Save();
  return Value::Struct();
}

Answer DataSync::UntagResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("ResourceArn")));
  }
  for (const Value& key : input.Items("Keys")) {
    std::erase_if(tags->list(), [&](const Value& tag) { return tag.String("Key") == key.str(); });
  }
  Save();
  return Value::Struct();
}

Answer DataSync::ListTagsForResource(const Value& input) {
  const Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("ResourceArn")));
  }
  return Listed(input, "Tags", tags->list());
}

// For the Region of a task that uses a location of this one.
Answer DataSync::KnowLocation(const Value& input) {
  if (FindLocation(input.String("LocationArn")) != nullptr) return Value::Struct();
  return Invalid(fmt::format("Location {} is not found.", input.String("LocationArn")));
}

// In the source's Region: the destination's asks for what is in a location.
void DataSync::ServeTree(std::string_view operation, const Value& input, const Reply& reply) {
  const Location* location = FindLocation(input.String("LocationArn"));
  if (location == nullptr) return Service::HandleInternal(operation, input, reply);
  const auto* systems = FindSibling<FileSystems>(host_, "efs");
  const auto seen = systems == nullptr ? std::nullopt : systems->See(location->file_system);
  const auto there = seen ? efs::Look(seen->tree, location->folder)
                          : base::Result<efs::Entry>(base::NotFound("its file system is gone"));
  if (!there.ok() || there->kind != efs::Entry::Kind::kDirectory) {
    return reply(Invalid(fmt::format("The source {} cannot be read: {}", UriOf(*location),
                                     there.ok() ? "it is no directory" : there.error().message())));
  }
  const efs::ServedTree tree{seen->tree, location->folder};
  if (efs::ServeTree(host_, pull, tree, operation, input, reply)) return;
  Service::HandleInternal(operation, input, reply);
}

void DataSync::Load(const Value& state) {
  for (const Value& saved : state.Items("Locations")) {
    const std::string id(saved.String("Id"));
    locations_[id] = {id,
                      std::string(saved.String("FileSystem")),
                      std::string(saved.String("Folder")),
                      TimeOf(saved, "Created"),
                      saved.Sub("Network"),
                      Value(saved.Items("Tags"))};
  }
  for (const Value& saved : state.Items("Tasks")) {
    Task task;
    task.id = saved.String("Id");
    task.asked = saved.Sub("Asked");
    task.tags = Value(saved.Items("Tags"));
    task.created = TimeOf(saved, "Created");
    task.scheduled_from = TimeOf(saved, "ScheduledFrom");
    task.looked_at = TimeOf(saved, "LookedAt");
    task.disabled_by = saved.String("DisabledBy");
    task.disabled_reason = saved.String("DisabledReason");
    task.schedule_changed = TimeOf(saved, "ScheduleChanged");
    task.last_error = saved.String("LastError");
    task.failures = static_cast<int>(saved.Int("Failures"));
    const std::string id = task.id;
    tasks_.emplace(id, std::move(task));
  }
  for (const Value& saved : state.Items("Executions")) {
    Execution execution;
    execution.id = saved.String("Id");
    execution.task = saved.String("Task");
    execution.status = saved.String("Status");
    execution.options = saved.Sub("Options");
    execution.includes = saved.String("Includes");
    execution.excludes = saved.String("Excludes");
    execution.started = execution.phase_began = TimeOf(saved, "Started");
    execution.ended = TimeOf(saved, "Ended");
    execution.result = saved.Sub("Result");
    execution.counts = CountsOf(saved.Sub("Counts"));
    order_.push_back(execution.id);
    const std::string id = execution.id;
    executions_.emplace(id, std::move(execution));
  }
}

void DataSync::Save() {
  Value::List locations;
  for (const auto& [id, location] : locations_) {
    locations.push_back(Value::Struct({{"Id", id},
                                       {"FileSystem", location.file_system},
                                       {"Folder", location.folder},
                                       {"Created", location.created},
                                       {"Network", location.network},
                                       {"Tags", location.tags}}));
  }
  Value::List tasks;
  for (const auto& [id, task] : tasks_) {
    tasks.push_back(Value::Struct({{"Id", id},
                                   {"Asked", task.asked},
                                   {"Tags", task.tags},
                                   {"Created", task.created},
                                   {"ScheduledFrom", task.scheduled_from},
                                   {"LookedAt", task.looked_at},
                                   {"DisabledBy", task.disabled_by},
                                   {"DisabledReason", task.disabled_reason},
                                   {"ScheduleChanged", task.schedule_changed},
                                   {"LastError", task.last_error},
                                   {"Failures", std::int64_t{task.failures}}}));
  }
  Value::List executions;
  for (const std::string& id : order_) {
    const Execution& execution = executions_.at(id);
    executions.push_back(Value::Struct({{"Id", id},
                                        {"Task", execution.task},
                                        {"Status", execution.status},
                                        {"Options", execution.options},
                                        {"Includes", execution.includes},
                                        {"Excludes", execution.excludes},
                                        {"Started", execution.started},
                                        {"Ended", execution.ended},
                                        {"Result", execution.result},
                                        {"Counts", ToValue(execution.counts)}}));
  }
  SaveState(host_, "datasync",
            Value::Struct({{"Locations", Value(std::move(locations))},
                           {"Tasks", Value(std::move(tasks))},
                           {"Executions", Value(std::move(executions))}}));
}

}  // namespace leeward::lab::datasync

namespace leeward::lab {

std::unique_ptr<Service> MakeDataSync(Host& host) {
  return std::make_unique<datasync::DataSync>(host);
}

}  // namespace leeward::lab
