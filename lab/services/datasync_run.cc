// Executions, as the task's Region sees them; and the copies that this Region makes as a
// destination.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "lab/services/ask_region.h"
#include "lab/services/datasync.h"
#include "lab/services/efs_tree.h"
#include "lab/services/file_systems.h"
#include "lab/services/region_links.h"

namespace leeward::lab::datasync {
namespace {

using shapes::Value;

constexpr base::Duration kLaunchAws = std::chrono::seconds(30);
constexpr base::Duration kPollAws = std::chrono::seconds(5);

std::string PatternsOf(const Value::List& filters) {
  return filters.empty() ? std::string() : std::string(filters.front().String("Value"));
}

bool HasEnded(const Execution& execution) {
  return execution.status == "SUCCESS" || execution.status == "ERROR";
}

base::Status Writable(Host& host, const std::string& file_system) {
  const auto* systems = FindSibling<FileSystems>(host, "efs");
  const auto seen = systems == nullptr ? std::nullopt : systems->See(file_system);
  if (!seen) return base::NotFound(fmt::format("File system {} does not exist.", file_system));
  if (!seen->read_only) return base::Ok();
  return base::Denied(fmt::format(
      "DataSync cannot write to the destination location: file system {} is the destination of an "
      "EFS replication configuration, which makes it a read-only file system.",
      file_system));
}

Value::List FiltersOf(const std::string& patterns) {
  if (patterns.empty()) return {};
  return {Value::Struct({{"FilterType", "SIMPLE_PATTERN"}, {"Value", patterns}})};
}

}  // namespace

std::string DataSync::ArnOf(const Execution& execution) const {
  return Arn(host_, "datasync", fmt::format("task/{}/execution/{}", execution.task, execution.id));
}

Execution* DataSync::FindExecution(std::string_view arn) {
  const std::size_t slash = arn.rfind('/');
  if (slash == std::string_view::npos) return nullptr;
  const auto found = executions_.find(arn.substr(slash + 1));
  if (found == executions_.end() || ArnOf(found->second) != arn) return nullptr;
  return &found->second;
}

Answer DataSync::StartTaskExecution(const Value& input) {
  Task* task = FindTask(input.String("TaskArn"));
  if (task == nullptr)
    return Invalid(fmt::format("Task {} is not found.", input.String("TaskArn")));
  for (const char* name : {"ManifestConfig", "TaskReportConfig", "Tags"}) {
    if (input.Has(name)) return NotServed(name);
  }
  Value options = task->asked.Has("Options") ? task->asked.Sub("Options") : Value::Struct();
  if (const Value* others = input.Find("OverrideOptions")) {
    for (const auto& [name, value] : others->members()) options.Set(name, value);
  }
  for (const auto& problem : {CheckOptions(options), CheckFilters(input)}) {
    if (problem) return *problem;
  }
  if (!task->current.empty()) {
    return Invalid(
        fmt::format("Task {} has an execution that is under way: {}.", task->id, task->current));
  }
  Execution& execution = AddExecution(*task, input);
  execution.options = WithDefaults(options);
  Save();
  Value answer = Value::Struct({{"TaskExecutionArn", ArnOf(execution)}});
  Run(execution.id).Detach();
  return answer;
}

Execution& DataSync::AddExecution(Task& task, const Value& input) {
  Execution execution;
  execution.id = "exec-" + host_.random().Hex(kIdDigits);
  execution.task = task.id;
  execution.options = WithDefaults(task.asked.Sub("Options"));
  const Value& filters = input.Has("Includes") ? input : task.asked;
  execution.includes = PatternsOf(filters.Items("Includes"));
  const Value& others = input.Has("Excludes") ? input : task.asked;
  execution.excludes = PatternsOf(others.Items("Excludes"));
  execution.started = execution.phase_began = host_.clock().Now();
  task.current = execution.id;
  order_.push_back(execution.id);
  while (order_.size() > limits.executions) {
    const auto oldest = executions_.find(order_.front());
    if (!HasEnded(oldest->second)) break;
    executions_.erase(oldest);
    order_.pop_front();
  }
  const std::string id = execution.id;
  return executions_.emplace(id, std::move(execution)).first->second;
}

Flow<> DataSync::Run(std::string id) {
  const bool fast = host_.pace() == Pace::kFast;
  co_await Sleep(host_, fast ? base::Duration(0) : kLaunchAws);
  const auto found = executions_.find(id);
  if (found == executions_.end() || HasEnded(found->second)) co_return;
  Execution& execution = found->second;
  const Value asked = tasks_.at(execution.task).asked;
  const std::string source(asked.String("SourceLocationArn"));
  const std::string destination(asked.String("DestinationLocationArn"));
  const std::string region = ParseArn(destination).region;
  SetPhase(execution, "PREPARING");
  Value ask = Value::Struct();
  ask.Set("Execution", id).Set("Source", source).Set("Destination", destination);
  ask.Set("Options", execution.options);
  ask.Set("Includes", execution.includes).Set("Excludes", execution.excludes);
  const Answer begun = co_await AskRegion(host_, region, "datasync", "BeginCopy", ask, limits.call);
  if (const auto* error = std::get_if<ApiError>(&begun)) {
    const bool silent = TimedOut(begun);
    Fail(execution, silent ? "NetworkTimeout" : "DestinationNotWritable",
         silent ? fmt::format("The destination's Region {} does not answer.", region)
                : error->message);
    co_return;
  }
  co_await Follow(id, region);
}

Flow<> DataSync::Follow(std::string id, std::string region) {
  const bool fast = host_.pace() == Pace::kFast;
  base::MonotonicTime heard = host_.clock().Monotonic();
  for (;;) {
    co_await Sleep(host_, fast ? limits.poll : kPollAws);
    Execution& execution = executions_.at(id);
    Value ask = Value::Struct();
    ask.Set("Execution", id);
    const std::string operation = execution.cancelling ? "EndCopy" : "StateOfCopy";
    const Answer state = co_await AskRegion(host_, region, "datasync", operation, ask, limits.call);
    if (const auto* error = std::get_if<ApiError>(&state)) {
      const bool lost = host_.clock().Monotonic() - heard > limits.lost;
      if (TimedOut(state) && !lost) continue;
      Fail(execution, TimedOut(state) ? "NetworkTimeout" : "Interrupted", error->message);
      co_return;
    }
    heard = host_.clock().Monotonic();
    TakeState(execution, std::get<Value>(state));
    if (HasEnded(execution)) co_return;
  }
}

void DataSync::TakeState(Execution& execution, const Value& state) {
  execution.counts = CountsOf(state.Sub("Counts"));
  const std::string_view phase = state.String("Phase");
  if (phase == "ERROR") {
    PassTo(execution, state.String("FailedIn"));
    return Fail(execution, state.String("ErrorCode"), std::string(state.String("ErrorDetail")));
  }
  if (execution.cancelling) {
    // All was copied when the word came.
    if (phase == "SUCCESS") Fail(execution, "Cancelled", "The task execution was cancelled.");
    return;
  }
  PassTo(execution, phase);
  if (phase == "SUCCESS") End(execution, "SUCCESS");
}

// Through the phases that were over between two looks.
void DataSync::PassTo(Execution& execution, std::string_view phase) {
  const bool verifies = execution.options.String("VerifyMode") != "NONE";
  for (const char* each : {"PREPARING", "TRANSFERRING", "VERIFYING"}) {
    if (execution.status == phase) return;
    if (execution.status != each) continue;
    const std::string_view next = each == std::string_view("PREPARING") ? "TRANSFERRING"
                                  : each == std::string_view("VERIFYING") || !verifies
                                      ? "SUCCESS"
                                      : "VERIFYING";
    SetPhase(execution, next);
  }
}

// The phase before it has ended well.
void DataSync::SetPhase(Execution& execution, std::string_view status) {
  const base::WallTime now = host_.clock().Now();
  const std::int64_t millis = base::Millis(now - execution.phase_began);
  for (const auto& [phase, name] :
       {std::pair{"PREPARING", "Prepare"}, std::pair{"TRANSFERRING", "Transfer"},
        std::pair{"VERIFYING", "Verify"}}) {
    if (execution.status != phase) continue;
    execution.result.Set(fmt::format("{}Status", name), "SUCCESS");
    execution.result.Set(fmt::format("{}Duration", name), millis);
  }
  execution.status = status;
  execution.phase_began = now;
}

void DataSync::Fail(Execution& execution, std::string_view code, std::string detail) {
  for (const auto& [phase, name] :
       {std::pair{"PREPARING", "PrepareStatus"}, std::pair{"TRANSFERRING", "TransferStatus"},
        std::pair{"VERIFYING", "VerifyStatus"}}) {
    if (execution.status == phase) execution.result.Set(name, "ERROR");
  }
  execution.result.Set("ErrorCode", code).Set("ErrorDetail", std::move(detail));
  End(execution, "ERROR");
}

void DataSync::End(Execution& execution, std::string_view status) {
  execution.status = status;
  execution.ended = host_.clock().Now();
  execution.result.Set("TotalDuration", base::Millis(execution.ended - execution.started));
  const auto found = tasks_.find(execution.task);
  if (found != tasks_.end()) {
    Task& task = found->second;
    if (task.current == execution.id) task.current.clear();
    const std::string error(execution.result.String("ErrorCode"));
    task.failures = error.empty() ? 0 : (error == task.last_error ? task.failures + 1 : 1);
    task.last_error = error;
    const bool scheduled = task.asked.Has("Schedule") && task.disabled_by.empty();
    if (scheduled && task.failures >= limits.failures && error != "Cancelled") {
      SwitchOff(task, "SERVICE", std::string(execution.result.String("ErrorDetail")));
    }
  }
  WriteLog(execution);
  Save();
}

// What would go to the log group is in a file of the task's.
void DataSync::WriteLog(const Execution& execution) const {
  if (execution.options.String("LogLevel", "OFF") == "OFF") return;
  std::ofstream log(host_.StateDirectory("datasync") / (execution.task + ".log"), std::ios::app);
  log << fmt::format("{} {} {} {}\n", base::FormatIso8601(execution.ended), execution.id,
                     execution.status, shapes::ToJson(ShownResult(execution)));
  if (!log.flush()) fmt::print(stderr, "datasync: the log of {} is not written\n", execution.task);
}

Value DataSync::ShownResult(const Execution& execution) const {
  Value result = execution.result;
  result.Set("FilesListed", execution.counts.listed);
  result.Set("FilesTransferred", execution.counts.transferred);
  return result;
}

Answer DataSync::UpdateTaskExecution(const Value& input) {
  const Execution* execution = FindExecution(input.String("TaskExecutionArn"));
  if (execution == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("TaskExecutionArn")));
  }
  return Invalid("This lab does not change the bandwidth of an execution that is under way.");
}

