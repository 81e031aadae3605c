// Promotion: done when the node itself says that it is the primary and has taken a write. A status
// alone proves nothing.
#include <algorithm>
#include <charconv>

#include "steps/elasticache.h"

namespace leeward::steps {
namespace {

using model::Elasticache;
using probe::RedisSession;

// Whose turn it is to ask AWS: soon at first, then ever less often.
class Turns {
 public:
  explicit Turns(Pace pace) : pause_(pace.first), most_(pace.most) {}
  bool IsDue(base::MonotonicTime now) {
    if (now < next_) return false;
    next_ = now + pause_;
    pause_ = std::min(2 * pause_, most_);
    return true;
  }

 private:
  base::Duration pause_;
  const base::Duration most_;
  base::MonotonicTime next_;
};

class Promotion {
 public:
  Promotion(const Work& work, const Elasticache& cache, probe::RedisAddress address, bool planned)
      : work_(work), cache_(cache), address_(std::move(address)), planned_(planned) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    const Result<bool> before = IsPrimary();
    const bool already = before.ok() && *before;
    if (planned_ && !already) RETURN_IF_ERROR(KeepHeld());
    if (!already) RETURN_IF_ERROR(BecomePrimary(begin));
    RETURN_IF_ERROR(OpenCache(work_, address_));
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{std::string(already      ? "was promoted already"
                                   : cut_loose_ ? "cut loose"
                                                : "promoted") +
                           ", a write was made, " + base::HumanDuration(took),
                       {{"how", cut_loose_ ? "disassociated" : "failover"},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"address", address_.host}}};
  }

 private:
  std::string place() const { return Place(cache_.replication_group, work_.region()); }

