// Tasks, and their schedules.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/datasync.h"
#include "lab/services/datasync_schedule.h"

namespace leeward::lab::datasync {
namespace {

constexpr std::string_view kTaskKind = "task/";
constexpr const char* kOfTask[] = {"Options",  "Includes", "Excludes",
                                   "Schedule", "Name",     "CloudWatchLogGroupArn"};

}  // namespace

Task* DataSync::FindTask(std::string_view arn) {
  const ArnParts parts = ParseArn(arn);
  if (parts.region != host_.region() || !parts.resource.starts_with(kTaskKind)) return nullptr;
  const auto found = tasks_.find(parts.resource.substr(kTaskKind.size()));
  return found == tasks_.end() ? nullptr : &found->second;
}

std::string_view DataSync::StatusOf(const Task& task) const {
  return task.current.empty() ? "AVAILABLE" : "RUNNING";
}

void DataSync::CreateTask(const Value& input, Reply reply) {
  for (const auto& problem : {CheckUnserved(input), CheckOptions(input.Sub("Options")),
                              CheckFilters(input), CheckSchedule(input.Sub("Schedule"))}) {
    if (problem) return reply(*problem);
  }
  if (tasks_.size() >= limits.tasks) return reply(Invalid("There are too many tasks."));
  const std::string_view source = input.String("SourceLocationArn");
  const std::string_view destination = input.String("DestinationLocationArn");
  if (source == destination) {
    return reply(Invalid("The source and the destination are the same location."));
  }
  const ArnParts from = ParseArn(source);
  const ArnParts to = ParseArn(destination);
  if (from.region != host_.region() && to.region != host_.region()) {
    return reply(Invalid(fmt::format(
        "Neither location is in {}: a task is made in the Region of one of its locations.",
        host_.region())));
  }
  const ArnParts log = ParseArn(input.String("CloudWatchLogGroupArn"));
  if (input.Has("CloudWatchLogGroupArn") && log.region != host_.region()) {
    return reply(Invalid("The CloudWatch log group must be in the Region of the task."));
  }
  AddTask(input, std::move(reply)).Detach();
}

// The other location is asked for where it is, as on AWS.
Flow<> DataSync::AddTask(Value input, Reply reply) {
  for (const char* name : {"SourceLocationArn", "DestinationLocationArn"}) {
    const std::string arn(input.String(name));
    const std::string region = ParseArn(arn).region;
    Value ask = Value::Struct();
    ask.Set("LocationArn", arn);
    const Answer known =
        co_await AskRegion(host_, region, "datasync", "KnowLocation", ask, limits.call);
    if (TimedOut(known)) {
      reply(ApiError{
          "InternalException", fmt::format("DataSync in {} does not answer.", region), 500, {}});
      co_return;
    }
    if (IsError(known)) {
      reply(known);
      co_return;
    }
  }
  Task task;
  task.id = "task-" + host_.random().Hex(kIdDigits);
  task.created = host_.clock().Now();
  task.tags = Value(input.Items("Tags"));
  input.Erase("Tags");
  task.asked = std::move(input);
  SetSchedule(task, task.asked.Sub("Schedule"));
  const std::string id = task.id;
  tasks_.emplace(id, std::move(task));
  Save();
  Value answer = Value::Struct();
  answer.Set("TaskArn", Arn(host_, "datasync", std::string(kTaskKind) + id));
  reply(std::move(answer));
}

void DataSync::SetSchedule(Task& task, const Value& schedule) {
  const base::WallTime now = host_.clock().Now();
  task.scheduled_from = task.looked_at = task.schedule_changed = now;
  task.disabled_by.clear();
  task.disabled_reason.clear();
  task.failures = 0;
  if (schedule.String("Status", "ENABLED") == "DISABLED") {
    SwitchOff(task, "USER", "Manually disabled by user.");
  }
}

void DataSync::SwitchOff(Task& task, std::string_view by, std::string reason) {
  task.disabled_by = by;
  task.disabled_reason = std::move(reason);
  task.schedule_changed = host_.clock().Now();
}

Answer DataSync::UpdateTask(const Value& input) {
  Task* task = FindTask(input.String("TaskArn"));
  if (task == nullptr)
    return Invalid(fmt::format("Task {} is not found.", input.String("TaskArn")));
  for (const auto& problem : {CheckUnserved(input), CheckOptions(input.Sub("Options")),
                              CheckFilters(input), CheckSchedule(input.Sub("Schedule"))}) {
    if (problem) return *problem;
  }
  for (const char* name : kOfTask) {
    if (const Value* given = input.Find(name)) task->asked.Set(name, *given);
  }
  if (input.Has("Schedule")) SetSchedule(*task, input.Sub("Schedule"));
  Save();
  return Value::Struct();
}

Answer DataSync::DescribeTask(const Value& input) {
  const Task* task = FindTask(input.String("TaskArn"));
  if (task == nullptr)
    return Invalid(fmt::format("Task {} is not found.", input.String("TaskArn")));
  Value shown = Value::Struct({{"TaskArn", input.String("TaskArn")},
                               {"Status", StatusOf(*task)},
                               {"CreationTime", task->created},
                               {"TaskMode", "BASIC"},
                               {"Options", WithDefaults(task->asked.Sub("Options"))}});
  for (const char* name : {"Name", "SourceLocationArn", "DestinationLocationArn",
                           "CloudWatchLogGroupArn", "Includes", "Excludes", "Schedule"}) {
    if (const Value* given = task->asked.Find(name)) shown.Set(name, *given);
  }
  if (!task->current.empty()) {
    shown.Set("CurrentTaskExecutionArn", ArnOf(executions_.at(task->current)));
  }
  if (shown.Has("Schedule")) {
    const bool on = task->disabled_by.empty();
    shown.Find("Schedule")->Set("Status", on ? "ENABLED" : "DISABLED");
    Value details = Value::Struct({{"StatusUpdateTime", task->schedule_changed}});
    if (!on) {
      details.Set("DisabledBy", task->disabled_by).Set("DisabledReason", task->disabled_reason);
    }
    shown.Set("ScheduleDetails", std::move(details));
  }
  return shown;
}

Answer DataSync::ListTasks(const Value& input) {
  Value::List all;
  for (const auto& [id, task] : tasks_) {
    Value one = Value::Struct({{"TaskArn", Arn(host_, "datasync", std::string(kTaskKind) + id)},
                               {"Status", StatusOf(task)},
                               {"TaskMode", "BASIC"}});
    if (const Value* name = task.asked.Find("Name")) one.Set("Name", *name);
    all.push_back(std::move(one));
  }
  return Listed(input, "Tasks", all);
}

Answer DataSync::DeleteTask(const Value& input) {
  const Task* task = FindTask(input.String("TaskArn"));
  if (task == nullptr)
    return Invalid(fmt::format("Task {} is not found.", input.String("TaskArn")));
  if (!task->current.empty()) {
    return Invalid("The task has an execution that is under way; cancel it first.");
  }
  std::erase_if(order_, [&](const std::string& id) { return executions_.at(id).task == task->id; });
  std::erase_if(executions_, [&](const auto& entry) { return entry.second.task == task->id; });
  tasks_.erase(task->id);
  Save();
  return Value::Struct();
}

Flow<> DataSync::RunSchedules() {
  for (;;) {
    co_await Sleep(host_, limits.look);
    std::vector<std::string> ids;
    for (const auto& [id, task] : tasks_) ids.push_back(id);
    for (const std::string& id : ids) {
      const auto found = tasks_.find(id);
      if (found != tasks_.end()) LookAtSchedule(found->second);
    }
  }
}

// What came due while an execution was under way, or the process was not there, is passed over.
void DataSync::LookAtSchedule(Task& task) {
  const Value& asked = task.asked.Sub("Schedule");
  if (!asked.is_members() || !task.disabled_by.empty()) return;
  const auto schedule = Schedule::Parse(asked.String("ScheduleExpression"));
  if (!schedule.ok()) return;
  const base::WallTime now = host_.clock().Now();
  const auto due = schedule->Next(task.scheduled_from, task.looked_at);
  if (!due || *due > now) return;
  task.looked_at = now;
  if (!task.current.empty()) return Save();
  const Execution& execution = AddExecution(task, Value::Struct());
  Save();
  Run(execution.id).Detach();
}

}  // namespace leeward::lab::datasync
