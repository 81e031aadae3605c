// Putting an old writer aside: renamed, never deleted, so that what it holds can be looked at
// later.
#include <ctime>

#include "steps/rds.h"

namespace leeward::steps {
namespace {

constexpr std::size_t kMaxIdentifier = 63;
// Its old name is about to go: begun by a run of the step that was cut off, which closed it first.
constexpr char kRenaming[] = "renaming";

}  // namespace

std::string AsideName(const Work& work, const std::string& instance, const std::string& word) {
  std::string stamp = base::FormatAmzDate(work.context().plan.made);
  for (char& c : stamp) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::string tail = "-" + word + "-" + stamp;
  return instance.substr(0, kMaxIdentifier - tail.size()) + tail;
}

namespace {

// Renames and waits. Safe to run again: the old name may be gone, or belong to someone else by now.
// Kept sessions go too: the address of the old name will belong to another instance.
Result<Instance> Rename(const Work& work, const std::string& from, const std::string& to,
                        const std::string& old_address) {
  ASSIGN_OR_RETURN(const std::optional<Instance> done, DescribeInstance(work, work.region(), to));
  ASSIGN_OR_RETURN(const std::optional<Instance> there,
                   DescribeInstance(work, work.region(), from));
  const bool begun = there && there->status == kRenaming;
  if (!done && !begun) {
    work.Say("renaming " + Place(from, work.region()) + " to " + to);
    const Value input = Value::Struct({{"DBInstanceIdentifier", from},
                                       {"NewDBInstanceIdentifier", to},
                                       {"ApplyImmediately", true}});
    ASSIGN_OR_RETURN(const Value asked, work.Call(work.region(), "rds", "ModifyDBInstance", input));
  }
  if (!old_address.empty()) work.shared().sessions.Forget(old_address);
  return work.Await<Instance>(Place(to, work.region()) + " to be there", work.ApiPace(),
                              [&]() -> Result<std::optional<Instance>> {
                                ASSIGN_OR_RETURN(std::optional<Instance> instance,
                                                 DescribeInstance(work, work.region(), to));
                                const bool settled = instance && (instance->status == "available" ||
                                                                  instance->status == "stopped");
                                if (!settled) return std::optional<Instance>();
                                return instance;
                              });
}

// Closes the database of an instance at the address that it has now.
Status CloseInstance(const Work& work, const model::Rds& rds, const Instance& instance) {
  const probe::SqlAddress address = DatabaseAt(work, rds, instance.address, instance.port);
  const base::MonotonicTime deadline = work.context().deadline;
  const auto cancelled = [&] { return work.Cancelled(); };
  return work.shared().sessions.With(probe::ControlOf(address), deadline, cancelled,
                                     [&](probe::SqlSession& session) {
                                       return session.CloseDoor(rds.database, deadline, cancelled);
                                     });
}

}  // namespace

Result<std::optional<Instance>> NotYetAside(const Work& work, const model::Rds& rds,
                                            const std::string& aside) {
  ASSIGN_OR_RETURN(const std::optional<Instance> renamed,
                   DescribeInstance(work, work.region(), aside));
  if (renamed) return std::optional<Instance>();
  return DescribeInstance(work, work.region(), rds.instance);
}

bool IsReplicaFrom(const Instance& instance, const Region& region) {
  return instance.source.find(":" + region.str() + ":") != std::string::npos;
}

namespace {

// Proof that the new writer has everything: the old one is closed, and what it wrote last was
// replayed.
Status CheckNothingIsLeftBehind(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const std::string last = work.Output("rds.quiesce", "final_lsn");
  const std::string replayed_text = work.Output("rds.drain-to", "replayed_lsn");
  if (last.empty() || replayed_text.empty())
    return base::Invalid("the plan says no last write of " + work.region().str() +
                         ", and not what was replayed");
  ASSIGN_OR_RETURN(const probe::LogGap lacking,
                   probe::GapBetween(rds->engine, replayed_text, last));
  if (lacking.size == 0) return base::Ok();
  return base::WrongState("the new writer of " + work.step().component.str() + " was at " +
                          replayed_text + " when it was promoted, before the last write of " +
                          work.region().str() + "; nothing is set aside");
}

// Stopping is refused while a backup runs or the link to a former replica is still being taken
// apart.
Status Stop(const Work& work, const std::string& identifier) {
  const auto stopped = work.Await<bool>(
      Place(identifier, work.region()) + " to be stopped", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Instance now, NeedInstance(work, work.region(), identifier));
        if (now.status == "stopped") return std::optional<bool>(true);
        if (now.status != "available") return std::optional<bool>();
        work.Say("stopping " + Place(identifier, work.region()));
        const auto asked = work.Call(work.region(), "rds", "StopDBInstance",
                                     Value::Struct({{"DBInstanceIdentifier", identifier}}));
        if (asked.ok()) return std::optional<bool>();
        if (asked.error().code() != base::ErrorCode::kWrongState) return asked.error();
        work.Say(Place(identifier, work.region()) +
                 " cannot be stopped yet: " + asked.error().message());
        return std::optional<bool>();
      });
  return stopped.ok() ? base::Ok() : Status(stopped.error());
}

}  // namespace