  Result<bool> IsPrimary() {
    return OnCache(work_, address_, work_.limits().sql,
                   [](RedisSession& session, base::MonotonicTime deadline) -> Result<bool> {
                     ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                                      probe::ReadStanding(session, deadline));
                     return standing.primary;
                   });
  }

  // A planned move that took long may have outlived the hold: writes may have gone on since.
  Status KeepHeld() {
    const std::string until = work_.Output("elasticache.quiesce", "until_ns");
    std::int64_t ends = 0;
    std::from_chars(until.data(), until.data() + until.size(), ends);
    const base::WallTime end{base::Duration(ends)};
    if (end - work_.tools().clock.Now() > work_.limits().writes_held / 2) return base::Ok();
    const Region& source = work_.Other(work_.region());
    ASSIGN_OR_RETURN(const probe::RedisAddress there, CacheIn(work_, cache_, source));
    ASSIGN_OR_RETURN(const Hold hold,
                     HoldIn(work_, there, source, work_.limits().writes_held, work_.limits().sql));
    return AwaitMarker(work_, address_, HoldOf(source), hold.marker);
  }

  // AWS lets the old primary take writes until the new one leads, and may take longer over it than
  // a hold lasts.
  void Prolong() {
    const base::MonotonicTime now = work_.tools().clock.Monotonic();
    if (!planned_ || now < prolong_at_) return;
    prolong_at_ = now + work_.limits().writes_held / 4;
    const auto there = CacheIn(work_, cache_, work_.Other(work_.region()));
    if (!there.ok()) return;
    const auto prolong = [this](RedisSession& session, base::MonotonicTime deadline) -> Status {
      ASSIGN_OR_RETURN(const probe::RedisStanding standing, probe::ReadStanding(session, deadline));
      // One that follows by now must not be held: what it is sent would wait too.
      if (!standing.primary) return base::Ok();
      return probe::ProlongHold(session, work_.limits().writes_held, deadline);
    };
    // One that does not answer is asked again before its hold is over.
    (void)OnCache(work_, *there, work_.limits().sql, prolong);
  }

  Result<std::string> Datastore() {
    const std::string_view known =
        work_.Fact(work_.step().component, work_.region(), "datastore.id");
    if (!known.empty()) return std::string(known);
    ASSIGN_OR_RETURN(const Group group, NeedGroup(work_, work_.region(), cache_.replication_group));
    return group.datastore;
  }

  // Asks until it is accepted, and looks at the node meanwhile: neither waits for the other's word.
  Status BecomePrimary(base::MonotonicTime begin) {
    ASSIGN_OR_RETURN(const std::string datastore, Datastore());
    if (datastore.empty())
      return base::WrongState(place() + " is a replica and in no Global Datastore; " +
                              "ElastiCache has no way to promote it");
    bool asked = false;
    std::string last;
    const auto promoted = work_.Await<bool>(
        place() + " to be the primary", work_.SqlPace(), [&]() -> Result<std::optional<bool>> {
          if (!asked && asking_.IsDue(work_.tools().clock.Monotonic()))
            RETURN_IF_ERROR(Ask(datastore, &asked, &last));
          Prolong();
          const Result<bool> primary = IsPrimary();
          if (primary.ok() && *primary) return std::optional<bool>(true);
          if (!primary.ok() && primary.error().code() == base::ErrorCode::kDenied)
            return primary.error();
          RETURN_IF_ERROR(MaybeCutLoose(datastore, begin));
          return std::optional<bool>();
        });
    if (promoted.ok()) return base::Ok();
    return last.empty() ? Status(promoted.error())
                        : Status(base::Error(promoted.error()).Context(last));
  }

  // An answer that may get better is asked for again.
  Status Ask(const std::string& datastore, bool* asked, std::string* last) {
    const auto answer =
        work_.Call(work_.region(), "elasticache", "FailoverGlobalReplicationGroup",
                   Value::Struct({{"GlobalReplicationGroupId", datastore},
                                  {"PrimaryRegion", work_.region().str()},
                                  {"PrimaryReplicationGroupId", cache_.replication_group}}));
    *asked = answer.ok();
    if (answer.ok()) return base::Ok();
    *last = answer.error().message();
    work_.Say(place() + ": " + *last);
    switch (answer.error().code()) {
      case base::ErrorCode::kDenied:
      case base::ErrorCode::kInvalid:
      case base::ErrorCode::kCancelled:
        return answer.error();
      default:
        return base::Ok();  // busy, throttled, broken or not there: the deadline decides
    }
  }

  // What cannot be promoted in its datastore is taken out of it, and is then a primary by itself.
  // The way back is a new secondary.
  Status MaybeCutLoose(const std::string& datastore, base::MonotonicTime begin) {
    const base::MonotonicTime now = work_.tools().clock.Monotonic();
    const base::Duration waited = now - begin;
    if (planned_ || cut_loose_ || waited < work_.limits().datastore_failover) return base::Ok();
    if (!cutting_.IsDue(now)) return base::Ok();
    work_.Say(place() + " is not promoted after " + base::HumanDuration(waited) +
              "; taking it out of " + datastore);
    const auto answer =
        work_.Call(work_.region(), "elasticache", "DisassociateGlobalReplicationGroup",
                   Value::Struct({{"GlobalReplicationGroupId", datastore},
                                  {"ReplicationGroupId", cache_.replication_group},
                                  {"ReplicationGroupRegion", work_.region().str()}}));
    cut_loose_ = answer.ok();
    if (!answer.ok()) work_.Say(place() + ": " + answer.error().message());
    return base::Ok();
  }

  const Work& work_;
  const Elasticache& cache_;
  const probe::RedisAddress address_;
  const bool planned_;
  bool cut_loose_ = false;
  Turns asking_{work_.ApiPace()}, cutting_{work_.ApiPace()};
  base::MonotonicTime prolong_at_;
};

}  // namespace

Result<StepOutcome> ElasticachePromote(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string how, work.Parameter("how"));
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  return Promotion(work, *cache, address, how == "planned").Run();
}

}  // namespace leeward::steps