Answer DataSync::CancelTaskExecution(const Value& input) {
  Execution* execution = FindExecution(input.String("TaskExecutionArn"));
  if (execution == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("TaskExecutionArn")));
  }
  if (HasEnded(*execution)) {
    return Invalid(fmt::format("Task execution {} has ended.", execution->id));
  }
  execution->cancelling = true;
  if (execution->status == "LAUNCHING") {
    Fail(*execution, "Cancelled", "The task execution was cancelled.");
  } else {
    execution->status = "CANCELLING";
  }
  return Value::Struct();
}

Answer DataSync::DescribeTaskExecution(const Value& input) {
  const Execution* execution = FindExecution(input.String("TaskExecutionArn"));
  if (execution == nullptr) {
    return Invalid(fmt::format("{} is not found.", input.String("TaskExecutionArn")));
  }
  const CopyCounts& counts = execution->counts;
  Value shown = Value::Struct({{"TaskExecutionArn", input.String("TaskExecutionArn")},
                               {"Status", execution->status},
                               {"Options", execution->options},
                               {"Includes", FiltersOf(execution->includes)},
                               {"Excludes", FiltersOf(execution->excludes)},
                               {"StartTime", execution->started},
                               {"FilesTransferred", counts.transferred},
                               {"BytesTransferred", counts.bytes},
                               {"BytesWritten", counts.bytes},
                               {"FilesDeleted", counts.deleted},
                               {"FilesSkipped", counts.skipped},
                               {"FilesVerified", counts.verified},
                               {"FilesListed", Value::Struct({{"AtSource", counts.listed}})},
                               {"FilesFailed", Value::Struct({{"Verify", counts.failed}})},
                               {"TaskMode", "BASIC"},
                               {"Result", execution->result}});
  if (HasEnded(*execution)) shown.Set("EndTime", execution->ended);
  return shown;
}

