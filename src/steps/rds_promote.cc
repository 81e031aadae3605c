// Promotion: done when the source link is gone, the instance is available, it is no replica
// and a write has committed. A status alone proves nothing: right after the call it may still be
// the old one.
#include <atomic>
#include <thread>

#include "steps/rds.h"

namespace leeward::steps {
namespace {

// `backing-up` is an available instance whose first backup runs; it takes writes.
bool Serves(const Instance& instance) {
  return instance.status == "available" || instance.status == "backing-up";
}

using Writable = probe::WriterMark;

Result<std::optional<Writable>> LookAtRecovery(const Work& work, const probe::SqlAddress& address,
                                               probe::SqlSession& session,
                                               base::MonotonicTime deadline) {
  const auto mark = session.ReadWriterMark(deadline);
  if (!mark.ok() && mark.error().code() == base::ErrorCode::kWrongState) {
    return std::optional<Writable>();
  }
  if (!mark.ok()) return mark.error();
  // The closing of the old writer is in the log, so who has the log has it too.
  ASSIGN_OR_RETURN(const bool open, session.IsDoorOpen(address.database, deadline));
  if (!open) RETURN_IF_ERROR(session.OpenDoor(address.database, deadline));
  RETURN_IF_ERROR(LiftUnlessGuarded(work, session, deadline));
  return std::optional<Writable>(*mark);
}

}  // namespace

Result<Writable> AwaitWritable(const Work& work, const model::Rds& rds,
                               const probe::SqlAddress& address) {
  return work.Await<Writable>(
      Place(rds.instance, work.region()) + " to take writes", work.SqlPace(),
      [&]() -> Result<std::optional<Writable>> {
        const base::MonotonicTime deadline = work.Within(work.limits().sql);
        const auto cancelled = [&work] { return work.Cancelled(); };
        Result<std::optional<Writable>> looked = work.shared().sessions.With(
            probe::ControlOf(address), deadline, cancelled, [&](probe::SqlSession& session) {
              return LookAtRecovery(work, address, session, deadline);
            });
        if (!looked.ok() || !looked->has_value()) return looked;
        RETURN_IF_ERROR(work.shared().sessions.With(
            address, deadline, cancelled,
            [&](probe::SqlSession& session) { return session.ProbeWrite("promote", deadline); }));
        return looked;
      });
}

namespace {

class Promotion {
 public:
  Promotion(const Work& work, const model::Rds& rds, probe::SqlAddress address)
      : work_(work), rds_(rds), address_(std::move(address)) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    ASSIGN_OR_RETURN(const bool promoted_before, IsPromoted());
    if (!promoted_before) RETURN_IF_ERROR(Ask());
    // Both sides of the proof are looked at together: neither waits for the other.
    Result<Instance> unlinked = base::Unreachable("not asked");
    std::thread api([&] { unlinked = AwaitUnlinked(); });
    const Result<Writable> writable = AwaitWritable(work_, rds_, address_);
    // A database that will not come has no use for the API's answer.
    if (!writable.ok()) give_up_ = true;
    api.join();
    if (!writable.ok()) return writable.error();
    if (!unlinked.ok()) return std::move(unlinked).error();
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{std::string(promoted_before ? "was promoted already" : "promoted") + ", " +
                           writable->name + " " + writable->value + ", a write committed, " +
                           base::HumanDuration(took),
                       {{writable->name, writable->value},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"address", address_.host}}};
  }

 private:
  std::string place() const { return Place(rds_.instance, work_.region()); }

  // Whether the database has left recovery. One that does not answer is asked again by
  // AwaitWritable.
  Result<bool> IsPromoted() {
    const auto position = PositionAt(work_, probe::ControlOf(address_));
    if (position.ok()) return !position->replica;
    if (position.error().code() == base::ErrorCode::kDenied) return position.error();
    return false;
  }

  // Calls PromoteReadReplica until it is accepted, or the instance is found to be on its way.
  Status Ask() {
    const auto asked = work_.Await<bool>(
        place() + " to accept its promotion", work_.ApiPace(),
        [&]() -> Result<std::optional<bool>> {
          const auto answer = work_.Call(
              work_.region(), "rds", "PromoteReadReplica",
              Value::Struct({{"DBInstanceIdentifier", rds_.instance},
                             {"BackupRetentionPeriod", work_.limits().backup_retention_days}}));
          if (answer.ok()) return std::optional<bool>(true);
          if (answer.error().code() != base::ErrorCode::kWrongState) return answer.error();
          return LookAtRefusal(answer.error());
        });
    return asked.ok() ? base::Ok() : Status(asked.error());
  }

  // An instance that refuses may be promoted already, under way, or busy with something that will
  // end.
  Result<std::optional<bool>> LookAtRefusal(const base::Error& refusal) {
    ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work_, work_.region(), rds_.instance));
    if (instance.source.empty()) return std::optional<bool>(true);
    if (instance.status == "available") return base::Error(refusal).Context(place());
    if (instance.status == "modifying" || instance.status == "rebooting") {
      return std::optional<bool>(true);
    }
    work_.Say(place() + " is " + instance.status + "; promotion has to wait");
    return std::optional<bool>();
  }

  Result<Instance> AwaitUnlinked() {
    return work_.Await<Instance>(
        place() + " to be available without a source", work_.ApiPace(),
        [&]() -> Result<std::optional<Instance>> {
          if (give_up_) return base::Cancelled("the database did not take writes");
          ASSIGN_OR_RETURN(Instance instance, NeedInstance(work_, work_.region(), rds_.instance));
          if (!instance.source.empty() || !Serves(instance)) return std::optional<Instance>();
          return std::optional<Instance>(std::move(instance));
        });
  }

  const Work& work_;
  const model::Rds& rds_;
  const probe::SqlAddress address_;
  std::atomic<bool> give_up_{false};
};

}  // namespace

Result<StepOutcome> RdsPromote(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  return Promotion(work, *rds, address).Run();
}

}  // namespace leeward::steps
