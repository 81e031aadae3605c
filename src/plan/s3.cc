// S3: a bucket in each Region, each copied to the other by a rule of its own, so that both take
// writes at any time. Nothing is promoted, and no rule is changed on the way: S3 takes such changes
// in us-east-1 alone. What is done instead is to measure, to end those who write, to wait and to
// prove.
#include "model/names.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kObjects[] = "s3";
constexpr char kMetrics[] = "cloudwatch";

const std::vector<StepTemplate> kTemplates = {
    {"s3.check-source",
     Phase::kPrepare,
     "check that the bucket of {component} is in {region}",
     "a bucket answers in one Region, and its name says nothing of which",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "HeadBucket"}}},
    {"s3.replicate",
     Phase::kPrepare,
     "copy {component} from {other} to {region}, and back",
     "the objects must be in {region} before {other} is lost, and the way home is laid before it "
     "is needed: S3 takes no rule while us-east-1 is lost",
     "take the rule leeward-... out of both buckets' replication",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "HeadBucket"},
      {kObjects, "HeadBucket", Where::kOther},
      {kObjects, "GetBucketVersioning"},
      {kObjects, "GetBucketVersioning", Where::kOther},
      {kObjects, "PutBucketVersioning"},
      {kObjects, "PutBucketVersioning", Where::kOther},
      {kObjects, "GetBucketReplication"},
      {kObjects, "GetBucketReplication", Where::kOther},
      {kObjects, "PutBucketReplication"},
      {kObjects, "PutBucketReplication", Where::kOther},
      {kObjects, "PutObject", Where::kOther},
      {kObjects, "HeadObject", Where::kOther},
      {kObjects, "HeadObject"}},
     Part::kReplicates},
    {"s3.backfill",
     Phase::kPrepare,
     "copy what of {component} in {other} had no rule, or failed",
     "S3 copies that only when it is told to, by a job of S3 Batch Replication",
     "nothing to take back: what is copied stays",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "ListObjectVersions", Where::kOther},
      {kObjects, "HeadObject", Where::kOther},
      {"s3control", "CreateJob", Where::kOther},
      {"s3control", "DescribeJob", Where::kOther}}},
    {"s3.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is changed",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "HeadObject"}, {kMetrics, "GetMetricData"}},
     Part::kMeasures},
    {"s3.fence",
     Phase::kFence,
     "see that no task in {region} is left that writes to {component}",
     "{region} may still answer; no two Regions may write",
     "nothing to take back",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{"ecs", "DescribeServices"}, {"ecs", "ListTasks"}, {"ecs", "DescribeTasks"}},
     Part::kFences},
    {"s3.drain",
     Phase::kPromote,
     "wait for what {other} has sent of {component}",
     "{other} may live, and what is under way then arrives; where it does not, nothing is held up",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{kObjects, "PutObject", Where::kOther},
      {kObjects, "HeadObject"},
      {kMetrics, "GetMetricData"}},
     Part::kChanges | Part::kRestates},
    {"s3.ready",
     Phase::kPromote,
     "check that {component} in {region} takes writes",
     "there is nothing to promote: both buckets take writes, and one is proven to",
     "nothing to take back",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "PutObject"}, {kObjects, "HeadObject"}, {kMetrics, "GetMetricData"}},
     Part::kChanges | Part::kServes},
    {"s3.converge",
     Phase::kPrepare,
     "wait until {component} is copied both ways",
     "what was written in {other} must be in {region} before the application goes there",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "PutObject", Where::kOther},
      {kObjects, "HeadObject"},
      {kObjects, "ListObjectVersions", Where::kOther},
      {kObjects, "HeadObject", Where::kOther},
      {kMetrics, "GetMetricData"}},
     Part::kReplicates},
    {"s3.gap",
     Phase::kReprotect,
     "list what of {component} one Region alone has",
     "S3 gives up what it could not copy, and copies nothing that was there before its rule",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kContinue,
     {{kObjects, "ListObjectVersions"},
      {kObjects, "HeadObject"},
      {kObjects, "ListObjectVersions", Where::kOther},
      {kObjects, "HeadObject", Where::kOther}},
     Part::kKeeps},
    {"s3.quiesce",
     Phase::kFence,
     "end the tasks in {region} that write to {component}",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "UpdateService to the active size again",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "ListObjectVersions"},
      {kObjects, "HeadObject"},
      {"ecs", "DescribeServices"},
      {"ecs", "UpdateService"},
      {"ecs", "ListTasks"},
      {"ecs", "DescribeTasks"}},
     Part::kCloses},
    {"s3.drain-to",
     Phase::kPromote,
     "wait for the last object of {component} of {other}",
     "a planned move goes on when all that was written has arrived",
     "nothing to take back",
     // S3 copies most objects in seconds, and large ones in minutes.
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kObjects, "PutObject", Where::kOther},
      {kObjects, "HeadObject"},
      {kObjects, "ListObjectVersions", Where::kOther},
      {kObjects, "HeadObject", Where::kOther},
      {kMetrics, "GetMetricData"}},
     Part::kCompletes},
    {"s3.open",
     Phase::kPromote,
     "start the tasks in {region} that write to {component}",
     "they were ended for a move that does not come",
     "UpdateService to no task",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"}, {"ecs", "UpdateService"}},
     Part::kOpens | Part::kServes},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"s3.check-source@from", "s3.replicate@to", Scope::kSame},
      {"s3.replicate@to", "s3.converge@to", Scope::kSame},
      {"s3.replicate@to", "s3.backfill@to", Scope::kSame},
      {"s3.replicate@to", "s3.backfill@from", Scope::kSame},
      {"s3.backfill@to", "s3.converge@to", Scope::kSame},
      {"s3.backfill@from", "s3.gap@to", Scope::kSame},
      {"s3.converge@to", "s3.gap@to", Scope::kSame},
      {"s3.gap@to", "s3.quiesce@from", Scope::kSame},
      {"s3.quiesce@from", "s3.drain-to@to", Scope::kSame},
      {"s3.drain-to@to", "s3.ready@to", Scope::kSame},
      {"s3.drain@to", "s3.ready@to", Scope::kSame},
      // Tasks are told to end before anybody looks whether they have.
      {"ecs.quiesce@from", "s3.fence@from", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  const auto& s3 = std::get<model::S3>(component.kind);
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["bucket"] = s3.bucket(draft.application.regions, region);
  step.parameters["other-bucket"] = s3.bucket(draft.application.regions, draft.Other(region));
  if (!s3.prefix.empty()) step.parameters["prefix"] = s3.prefix;
  return step;
}

