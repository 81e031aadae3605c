// What a returning old primary holds. Where AWS has made it follow already, its own writes are gone
// with the resynchronisation, and that is said. Where it was cut loose it still has them: they are
// listed, and kept in a snapshot before the group gives its place to a new secondary.
#include "steps/elasticache.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::Elasticache;
using probe::RedisSession;

constexpr std::uint64_t kMostKeys = 1'000'000;
constexpr std::size_t kMaxSnapshotName = 255;

std::string Differences(const probe::KeyDifferences& found) {
  return std::to_string(found.missing) + " keys that the new primary has not, " +
         std::to_string(found.other) + " with other values, of " + std::to_string(found.looked_at) +
         (found.complete ? "" : " that were looked at");
}

Result<probe::KeyDifferences> Compare(const Work& work, const probe::RedisAddress& old,
                                      const probe::RedisAddress& fresh) {
  const base::Duration limit = work.Left();
  return OnCache(work, old, limit,
                 [&](RedisSession& mine, base::MonotonicTime) -> Result<probe::KeyDifferences> {
                   return OnCache(work, fresh, limit,
                                  [&](RedisSession& theirs, base::MonotonicTime deadline) {
                                    return probe::CompareKeys(mine, theirs, kMostKeys, deadline,
                                                              [&] { return work.Cancelled(); });
                                  });
                 });
}

// Takes the group out of its Global Datastore: as a secondary, or as the last member.
Status Unlink(const Work& work, const Elasticache& cache, const Group& group) {
  if (group.datastore.empty()) return base::Ok();
  const bool primary = group.role == "PRIMARY";
  const Value input = primary ? Value::Struct({{"GlobalReplicationGroupId", group.datastore},
                                               {"RetainPrimaryReplicationGroup", true}})
                              : Value::Struct({{"GlobalReplicationGroupId", group.datastore},
                                               {"ReplicationGroupId", cache.replication_group},
                                               {"ReplicationGroupRegion", work.region().str()}});
  const auto asked = work.Call(
      work.region(), "elasticache",
      primary ? "DeleteGlobalReplicationGroup" : "DisassociateGlobalReplicationGroup", input);
  const bool under_way = !asked.ok() && asked.error().code() == base::ErrorCode::kWrongState;
  if (!asked.ok() && !under_way && asked.error().code() != base::ErrorCode::kNotFound)
    return asked.error();
  const auto free = work.Await<bool>(
      Place(cache.replication_group, work.region()) + " to leave " + group.datastore,
      work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::optional<Group> now,
                         DescribeGroup(work, work.region(), cache.replication_group));
        if (!now || (now->datastore.empty() && now->status == "available"))
          return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return free.ok() ? base::Ok() : Status(free.error());
}

// A group cannot be renamed, so what it holds goes into a snapshot, and the group goes.
Status DeleteKept(const Work& work, const Elasticache& cache, const std::string& snapshot) {
  const auto asked = work.Call(work.region(), "elasticache", "DeleteReplicationGroup",
                               Value::Struct({{"ReplicationGroupId", cache.replication_group},
                                              {"FinalSnapshotIdentifier", snapshot}}));
  const bool under_way = !asked.ok() && asked.error().code() == base::ErrorCode::kWrongState;
  if (!asked.ok() && !under_way && asked.error().code() != base::ErrorCode::kNotFound)
    return asked.error();
  const auto gone = work.Await<bool>(
      Place(cache.replication_group, work.region()) + " to be in snapshot " + snapshot,
      work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::optional<Group> now,
                         DescribeGroup(work, work.region(), cache.replication_group));
        if (!now) return std::optional<bool>(true);
        work.Say(Place(cache.replication_group, work.region()) + ": " + now->status);
        return std::optional<bool>();
      });
  return gone.ok() ? base::Ok() : Status(gone.error());
}

// Keeps what a group that follows nobody holds.
Result<StepOutcome> Keep(const Work& work, const Elasticache& cache, const Group& old,
                         const Region& writer) {
  ASSIGN_OR_RETURN(const probe::RedisAddress fresh, CacheIn(work, cache, writer));
  ASSIGN_OR_RETURN(const probe::KeyDifferences found,
                   Compare(work, CacheAt(work, cache, old.address, old.port), fresh));
  const std::string snapshot =
      AsideName(work, cache.replication_group, "before").substr(0, kMaxSnapshotName);
  RETURN_IF_ERROR(Unlink(work, cache, old));
  RETURN_IF_ERROR(DeleteKept(work, cache, snapshot));
  return StepOutcome{"it alone held " + Differences(found) + "; kept as snapshot " + snapshot,
                     {{"snapshot", snapshot},
                      {"late_keys", std::to_string(found.missing)},
                      {"other_keys", std::to_string(found.other)}}};
}

// AWS makes a member of the same datastore follow again by itself and wipes it; whoever comes
// before that can still list what is about to go.
Result<StepOutcome> OfFollower(const Work& work, const Elasticache& cache, const Group& old,
                               const Region& writer) {
  const probe::RedisAddress mine = CacheAt(work, cache, old.address, old.port);
  const Result<bool> leads =
      OnCache(work, mine, work.limits().sql,
              [](RedisSession& session, base::MonotonicTime deadline) -> Result<bool> {
                ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                                 probe::ReadStanding(session, deadline));
                return standing.primary;
              });
  if (leads.ok() && *leads) {
    ASSIGN_OR_RETURN(const probe::RedisAddress fresh, CacheIn(work, cache, writer));
    const Result<probe::KeyDifferences> found = Compare(work, mine, fresh);
    if (found.ok()) {
      return StepOutcome{"it alone holds " + Differences(*found) +
                             "; AWS wipes them, because it is "
                             "to follow " +
                             writer.str() + " again",
                         {{"late_keys", std::to_string(found->missing)},
                          {"other_keys", std::to_string(found->other)}}};
    }
  }
  return StepOutcome{
      "AWS made it follow " + writer.str() +
          " again when it came back: what it alone held is gone, within the bound that the "
          "failover stated",
      {{"late_keys", "unknown"}}};
}

}  // namespace

Result<StepOutcome> ElasticachePreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  const Region writer(writer_region);
  ASSIGN_OR_RETURN(const std::optional<Group> old,
                   DescribeGroup(work, work.region(), cache->replication_group));
  if (!old) return StepOutcome{"there is no old group in " + work.region().str(), {}};
  if (old->status == "deleting") {
    RETURN_IF_ERROR(DeleteKept(work, *cache, AsideName(work, cache->replication_group, "before")));
    return StepOutcome{"was put into its snapshot by an earlier run", {}};
  }
  ASSIGN_OR_RETURN(const Group there, NeedGroup(work, writer, cache->replication_group));
  const bool together = !old->datastore.empty() && old->datastore == there.datastore;
  if (together) return OfFollower(work, *cache, *old, writer);
  return Keep(work, *cache, *old, writer);
}

}  // namespace leeward::steps