Answer DataSync::ListTaskExecutions(const Value& input) {
  const std::string_view wanted = input.String("TaskArn");
  const Task* task = FindTask(wanted);
  if (!wanted.empty() && task == nullptr)
    return Invalid(fmt::format("Task {} is not found.", wanted));
  Value::List all;
  for (const std::string& id : order_) {
    const Execution& execution = executions_.at(id);
    if (task != nullptr && execution.task != task->id) continue;
    all.push_back(Value::Struct({{"TaskExecutionArn", ArnOf(execution)},
                                 {"Status", execution.status},
                                 {"TaskMode", "BASIC"}}));
  }
  return Listed(input, "TaskExecutions", all);
}

// In the destination's Region.
Answer DataSync::BeginCopy(const Value& input) {
  const Location* location = FindLocation(input.String("Destination"));
  if (location == nullptr) {
    return Invalid(fmt::format("Location {} is not found.", input.String("Destination")));
  }
  const std::string system = location->file_system;
  const base::Status writable = Writable(host_, system);
  if (!writable.ok()) return Invalid(writable.error().message());
  const auto seen = FindSibling<FileSystems>(host_, "efs")->See(system);
  const auto there = efs::Look(seen->tree, location->folder);
  if (!there.ok() || there->kind != efs::Entry::Kind::kDirectory) {
    return Invalid(fmt::format("The destination {} is not there.", UriOf(*location)));
  }
  const std::string id(input.String("Execution"));
  CopyOrder order;
  order.source_location = input.String("Source");
  order.source_region = ParseArn(order.source_location).region;
  order.root = seen->tree;
  order.inside = location->folder;
  order.folder = seen->tree.parent_path();
  order.name = id;
  order.options = input.Sub("Options");
  order.includes = input.String("Includes");
  order.excludes = input.String("Excludes");
  // A replication may be made while this is under way.
  order.writable = [this, system] { return Writable(host_, system); };
  // What has ended long ago nobody asks for.
  std::erase_if(copies_, [](const auto& entry) { return entry.second->Forgettable(); });
  const auto copy = std::make_shared<Copy>(host_, pull, std::move(order));
  copies_[id] = copy;
  copy->Start();
  return Value::Struct();
}

Answer DataSync::StateOfCopy(const Value& input) {
  const auto found = copies_.find(input.String("Execution"));
  if (found == copies_.end()) {
    return Invalid("DataSync was interrupted in the Region of the destination.");
  }
  const Copy& copy = *found->second;
  Value state = Value::Struct({{"Phase", copy.phase()}, {"Counts", ToValue(copy.counts())}});
  if (copy.phase() == "ERROR") {
    state.Set("ErrorCode", copy.error_code()).Set("ErrorDetail", copy.error_detail());
    state.Set("FailedIn", copy.failed_in());
  }
  return state;
}

Answer DataSync::EndCopy(const Value& input) {
  const auto found = copies_.find(input.String("Execution"));
  if (found != copies_.end()) found->second->Cancel();
  return StateOfCopy(input);
}

}  // namespace leeward::lab::datasync
