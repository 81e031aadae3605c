// DataSync: a file system of the same name in both Regions, the standby's brought up to date by a
// task in the standby's Region. It is closed by ending the tasks that have it mounted, and promoted
// by seeing that nothing copies into it any more.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kFiles[] = "efs";
constexpr char kSync[] = "datasync";

const std::vector<StepTemplate> kTemplates = {
    {"datasync.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can be copied",
     "a file system of one zone goes with the zone, and a copy cannot be a source",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {kFiles, "DescribeMountTargets"},
      {kSync, "ListLocations"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "ListTaskExecutions"}}},
    {"datasync.replicate",
     Phase::kPrepare,
     "copy {component} from {other} to {region}, and go on doing so",
     "the files must be in {region} before {other} is lost; the task is in {region}, so that it is "
     "not lost with them",
     "delete the task and its locations, and the file system in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems", Where::kOther},
      {kFiles, "DescribeReplicationConfigurations", Where::kOther},
      {kFiles, "DescribeMountTargets", Where::kOther},
      {kFiles, "DescribeMountTargetSecurityGroups", Where::kOther},
      {kSync, "ListLocations", Where::kOther},
      {kSync, "ListTasks", Where::kOther},
      {kSync, "DescribeTask", Where::kOther},
      {kSync, "ListTaskExecutions", Where::kOther},
      {kSync, "CreateLocationEfs", Where::kOther},
      {kSync, "DeleteLocation", Where::kOther},
      {kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {kFiles, "CreateFileSystem"},
      {kFiles, "TagResource"},
      {kFiles, "UpdateFileSystemProtection"},
      {"ec2", "DescribeSubnets"},
      {"ec2", "DescribeSecurityGroups"},
      {kFiles, "DescribeMountTargets"},
      {kFiles, "DescribeMountTargetSecurityGroups"},
      {kFiles, "CreateMountTarget"},
      {kSync, "ListLocations"},
      {kSync, "CreateLocationEfs"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "CreateTask"},
      {kSync, "UpdateTask"},
      {kSync, "DeleteTask"},
      {kSync, "ListTaskExecutions"},
      {kSync, "StartTaskExecution"},
      {kSync, "DescribeTaskExecution"},
      {kSync, "CancelTaskExecution"}},
     Part::kReplicates},
    {"datasync.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kSync, "ListLocations"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "ListTaskExecutions"},
      {kSync, "DescribeTaskExecution"}},
     Part::kMeasures},
    {"datasync.fence",
     Phase::kFence,
     "see that no task in {region} has {component} mounted",
     "{region} may still answer; no two Regions may write",
     "nothing to take back",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{"ecs", "DescribeServices"}, {"ecs", "ListTasks"}, {"ecs", "DescribeTasks"}},
     Part::kFences},
    {"datasync.promote",
     Phase::kPromote,
     "let {component} in {region} be written to by the application alone",
     "the schedule of its task is switched off and what is under way is cancelled, so that nothing "
     "late overwrites what is written here",
     "",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kSync, "ListLocations"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "UpdateTask"},
      {kSync, "ListTaskExecutions"},
      {kSync, "DescribeTaskExecution"},
      {kSync, "CancelTaskExecution"},
      {kFiles, "UntagResource"}},
     Part::kChanges | Part::kServes},
    {"datasync.preserve-old",
     Phase::kReprotect,
     "put the old {component} in {region} aside",
     "a task overwrites its destination, so the way home gets a new file system and the old one "
     "keeps what it alone holds",
     "give the old file system its Name tag back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeFileSystems", Where::kOther},
      {kSync, "ListLocations"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "ListTaskExecutions"},
      {kSync, "CancelTaskExecution"},
      {kSync, "DeleteTask"},
      {kFiles, "TagResource"}},
     Part::kKeeps},
    {"datasync.quiesce",
     Phase::kFence,
     "end the tasks in {region} that have {component} mounted",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "UpdateService to the active size again",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"},
      {"ecs", "UpdateService"},
      {"ecs", "ListTasks"},
      {"ecs", "DescribeTasks"}},
     Part::kCloses},
    {"datasync.drain-to",
     Phase::kPromote,
     "copy the last files of {component} of {other}",
     "a planned move promotes only what is complete",
     "nothing to take back",
     // An execution compares both trees from the beginning.
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kSync, "ListLocations"},
      {kSync, "ListTasks"},
      {kSync, "DescribeTask"},
      {kSync, "ListTaskExecutions"},
      {kSync, "StartTaskExecution"},
      {kSync, "DescribeTaskExecution"}},
     Part::kCompletes},
    {"datasync.open",
     Phase::kPromote,
     "start the tasks in {region} that have {component} mounted",
     "they were ended for a move that does not come",
     "UpdateService to no task",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"}, {"ecs", "DescribeServices"}, {"ecs", "UpdateService"}},
     Part::kOpens | Part::kServes},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"datasync.check-source@from", "datasync.replicate@to", Scope::kSame},
      {"datasync.preserve-old@to", "datasync.replicate@to", Scope::kSame},
      {"datasync.replicate@to", "datasync.quiesce@from", Scope::kSame},
      {"datasync.quiesce@from", "datasync.drain-to@to", Scope::kSame},
      {"datasync.drain-to@to", "datasync.promote@to", Scope::kSame},
      // Tasks are told to end before anybody looks whether they have.
      {"ecs.quiesce@from", "datasync.fence@from", Scope::kAll},
      {"app.verify", "datasync.replicate@from", Scope::kAll},
      // Tasks that stand by mount a replica, not a file system that is about to become one.
      {"datasync.replicate@from", "ecs.scale@from", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["file-system"] = std::get<model::DataSync>(component.kind).file_system;
  return step;
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  return TellSource(draft, EmitFor("datasync.replicate", component, into, draft));
}

void Promote(const model::Component& component, Draft& draft) {
  EmitFor("datasync.promote", component, draft.plan.to, draft);
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("datasync.check-source", component, draft.plan.from, draft);
  Replicate(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  TellBudget(draft, EmitFor("datasync.measure", component, draft.plan.to, draft));
  if (draft.from_may_answer)
    TellWriters(draft, EmitFor("datasync.fence", component, draft.plan.from, draft));
  Promote(component, draft);
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    TellParting(draft, EmitFor("datasync.preserve-old", component, to, draft));
    Replicate(component, to, draft);
  }
  TellWriters(draft, EmitFor("datasync.quiesce", component, from, draft));
  TellSource(draft, EmitFor("datasync.drain-to", component, to, draft));
  Promote(component, draft);
  Replicate(component, from, draft).phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  TellWriters(draft, EmitFor("datasync.open", component, draft.plan.to, draft));
}

}  // namespace

const Recipe& DataSyncRecipe() {
  static const Recipe kRecipe = {"datasync",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"datasync.replicate", "datasync.check-source"},
                                 {"datasync.promote", "datasync.promote"},
                                 {"datasync.promote", "datasync.promote"}};
  return kRecipe;
}

}  // namespace leeward::plan
