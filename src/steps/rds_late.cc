// What the old writer holds that the new one never got: looked for and counted, before anything
// else is done with either.
#include "probe/late_writes.h"
#include "steps/rds.h"

namespace leeward::steps {

Result<StepOutcome> RdsLateWrites(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  const std::string kept = work.Output("rds.preserve-old", "old_instance");
  if (kept.empty()) return StepOutcome{"there is no old writer to look through", {}};
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  if (parted.empty()) {
    return StepOutcome{"not listed: this journal has no failover that says where " + kept +
                           " and " + writer + " parted; " + kept + " is kept, compare it by hand",
                       {{"old_instance", kept}}};
  }
  ASSIGN_OR_RETURN(const Instance old, NeedInstance(work, work.region(), kept));
  if (old.status == "stopped") {
    return StepOutcome{
        "not listed: " + kept + " is stopped; start it, then run leeward late-writes",
        {{"old_instance", kept}}};
  }
  ASSIGN_OR_RETURN(const probe::SqlAddress fresh, DatabaseIn(work, *rds, Region(writer)));
  work.Say("comparing " + kept + " with " + Place(rds->instance, Region(writer)));
  const auto tables =
      probe::FindLateWritesIn(DatabaseAt(work, *rds, old.address, old.port), fresh, parted,
                              [](const probe::LateRow&) { return base::Ok(); },
                              {work.tools().resolver, work.tools().clock, work.context().deadline,
                               [&] { return work.Cancelled(); }});
  // A log that was cut since is no reason to stay away from home.
  if (!tables.ok() && tables.error().code() == base::ErrorCode::kNotFound) {
    return StepOutcome{
        "not listed: " + tables.error().message() + "; " + kept + " is kept, compare it by hand",
        {{"old_instance", kept}}};
  }
  if (!tables.ok()) return tables.error();
  std::uint64_t all = 0;
  for (const probe::LateTable& table : *tables) all += table.all();
  const std::string place = work.region().str();
  return StepOutcome{all == 0 ? kept + " holds nothing that " + writer + " lacks"
                              : probe::Summary(*tables) + " never left " + place +
                                    "; leeward late-writes lists them",
                     {{"old_instance", kept}, {"late_rows", std::to_string(all)}}};
}

}  // namespace leeward::steps
