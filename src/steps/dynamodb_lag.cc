// What a replica has of what another wrote: the loss bound, and waiting for what is under way.
#include <algorithm>
#include <charconv>

#include "decide/decide.h"
#include "probe/canary.h"
#include "steps/dynamodb.h"
#include "steps/gates.h"

namespace leeward::steps {
namespace {

using model::Dynamodb;
using Stamp = std::optional<base::WallTime>;

StepOutcome Unknown(const Work& work, const Region& source) {
  return {"unknown: no canary of " + source.str() + " was ever visible in " + work.region().str(),
          {}};
}

StepOutcome BoundBy(const Work& work, base::WallTime canary) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = NoWritesAfter(work);
  lag.newest_visible = canary;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  return {"at most " + base::HumanDuration(*bound.bound) + " of writes, by the newest canary",
          {{"read_at", base::FormatIso8601(lag.read_at)},
           {"clock_margin_ns", std::to_string(work.limits().clock_margin.count())},
           {"newest_visible", base::FormatIso8601(canary)},
           {"source", "newest canary"},
           {"bound_ns", std::to_string(bound.bound->count())}}};
}

// A strong table acknowledges what another Region has as well; that it is one is asked here.
Result<StepOutcome> BoundOfStrong(const Work& work, const Dynamodb& dynamodb) {
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb.table));
  RETURN_IF_ERROR(CheckFits(dynamodb, work.region(), table));
  return StepOutcome{"nothing: a strong table acknowledges what two Regions have",
                     {{"read_at", base::FormatIso8601(work.tools().clock.Now())},
                      {"source", "strong consistency"},
                      {"bound_ns", "0"}}};
}

Result<StepOutcome> Measure(const Work& work, const Dynamodb& dynamodb, const Region& source) {
  if (dynamodb.consistency == model::Consistency::kStrong) return BoundOfStrong(work, dynamodb);
  ASSIGN_OR_RETURN(const ItemTable table,
                   TableIn(work, dynamodb, work.region(), work.limits().call));
  ASSIGN_OR_RETURN(const Stamp canary, GetStamp(table, probe::CanaryOf(source.str())));
  return canary ? BoundBy(work, *canary) : Unknown(work, source);
}

// Waits until the stamp is there, or a later one.
Status AwaitStamp(const Work& work, const ItemTable& table, const std::string& what,
                  base::WallTime stamp, const Region& region) {
  const auto seen = work.Await<bool>(
      what + " of " + base::FormatIso8601(stamp) + " in " + Place(table.name, region),
      work.SqlPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Stamp now, GetStamp(table, what));
        if (now && *now >= stamp) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return seen.ok() ? base::Ok() : Status(seen.error());
}

}  // namespace

Result<StepOutcome> DynamodbMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  return Measure(work, *dynamodb, Region(source));
}

Result<StepOutcome> DynamodbReady(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const ItemTable table,
                   TableIn(work, *dynamodb, work.region(), work.limits().call));
  const base::WallTime now = work.tools().clock.Now();
  Status written = ProbeWrite(table, "probe:" + work.region().str(), now);
  // A fence that an earlier move left here, or a Region that is slow to answer.
  if (!written.ok()) written = OpenTable(work, *dynamodb);
  if (!written.ok()) return written.error();
  // What is a replica of nothing any more would take writes that no other Region ever gets; that is
  // worth a word, not a failure: the data is here.
  const auto told = DescribeTable(work, work.region(), dynamodb->table);
  const std::string status = told.ok() && *told ? (*told)->status : "of a status that was not told";
  // The old Region may have taken writes from the first measurement until its fence was proven, and
  // takes none from here on.
  ASSIGN_OR_RETURN(StepOutcome outcome, Measure(work, *dynamodb, Region(source)));
  outcome.detail = "a write on a condition was made, the table is " + status;
  if (const auto newest = outcome.outputs.find("newest_visible"); newest != outcome.outputs.end())
    outcome.outputs["parted"] = newest->second;
  return outcome;
}

Result<StepOutcome> DynamodbConverge(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  const Region writer(writer_region);
  const base::Duration limit = work.limits().call;
  ASSIGN_OR_RETURN(const ItemTable here, TableIn(work, *dynamodb, work.region(), limit));
  ASSIGN_OR_RETURN(const ItemTable there, TableIn(work, *dynamodb, writer, limit));
  // From the Region that takes writes: a canary written now.
  const base::WallTime stamp = work.tools().clock.Now();
  const std::string out = probe::CanaryOf(writer.str());
  RETURN_IF_ERROR(PutStamp(there, out, stamp));
  RETURN_IF_ERROR(AwaitStamp(work, here, out, stamp, work.region()));
  // From the one that is to take them, and may be denied writing: the last canary that it took.
  const std::string back = probe::CanaryOf(work.region().str());
  ASSIGN_OR_RETURN(const Stamp last, GetStamp(here, back));
  if (last) RETURN_IF_ERROR(AwaitStamp(work, there, back, *last, writer));
  return StepOutcome{
      "a canary of " + writer.str() + " arrived, and the last one of " + work.region().str() +
          (last ? ", of " + base::FormatIso8601(*last) + ", is there" : " was never written"),
      {{"last_ns", last ? std::to_string(last->since_epoch.count()) : ""}}};
}

Result<StepOutcome> DynamodbDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  const std::string text = work.Output("dynamodb.quiesce", "final_ns");
  std::int64_t final_ns = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, final_ns).ptr != end)
    return base::Invalid("the plan closes no table whose last write could be waited for");
  if (final_ns == 0) return StepOutcome{"nothing was written before it was closed", {}};
  ASSIGN_OR_RETURN(const ItemTable table,
                   TableIn(work, *dynamodb, work.region(), work.limits().call));
  const base::WallTime last{base::Duration(final_ns)};
  RETURN_IF_ERROR(AwaitStamp(work, table, "fence:" + source, last, work.region()));
  // Items of other partitions travel beside it; one that left with it is not far behind.
  RETURN_IF_ERROR(work.Pause(work.limits().items_settle));
  return StepOutcome{
      "complete: the last write of " + source + ", of " + base::FormatIso8601(last) + ", arrived",
      {{"final_ns", text}}};
}

}  // namespace leeward::steps