void Replicate(const model::Component& component, Draft& draft) {
  model::Step& step = EmitFor("s3.replicate", component, draft.plan.to, draft);
  const auto& s3 = std::get<model::S3>(component.kind);
  step.parameters["role"] = s3.role;
  step.parameters["replication-time-control"] = model::Name(s3.time_control);
  TellSource(draft, step);
}

// Into a Region, where somebody may be told to.
void Backfill(const model::Component& component, const model::Region& into, Draft& draft) {
  const auto& s3 = std::get<model::S3>(component.kind);
  if (s3.batch_role.empty()) return;
  model::Step& step = EmitFor("s3.backfill", component, into, draft);
  step.parameters["batch-role"] = s3.batch_role;
  step.parameters["source-region"] = draft.Other(into).str();
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("s3.check-source", component, draft.plan.from, draft);
  Replicate(component, draft);
  Backfill(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  TellBudget(draft, EmitFor("s3.measure", component, draft.plan.to, draft));
  if (draft.from_may_answer) {
    TellWriters(draft, EmitFor("s3.fence", component, draft.plan.from, draft));
    TellSource(draft, EmitFor("s3.drain", component, draft.plan.to, draft));
  }
  TellSource(draft, EmitFor("s3.ready", component, draft.plan.to, draft));
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    Replicate(component, draft);
    for (const model::Region& into : {to, from}) Backfill(component, into, draft);
    TellWriter(draft, EmitFor("s3.converge", component, to, draft));
    TellWriter(draft, EmitFor("s3.gap", component, to, draft));
  }
  TellWriters(draft, EmitFor("s3.quiesce", component, from, draft));
  TellSource(draft, EmitFor("s3.drain-to", component, to, draft));
  TellSource(draft, EmitFor("s3.ready", component, to, draft));
}

void CallOff(const model::Component& component, Draft& draft) {
  TellWriters(draft, EmitFor("s3.open", component, draft.plan.to, draft));
}

}  // namespace

const Recipe& S3Recipe() {
  static const Recipe kRecipe = {"s3",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"s3.replicate", "s3.check-source"},
                                 {":serves", ":serves"},
                                 {":serves", ":serves"}};
  return kRecipe;
}

}  // namespace leeward::plan
