// Looks at tables that are to be replicated, measured, closed and opened.
#include "probe/canary.h"
#include "steps/dynamodb.h"
#include "steps/look.h"

namespace leeward::steps {
namespace {

using model::Dynamodb;

const model::Step* TableNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending({{"dynamodb.replicate"}, step.region, step.component});
}

Result<Policy> PolicyNow(const Work& work, const Dynamodb& dynamodb, base::Duration limit) {
  std::string arn(work.Fact(work.step().component, work.region(), "table.arn"));
  if (arn.empty()) {
    ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb.table));
    arn = table.arn;
  }
  return ReadPolicy(work, work.region(), arn, limit);
}

Finding Closing(const Policy& policy) {
  Finding finding =
      HasFence(policy.text)
          ? Nothing("writes are denied already")
          : Act(policy.text.empty() ? "would give it a resource policy that denies writes"
                                    : "would add a statement that denies writes to its policy");
  finding.outputs["proof"] = "closed";
  return finding;
}

// "a canary of us-east-1 of 0.3 s ago is here".
std::string CanaryNow(const Work& work, const Dynamodb& dynamodb, const Region& of,
                      const Region& in) {
  const auto table = TableIn(work, dynamodb, in, work.limits().call);
  if (!table.ok()) return table.error().message();
  const auto stamp = GetStamp(*table, probe::CanaryOf(of.str()));
  if (!stamp.ok()) return stamp.error().message();
  if (!*stamp) return "no canary of " + of.str() + " is in " + in.str();
  return "the canary of " + of.str() + " in " + in.str() + " is " +
         base::HumanDuration(work.tools().clock.Now() - **stamp) + " old";
}

}  // namespace

Result<Finding> LookAtTableSource(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb->table));
  RETURN_IF_ERROR(CheckFits(*dynamodb, work.region(), table));
  if (table.status != "ACTIVE") return Act("would wait until it is ACTIVE: it is " + table.status);
  const bool to_be_strong =
      dynamodb->consistency == model::Consistency::kStrong && table.replicas.empty();
  return Pass({to_be_strong ? "active; that it is empty is seen when it is made strong"
                            : "active, " + std::to_string(table.replicas.size()) + " replicas",
               {{"arn", table.arn}}});
}

Result<Finding> LookAtTableReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const Region source(from);
  ASSIGN_OR_RETURN(const Table there, NeedTable(work, source, dynamodb->table));
  RETURN_IF_ERROR(CheckFits(*dynamodb, source, there));
  const auto replica = there.replicas.find(work.region());
  if (replica != there.replicas.end()) {
    if (replica->second != "ACTIVE")
      return Act("would wait until its replica is ACTIVE: it is " + replica->second);
    return Nothing("is a replica already, " + CanaryNow(work, *dynamodb, source, work.region()) +
                   "; what AWS does not copy would be set where it is missing");
  }
  ASSIGN_OR_RETURN(const std::optional<Table> stranger,
                   DescribeTable(work, work.region(), dynamodb->table));
  if (stranger) {
    return base::WrongState(Place(dynamodb->table, work.region()) +
                            " exists and is no replica of the one in " + source.str() +
                            "; a replica needs the name: delete that table, or copy it elsewhere");
  }
  return Act("would add a replica of " + there.arn + " in " + work.region().str());
}

Result<Finding> LookAtTableMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, DynamodbMeasure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtTableFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  const std::string place = Place(dynamodb->table, work.region());
  Finding unreachable{Would::kPass, "", {}, {{"proof", "unreachable"}}};
  if (work.Fact(work.step().component, work.region(), "table.arn").empty()) {
    unreachable.detail = place + " is not in the inventory; nothing would be denied";
    return unreachable;
  }
  const auto policy = PolicyNow(work, *dynamodb, work.limits().old_region);
  if (policy.ok()) return Closing(*policy);
  unreachable.detail = place + " could not be closed: " + policy.error().message();
  return unreachable;
}

Result<Finding> LookAtTableQuiesce(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const Policy policy, PolicyNow(work, *dynamodb, work.limits().call));
  return Closing(policy);
}

Result<Finding> LookAtTableReady(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb->table));
  if (table.status != "ACTIVE" && table.status != "UPDATING") {
    return base::WrongState(Place(dynamodb->table, work.region()) + " is " + table.status +
                            "; it takes no writes");
  }
  ASSIGN_OR_RETURN(const Policy policy, PolicyNow(work, *dynamodb, work.limits().call));
  if (HasFence(policy.text)) return Act("would take its fence away and write a probe item");
  return Nothing("is " + table.status + "; only a probe item would be written");
}

Result<Finding> LookAtTableOpen(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  if (const model::Step* behind = TableNotYetThere(look)) return Later(*behind);
  const model::Step* behind =
      look.Pending({{"dynamodb.drain-to", "dynamodb.quiesce"}, {}, work.step().component});
  ASSIGN_OR_RETURN(const Policy policy, PolicyNow(work, *dynamodb, work.limits().call));
  if (HasFence(policy.text)) return Act("would take its fence away and write a probe item");
  if (behind != nullptr && behind->region == work.region()) return Later(*behind);
  return Nothing("has no fence; only a probe item would be written");
}

Result<Finding> LookAtTableConverge(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  if (const model::Step* behind = TableNotYetThere(look)) return Later(*behind);
  return Act("would send a canary each way and wait for both; now " +
             CanaryNow(work, *dynamodb, Region(writer), work.region()) + ", and " +
             CanaryNow(work, *dynamodb, work.region(), Region(writer)));
}

Result<Finding> LookAtTableDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  const std::string now = CanaryNow(work, *dynamodb, Region(source), work.region());
  const model::Step* quiesce = look.Pending({{"dynamodb.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, now);
  return Act("would wait until the last write of " + source + " has arrived; now " + now);
}

Result<Finding> LookAtTableLateWrites(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending({{"dynamodb.converge"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(StepOutcome found, DynamodbLateWrites(work));
  return Pass(std::move(found));
}

}  // namespace leeward::steps
