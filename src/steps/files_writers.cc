// Ending those who write to a file system, and letting them go on.
//
// A file system has no door that is proven to be shut: a policy takes effect for clients that
// mount, a security group leaves open connections alone. What is sure is that a task which has
// ended writes no more, so its writers are ended and looked at until they are gone.
#include <algorithm>
#include <charconv>

#include "steps/ecs.h"
#include "steps/files.h"

namespace leeward::steps {
namespace {

constexpr std::size_t kTasksPerCall = 100;  // of DescribeTasks

// Tasks that are told to end, and have not: a service does not count them any more.
Result<std::int64_t> TasksEnding(const Work& work, const model::Ecs& ecs) {
  ASSIGN_OR_RETURN(const Value listed, work.Pages(work.region(), "ecs", "ListTasks",
                                                  Value::Struct({{"cluster", ecs.cluster},
                                                                 {"serviceName", ecs.service},
                                                                 {"desiredStatus", "STOPPED"}})));
  const Value::List& arns = listed.Items("taskArns");
  std::int64_t ending = 0;
  for (std::size_t at = 0; at < arns.size(); at += kTasksPerCall) {
    const std::size_t end = std::min(at + kTasksPerCall, arns.size());
    const Value::List some(arns.begin() + static_cast<std::ptrdiff_t>(at),
                           arns.begin() + static_cast<std::ptrdiff_t>(end));
    ASSIGN_OR_RETURN(const Value told,
                     work.Call(work.region(), "ecs", "DescribeTasks",
                               Value::Struct({{"cluster", ecs.cluster}, {"tasks", some}})));
    for (const Value& task : told.Items("tasks"))
      ending += task.String("lastStatus") == "STOPPED" ? 0 : 1;
  }
  return ending;
}

std::string NamesOf(const std::vector<const model::Ecs*>& writers) {
  std::string names;
  for (const model::Ecs* one : writers)
    names += (names.empty() ? "" : ", ") + one->cluster + "/" + one->service;
  return names;
}

Status SetTasks(const Work& work, const model::Ecs& ecs, std::int64_t desired) {
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), ecs));
  if (!service || service->Int("desiredCount") == desired) return base::Ok();
  const auto updated = work.CallPatiently(
      work.region(), "ecs", "UpdateService",
      Value::Struct(
          {{"cluster", ecs.cluster}, {"service", ecs.service}, {"desiredCount", desired}}));
  return updated.ok() ? base::Ok() : Status(updated.error());
}

Status AwaitNoTasks(const Work& work, const std::vector<const model::Ecs*>& writers) {
  std::int64_t seen = -1;
  const auto gone = work.Await<bool>(
      "the tasks of " + NamesOf(writers) + " in " + work.region().str() + " to end", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::int64_t left, TasksLeft(work, writers));
        if (left != seen) work.Say(std::to_string(left) + " tasks left in " + work.region().str());
        seen = left;
        if (left > 0) return std::optional<bool>();
        return std::optional<bool>(true);
      });
  return gone.ok() ? base::Ok() : Status(gone.error());
}

}  // namespace

Result<std::vector<const model::Ecs*>> WritersOf(const Work& work) {
  ASSIGN_OR_RETURN(const std::string names, work.Parameter("writers"));
  std::vector<const model::Ecs*> writers;
  std::size_t begin = 0;
  while (begin < names.size()) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    const std::string name = names.substr(begin, end - begin);
    const model::Component* one = work.application().Find(model::ComponentName(name));
    const auto* ecs = one == nullptr ? nullptr : std::get_if<model::Ecs>(&one->kind);
    if (ecs == nullptr) {
      return base::Invalid("the plan's writer '" + name +
                           "' is no service of the spec; make a new plan");
    }
    writers.push_back(ecs);
    begin = end + 1;
  }
  if (!writers.empty()) return writers;
  return base::Refused("no service of the spec needs " + work.step().component.str() +
                       ", so nobody knows who writes to it; add it to the `needs` of those that "
                       "mount it");
}

Result<std::int64_t> TasksLeft(const Work& work, const std::vector<const model::Ecs*>& writers) {
  std::int64_t left = 0;
  for (const model::Ecs* ecs : writers) {
    ASSIGN_OR_RETURN(const std::optional<Value> service,
                     DescribeService(work, work.region(), *ecs));
    if (!service) continue;
    left += std::max(service->Int("desiredCount"),
                     service->Int("runningCount") + service->Int("pendingCount"));
    ASSIGN_OR_RETURN(const std::int64_t ending, TasksEnding(work, *ecs));
    left += ending;
  }
  return left;
}

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> FenceFiles(const Work& work) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  const std::string names = NamesOf(writers);
  const Status gone = AwaitNoTasks(work, writers);
  if (gone.ok()) {
    return StepOutcome{"no task of " + names + " is left; what mounts it besides is not known here",
                       {{"proof", "closed"}}};
  }
  if (gone.error().code() == base::ErrorCode::kCancelled) return gone.error();
  return StepOutcome{"tasks of " + names + " may still write: " + gone.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> QuiesceFiles(const Work& work) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  for (const model::Ecs* ecs : writers) RETURN_IF_ERROR(SetTasks(work, *ecs, 0));
  RETURN_IF_ERROR(AwaitNoTasks(work, writers));
  const base::WallTime end = work.tools().clock.Now();
  return StepOutcome{
      "no task of " + NamesOf(writers) + " is left; what mounts it besides is not known here",
      {{"final_ns", std::to_string(end.since_epoch.count())}, {"proof", "closed"}}};
}

Result<base::WallTime> EndOfWrites(const Work& work) {
  const std::string text = work.Output(KindBeside(work, "quiesce"), "final_ns");
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, count).ptr != end)
    return base::Invalid("the plan ends no writers whose last file could be waited for");
  return base::WallTime{base::Duration(count)};
}

// The way back from a move that is called off: what was ended starts again.
Result<StepOutcome> StartWriters(const Work& work, const std::string& place) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  for (const model::Ecs* ecs : writers) RETURN_IF_ERROR(SetTasks(work, *ecs, ecs->active));
  return StepOutcome{place + " takes writes by EFS's word, and " + NamesOf(writers) +
                         " is told to run at its active size",
                     {}};
}

}  // namespace leeward::steps
