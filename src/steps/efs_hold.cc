// How old a replica is; and ending those who write to a file system, and letting them go on.
//
// A file system has no door that is proven to be shut: a policy takes effect for clients that
// mount, a security group leaves open connections alone. What is sure is that a task which has
// ended writes no more, so its writers are ended and looked at until they are gone.
#include <algorithm>
#include <charconv>

#include "decide/decide.h"
#include "steps/ecs.h"
#include "steps/efs.h"
#include "steps/promoted.h"

namespace leeward::steps {
namespace {

using model::Efs;

constexpr std::size_t kTasksPerCall = 100;  // of DescribeTasks

StepOutcome BoundFrom(const Work& work, const std::optional<base::WallTime>& replicated) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = work.tools().clock.Now();
  lag.newest_visible = replicated;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: the first copy to " + work.region().str() +
                     " was never told to be whole (no LastReplicatedTimestamp)";
    return outcome;
  }
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*replicated);
  outcome.outputs["source"] = "last replicated";
  outcome.detail =
      "at most " + base::HumanDuration(*bound.bound) + " of writes, by LastReplicatedTimestamp";
  return outcome;
}

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

Result<base::WallTime> EndOfWrites(const Work& work) {
  const std::string text = work.Output("efs.quiesce", "final_ns");
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, count).ptr != end)
    return base::Invalid("the plan ends no writers whose last file could be waited for");
  return base::WallTime{base::Duration(count)};
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

Result<StepOutcome> EfsMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), system.id));
  if (TakesWrites(system, replication))
    return TakesWritesAlready(work, FilesPlace(*efs, system, work.region()));
  return Measurable(work,
                    BoundFrom(work, replication ? replication->last_replicated : std::nullopt));
}

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> EfsFence(const Work& work) {
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

Result<StepOutcome> EfsQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  for (const model::Ecs* ecs : writers) RETURN_IF_ERROR(SetTasks(work, *ecs, 0));
  RETURN_IF_ERROR(AwaitNoTasks(work, writers));
  const base::WallTime end = work.tools().clock.Now();
  return StepOutcome{
      "no task of " + NamesOf(writers) + " is left; what mounts it besides is not known here",
      {{"final_ns", std::to_string(end.since_epoch.count())}, {"proof", "closed"}}};
}

Result<StepOutcome> EfsDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const base::WallTime end, EndOfWrites(work));
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  const std::string place = FilesPlace(*efs, system, work.region());
  const base::WallTime wanted = end + work.limits().clock_margin;
  const auto complete = work.Await<base::WallTime>(
      place + " to have all that was written before " + base::FormatIso8601(wanted), work.ApiPace(),
      [&]() -> Result<std::optional<base::WallTime>> {
        ASSIGN_OR_RETURN(const std::optional<Replication> now,
                         ReplicationOf(work, work.region(), system.id));
        if (!now || now->destination_id != system.id) {
          return base::WrongState(
              place +
              " is no replica any more, so what it lacks never arrives; go back "
              "with `leeward abandon`, or fail over");
        }
        if (now->last_replicated && *now->last_replicated > wanted) return now->last_replicated;
        return std::optional<base::WallTime>();
      });
  if (!complete.ok()) return complete.error();
  return StepOutcome{
      "complete: all that was written before " + base::FormatIso8601(*complete) + " has arrived",
      {{"complete", "yes"}, {"last_replicated", base::FormatIso8601(*complete)}}};
}

// The way back from a move that is called off: what was ended starts again.
Result<StepOutcome> EfsOpen(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), system.id));
  const std::string place = FilesPlace(*efs, system, work.region());
  if (!TakesWrites(system, replication))
    return base::WrongState(place + " is a replica: it takes no writes");
  for (const model::Ecs* ecs : writers) RETURN_IF_ERROR(SetTasks(work, *ecs, ecs->active));
  return StepOutcome{place + " takes writes by EFS's word, and " + NamesOf(writers) +
                         " is told to run at its active size",
                     {}};
}

}  // namespace leeward::steps
