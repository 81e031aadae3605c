// Putting a secondary in place.
#include "probe/canary.h"
#include "steps/elasticache.h"
#include "steps/kms_keys.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::Elasticache;
using probe::RedisSession;

constexpr char kPrimary[] = "PRIMARY";

std::string Arrow(const Work& work, const Elasticache& cache) {
  return Place(cache.replication_group, work.region());
}

// The source's Global Datastore, made where there is none. Its id is AWS's to choose.
Result<std::string> EnsureDatastore(const Work& work, const Elasticache& cache,
                                    const Region& source) {
  ASSIGN_OR_RETURN(const Group group, AwaitGroup(work, source, cache.replication_group));
  if (group.datastore.empty()) {
    work.Say("making " + Place(cache.replication_group, source) + " a Global Datastore");
    const auto made = work.CallPatiently(
        source, "elasticache", "CreateGlobalReplicationGroup",
        Value::Struct({{"GlobalReplicationGroupIdSuffix", cache.datastore},
                       {"GlobalReplicationGroupDescription",
                        work.application().name.str() + " " + work.step().component.str()},
                       {"PrimaryReplicationGroupId", cache.replication_group}}));
    // Made by a run of this step that was cut off: the look that follows finds it.
    const bool again = !made.ok() && (made.error().code() == base::ErrorCode::kAlready ||
                                      made.error().code() == base::ErrorCode::kWrongState);
    if (!made.ok() && !again) return made.error();
  }
  return work.Await<std::string>(
      "the Global Datastore of " + Place(cache.replication_group, source), work.ApiPace(),
      [&]() -> Result<std::optional<std::string>> {
        ASSIGN_OR_RETURN(const Group now, NeedGroup(work, source, cache.replication_group));
        if (now.datastore.empty()) return std::optional<std::string>();
        ASSIGN_OR_RETURN(const std::optional<Value> store,
                         DescribeDatastore(work, source, now.datastore));
        const std::string status(store ? store->String("Status") : "not there yet");
        if (status == "available" || status == "primary-only")
          return std::optional<std::string>(now.datastore);
        work.Say(now.datastore + ": " + status);
        return std::optional<std::string>();
      });
}

Status CreateSecondary(const Work& work, const Elasticache& cache, const Region& source,
                       const std::string& datastore) {
  ASSIGN_OR_RETURN(const Group there, NeedGroup(work, source, cache.replication_group));
  ASSIGN_OR_RETURN(const std::string security, SecurityGroup(work, cache.security_group));
  // Engine, node type, shards and parameters come with the datastore; AWS refuses them here.
  Value input = Value::Struct({{"ReplicationGroupId", cache.replication_group},
                               {"ReplicationGroupDescription",
                                work.application().name.str() + " " + work.step().component.str()},
                               {"GlobalReplicationGroupId", datastore},
                               {"NumCacheClusters", std::max<std::int64_t>(1, there.nodes)},
                               {"AutomaticFailoverEnabled", there.automatic_failover},
                               {"MultiAZEnabled", there.multi_az}});
  if (!security.empty()) input.Set("SecurityGroupIds", Value::List{security});
  if (!cache.kms_key.empty()) {
    if (!there.encrypted_at_rest) {
      return base::WrongState(Place(cache.replication_group, source) +
                              " is not encrypted at rest, and so is no secondary of it; leave "
                              "'kms-key' out, or make it anew of a snapshot, encrypted");
    }
    RETURN_IF_ERROR(NeedKmsKey(work, work.region(), cache.kms_key));
    input.Set("KmsKeyId", cache.kms_key);
  }
  if (!cache.subnet_group.empty()) input.Set("CacheSubnetGroupName", cache.subnet_group);
  work.Say("creating a secondary of " + datastore + " in " + work.region().str());
  const auto created = work.Await<bool>(
      datastore + " to take a secondary", work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        const auto answer =
            work.Call(work.region(), "elasticache", "CreateReplicationGroup", input);
        if (answer.ok() || answer.error().code() == base::ErrorCode::kAlready)
          return std::optional<bool>(true);
        // The datastore may be busy with something that will end.
        if (answer.error().service_code() == "InvalidGlobalReplicationGroupState")
          return std::optional<bool>();
        return answer.error();
      });
  return created.ok() ? base::Ok() : Status(created.error());
}