Result<StepOutcome> RdsPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  const std::string aside = AsideName(work, rds->instance, "before");
  ASSIGN_OR_RETURN(const std::optional<Instance> old, NotYetAside(work, *rds, aside));
  if (old && IsReplicaFrom(*old, Region(writer))) {
    return StepOutcome{"follows " + writer + " already; there is no old writer to keep", {}};
  }
  if (old) {
    work.shared().sessions.Forget(old->address);
    if (old->status != "stopped" && old->status != kRenaming) {
      ASSIGN_OR_RETURN(const Instance ready,
                       AwaitStatus(work, work.region(), rds->instance, "available"));
      const Status closed = CloseInstance(work, *rds, ready);
      if (!closed.ok())
        return base::Error(closed.error())
            .Context("closing " + Place(rds->instance, work.region()));
    }
  } else {
    ASSIGN_OR_RETURN(const std::optional<Instance> renamed,
                     DescribeInstance(work, work.region(), aside));
    if (!renamed) return StepOutcome{"there is no old writer in " + work.region().str(), {}};
  }
  ASSIGN_OR_RETURN(const Instance kept,
                   Rename(work, rds->instance, aside, old ? old->address : ""));
  return StepOutcome{
      "closed and kept as " + aside + "; it may hold writes that never left " + work.region().str(),
      {{"old_instance", aside}, {"old_address", kept.address}}};
}

Result<StepOutcome> RdsRetireOld(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  RETURN_IF_ERROR(CheckNothingIsLeftBehind(work));
  const std::string aside = AsideName(work, rds->instance, "retired");
  ASSIGN_OR_RETURN(const std::optional<Instance> old, NotYetAside(work, *rds, aside));
  if (old && IsReplicaFrom(*old, Region(writer))) {
    return StepOutcome{"follows " + writer + " already; there is nothing to set aside", {}};
  }
  if (old) work.shared().sessions.Forget(old->address);
  if (old && old->status != kRenaming) {
    ASSIGN_OR_RETURN(const Instance ready,
                     AwaitStatus(work, work.region(), rds->instance, "available"));
    RETURN_IF_ERROR(CloseInstance(work, *rds, ready));
  }
  ASSIGN_OR_RETURN(const Instance kept,
                   Rename(work, rds->instance, aside, old ? old->address : ""));
  work.shared().sessions.Forget(kept.address);
  RETURN_IF_ERROR(Stop(work, aside));
  return StepOutcome{
      "complete elsewhere; stopped and kept as " + aside + ", delete it when it is not needed",
      {{"old_instance", aside}}};
}

}  // namespace leeward::steps
