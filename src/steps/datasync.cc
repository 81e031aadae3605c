#include "steps/datasync.h"

#include <algorithm>

namespace leeward::steps {
namespace {

constexpr char kSuccess[] = "SUCCESS";
constexpr char kFailed[] = "ERROR";

bool IsOver(std::string_view status) { return status == kSuccess || status == kFailed; }

Result<Value> DescribeExecution(const AskSync& ask, const std::string& arn) {
  return ask("DescribeTaskExecution", Value::Struct({{"TaskExecutionArn", arn}}));
}

std::optional<base::WallTime> StartOf(const Value& execution) {
  const Value* start = execution.Find("StartTime");
  if (start == nullptr || !start->is_time()) return std::nullopt;
  return start->time();
}

Result<Value> ListExecutions(const AskSync& ask, const std::string& task) {
  return ask("ListTaskExecutions", Value::Struct({{"TaskArn", task}}));
}

}  // namespace

AskSync AskSyncIn(const Work& work, const Region& region) {
  return [&work, region](std::string_view operation, const Value& input) -> Result<Value> {
    if (operation.starts_with("List")) return work.Pages(region, "datasync", operation, input);
    return work.CallPatiently(region, "datasync", operation, input);
  };
}

Result<std::vector<SyncLocation>> LocationsOf(const Work& work, const Region& region,
                                              const std::string& id) {
  ASSIGN_OR_RETURN(const Value listed, AskSyncIn(work, region)("ListLocations", Value::Struct()));
  const std::string root = "efs://" + region.str() + "." + id + "/";
  std::vector<SyncLocation> found;
  for (const Value& location : listed.Items("Locations")) {
    const std::string_view uri = location.String("LocationUri");
    if (!uri.starts_with(root)) continue;
    found.push_back({std::string(location.String("LocationArn")), uri == root});
  }
  return found;
}

SyncTask ReadSyncTask(const Value& told) {
  SyncTask task;
  task.arn = told.String("TaskArn");
  task.name = told.String("Name");
  task.source = told.String("SourceLocationArn");
  task.destination = told.String("DestinationLocationArn");
  const Value& schedule = told.Sub("Schedule");
  task.schedule = schedule.String("ScheduleExpression");
  task.scheduled = !task.schedule.empty() && schedule.String("Status", "ENABLED") == "ENABLED";
  task.off_by = told.Sub("ScheduleDetails").String("DisabledBy");
  task.off_because = told.Sub("ScheduleDetails").String("DisabledReason");
  task.options = told.Sub("Options");
  task.includes = Value(told.Items("Includes"));
  task.excludes = Value(told.Items("Excludes"));
  return task;
}

std::string SyncTaskName(const model::Application& application,
                         const model::ComponentName& component) {
  return "leeward/" + application.name.str() + "/" + component.str();
}

std::string SyncTaskName(const Work& work) {
  return SyncTaskName(work.application(), work.step().component);
}

Result<std::vector<SyncTask>> TasksInto(const Work& work, const Region& region,
                                        const std::string& id) {
  ASSIGN_OR_RETURN(const std::vector<SyncLocation> locations, LocationsOf(work, region, id));
  std::vector<SyncTask> tasks;
  if (locations.empty()) return tasks;
  const AskSync ask = AskSyncIn(work, region);
  ASSIGN_OR_RETURN(const Value listed, ask("ListTasks", Value::Struct()));
  for (const Value& one : listed.Items("Tasks")) {
    ASSIGN_OR_RETURN(const Value told,
                     ask("DescribeTask", Value::Struct({{"TaskArn", one.String("TaskArn")}})));
    SyncTask task = ReadSyncTask(told);
    const bool into = std::any_of(locations.begin(), locations.end(), [&](const SyncLocation& to) {
      return to.arn == task.destination;
    });
    if (into) tasks.push_back(std::move(task));
  }
  return tasks;
}

Result<std::vector<SyncTask>> OwnTasksInto(const Work& work, const Region& region,
                                           const std::string& id) {
  ASSIGN_OR_RETURN(std::vector<SyncTask> tasks, TasksInto(work, region, id));
  const std::string own = SyncTaskName(work);
  std::erase_if(tasks, [&](const SyncTask& task) { return task.name != own; });
  return tasks;
}

std::string OffWords(const SyncTask& task) {
  if (task.scheduled) return {};
  if (task.schedule.empty()) return "it has no schedule";
  const std::string because = task.off_because.empty() ? "" : " (" + task.off_because + ")";
  return "its schedule was switched off by " +
         (task.off_by == "SERVICE" ? "DataSync itself" + because : std::string("a user"));
}

Result<std::optional<base::WallTime>> NewestWhole(const AskSync& ask, const std::string& task,
                                                  const std::optional<base::WallTime>& since) {
  std::optional<base::WallTime> newest;
  if (!since) return newest;
  ASSIGN_OR_RETURN(const Value listed, ListExecutions(ask, task));
  std::vector<std::string> whole;
  for (const Value& one : listed.Items("TaskExecutions")) {
    if (one.String("Status") == kSuccess) whole.emplace_back(one.String("TaskExecutionArn"));
  }
  if (whole.size() > 2) whole = {whole.front(), whole.back()};
  for (const std::string& arn : whole) {
    ASSIGN_OR_RETURN(const Value told, DescribeExecution(ask, arn));
    const std::optional<base::WallTime> start = StartOf(told);
    if (start && *start >= *since && (!newest || *start > *newest)) newest = start;
  }
  return newest;
}

Result<std::optional<base::WallTime>> NewestWhole(const Work& work, const Region& region,
                                                  const std::vector<SyncTask>& tasks,
                                                  const std::optional<base::WallTime>& since) {
  std::optional<base::WallTime> newest;
  for (const SyncTask& task : tasks) {
    ASSIGN_OR_RETURN(const std::optional<base::WallTime> one,
                     NewestWhole(AskSyncIn(work, region), task.arn, since));
    if (one && (!newest || *one > *newest)) newest = one;
  }
  return newest;
}

Result<std::vector<std::string>> ExecutionsUnderWay(const Work& work, const Region& region,
                                                    const std::string& task) {
  ASSIGN_OR_RETURN(const Value listed, ListExecutions(AskSyncIn(work, region), task));
  std::vector<std::string> under_way;
  for (const Value& one : listed.Items("TaskExecutions")) {
    if (!IsOver(one.String("Status"))) under_way.emplace_back(one.String("TaskExecutionArn"));
  }
  return under_way;
}

Result<std::size_t> CancelExecutions(const Work& work, const std::string& task) {
  const AskSync ask = AskSyncIn(work, work.region());
  ASSIGN_OR_RETURN(const Value listed, ListExecutions(ask, task));
  std::size_t left = 0;
  for (const Value& one : listed.Items("TaskExecutions")) {
    const std::string_view status = one.String("Status");
    if (IsOver(status)) continue;
    ++left;
    if (status == "CANCELLING") continue;
    const std::string arn(one.String("TaskExecutionArn"));
    work.Say("cancelling " + arn + ", which is " + std::string(status));
    const auto cancelled = ask("CancelTaskExecution", Value::Struct({{"TaskExecutionArn", arn}}));
    // It may have ended since it was listed; the next look tells.
    if (!cancelled.ok() && cancelled.error().code() != base::ErrorCode::kInvalid)
      return cancelled.error();
    if (!cancelled.ok()) work.Say(cancelled.error().message());
  }
  return left;
}

Status DropTask(const Work& work, const SyncTask& task) {
  work.Say("deleting the task " + task.arn + " in " + work.region().str());
  const AskSync ask = AskSyncIn(work, work.region());
  const auto gone = work.Await<bool>(
      "the task " + task.arn + " to be deleted", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Value listed, ask("ListTasks", Value::Struct()));
        const Value::List& tasks = listed.Items("Tasks");
        const bool there = std::any_of(tasks.begin(), tasks.end(), [&](const Value& one) {
          return one.String("TaskArn") == task.arn;
        });
        if (!there) return std::optional<bool>(true);
        ASSIGN_OR_RETURN(const std::size_t left, CancelExecutions(work, task.arn));
        if (left > 0) return std::optional<bool>();
        const auto deleted = ask("DeleteTask", Value::Struct({{"TaskArn", task.arn}}));
        if (deleted.ok()) return std::optional<bool>();
        // An execution that its schedule began since: the next look cancels it.
        if (deleted.error().code() != base::ErrorCode::kInvalid) return deleted.error();
        work.Say(deleted.error().message());
        return std::optional<bool>();
      });
  return gone.ok() ? base::Ok() : Status(gone.error());
}

}  // namespace leeward::steps
