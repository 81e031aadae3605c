// Closing the old writer, and opening the new one.
#include "steps/rds.h"

namespace leeward::steps {
namespace {

// Closes the database; then what `last` tells of the log, which nothing of the application is
// behind.
template <typename Last>
Result<std::string> Close(const Work& work, const probe::SqlAddress& address,
                          base::MonotonicTime deadline, Last last) {
  const auto cancelled = [&] { return work.Cancelled(); };
  return work.shared().sessions.With(
      probe::ControlOf(address), deadline, cancelled,
      [&](probe::SqlSession& session) -> Result<std::string> {
        RETURN_IF_ERROR(session.CloseDoor(address.database, deadline, cancelled));
        return last(session, deadline);
      });
}

// Where the log stands. It may be inside a record of somebody else: nobody waits for this position,
// and a fence that has closed the door is not to fail over one more write.
Result<std::string> Standing(probe::SqlSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const probe::SqlPosition position, session.Position(deadline));
  return position.replayed;
}

// A position that its replica gets to, and that everything of the application is before.
Result<std::string> LastWrite(probe::SqlSession& session, base::MonotonicTime deadline) {
  return session.Mark(deadline);
}

// Closes the database of a server that may be starting; a position that its replica will replay to
// and that everything of the application is before. What it says of itself passes, within the
// step's own time. A server that does not answer at all is left to the next attempt, unless it has
// said so before: between the words of one that goes and those of one that comes there is silence.
Result<std::string> CloseWhenUp(const Work& work, const probe::SqlAddress& address,
                                const std::string& place) {
  bool restarts = false;
  while (true) {
    Result<std::string> closed = Close(work, address, work.context().deadline, LastWrite);
    if (closed.ok()) return closed;
    const base::Error& error = closed.error();
    const bool says_so = probe::SaysItRestarts(error);
    restarts = restarts || says_so;
    if (!says_so && !(restarts && error.code() == base::ErrorCode::kUnreachable)) return closed;
    work.Say(error.message());
    if (const Status paused = work.Pause(work.limits().restart_poll); !paused.ok()) {
      return base::Error(paused.error())
          .Context("waiting for " + place +
                   " to come up and be closed; last answer: " + error.message());
    }
  }
}

}  // namespace

Status LiftUnlessGuarded(const Work& work, probe::SqlSession& session,
                         base::MonotonicTime deadline) {
  if (work.application().failover.store) return base::Ok();
  return session.LiftHold(deadline);
}

Result<StepOutcome> RdsFence(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const base::MonotonicTime deadline = work.Within(work.limits().old_region);
  const std::string place = Place(rds->instance, work.region());
  // Only from the inventory: asking the old Region's control plane for the address would cost a
  // time-out that nothing may wait for.
  if (work.Fact(work.step().component, work.region(), "endpoint.address").empty()) {
    return StepOutcome{place + " has no known address; nothing was closed",
                       {{"proof", "unreachable"}}};
  }
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  const Result<std::string> closed = Close(work, address, deadline, Standing);
  if (closed.ok()) {
    return StepOutcome{"closed to all sessions at " + *closed,
                       {{"proof", "closed"}, {"final_lsn", *closed}}};
  }
  if (closed.error().code() == base::ErrorCode::kCancelled) return closed.error();
  return StepOutcome{place + " could not be closed: " + closed.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> RdsQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  ASSIGN_OR_RETURN(const std::string final_lsn,
                   CloseWhenUp(work, address, Place(rds->instance, work.region())));
  return StepOutcome{"closed; the last write is at " + final_lsn,
                     {{"final_lsn", final_lsn}, {"proof", "closed"}}};
}

Result<StepOutcome> RdsOpen(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  const auto cancelled = [&] { return work.Cancelled(); };
  const auto open = [&](probe::SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.OpenDoor(address.database, deadline));
    return LiftUnlessGuarded(work, session, deadline);
  };
  RETURN_IF_ERROR(
      work.shared().sessions.With(probe::ControlOf(address), deadline, cancelled, open));
  RETURN_IF_ERROR(work.shared().sessions.With(
      address, deadline, cancelled,
      [&](probe::SqlSession& session) { return session.ProbeWrite("open", deadline); }));
  return StepOutcome{"open; a write was committed", {}};
}

}  // namespace leeward::steps