base::Error Stranger(const Work& work, const Elasticache& cache, const Group& group,
                     const std::string& datastore) {
  const std::string what = group.datastore.empty()
                               ? "is in no Global Datastore"
                               : "is in the Global Datastore " + group.datastore;
  return base::WrongState(Arrow(work, cache) + " exists and " + what +
                          "; joining would wipe it, so delete it (with a final snapshot), and a "
                          "secondary of " +
                          datastore + " can be made");
}

// After a move AWS turns the old primary round, which takes a moment.
Result<Group> AwaitSecondary(const Work& work, const Elasticache& cache,
                             const std::string& datastore) {
  return work.Await<Group>(
      Arrow(work, cache) + " to follow", work.ApiPace(), [&]() -> Result<std::optional<Group>> {
        ASSIGN_OR_RETURN(const Group group,
                         AwaitGroup(work, work.region(), cache.replication_group));
        if (group.datastore != datastore) return Stranger(work, cache, group, datastore);
        if (group.role == kPrimary) return std::optional<Group>();
        return std::optional<Group>(group);
      });
}

// A node that follows must not be held: what it is sent would wait too.
Status AwaitLinked(const Work& work, const Elasticache& cache, const probe::RedisAddress& address) {
  const auto linked = work.Await<bool>(
      Arrow(work, cache) + " to be in sync", work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        return OnCache(work, address, work.limits().sql,
                       [&](RedisSession& session,
                           base::MonotonicTime deadline) -> Result<std::optional<bool>> {
                         ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                                          probe::ReadStanding(session, deadline));
                         if (standing.primary) return std::optional<bool>();
                         RETURN_IF_ERROR(probe::ReleaseWrites(session, deadline));
                         if (!standing.linked) return std::optional<bool>();
                         return std::optional<bool>(true);
                       });
      });
  return linked.ok() ? base::Ok() : Status(linked.error());
}

// A canary from the source, and that it arrived: until an observer writes, it is what tells how old
// the standby's keys may be.
Status SendCanary(const Work& work, const Elasticache& cache, const Region& source,
                  const probe::RedisAddress& into) {
  ASSIGN_OR_RETURN(const Group there, NeedGroup(work, source, cache.replication_group));
  const std::string what = probe::CanaryOf(source.str());
  const base::WallTime stamp = work.tools().clock.Now();
  RETURN_IF_ERROR(OnCache(work, CacheAt(work, cache, there.address, there.port), work.limits().sql,
                          [&](RedisSession& session, base::MonotonicTime deadline) {
                            return probe::PutStamp(session, what, stamp, deadline);
                          }));
  return AwaitMarker(work, into, what, stamp);
}

}  // namespace

Result<StepOutcome> ElasticacheCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(Group group, NeedGroup(work, work.region(), cache->replication_group));
  RETURN_IF_ERROR(CheckFits(*cache, work.region(), group));
  if (group.role == "SECONDARY") {
    return base::WrongState(Arrow(work, *cache) + " is itself a secondary of " + group.datastore +
                            "; the Region that takes writes has its primary");
  }
  ASSIGN_OR_RETURN(group, AwaitGroup(work, work.region(), cache->replication_group));
  return StepOutcome{"available, " + group.engine + ", " + std::to_string(group.nodes) + " nodes",
                     {{"arn", group.arn}}};
}

Result<StepOutcome> ElasticacheReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  ASSIGN_OR_RETURN(const std::string datastore, EnsureDatastore(work, *cache, source));
  ASSIGN_OR_RETURN(const std::optional<Group> existing,
                   DescribeGroup(work, work.region(), cache->replication_group));
  if (existing && existing->datastore != datastore && existing->status != "creating")
    return Stranger(work, *cache, *existing, datastore);
  if (!existing) RETURN_IF_ERROR(CreateSecondary(work, *cache, source, datastore));
  ASSIGN_OR_RETURN(const Group group, AwaitSecondary(work, *cache, datastore));
  const probe::RedisAddress address = CacheAt(work, *cache, group.address, group.port);
  RETURN_IF_ERROR(AwaitLinked(work, *cache, address));
  RETURN_IF_ERROR(SendCanary(work, *cache, source, address));
  return StepOutcome{std::string(existing ? "was there already" : "created") + ", in " + datastore +
                         ", in sync, a canary arrived",
                     {{"address", group.address},
                      {"port", std::to_string(group.port)},
                      {"arn", group.arn},
                      {"datastore", datastore}}};
}

}  // namespace leeward::steps
