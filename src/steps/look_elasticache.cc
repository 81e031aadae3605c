// Looks at caches that are to be replicated, measured, held, promoted and opened.
#include "probe/canary.h"
#include "steps/elasticache.h"
#include "steps/look.h"

namespace leeward::steps {
namespace {

using model::Elasticache;
using probe::RedisSession;

const model::Step* CacheNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending(
      {{"elasticache.replicate", "elasticache.preserve-old"}, step.region, step.component});
}

Result<probe::RedisStanding> StandingIn(const Work& work, const Elasticache& cache,
                                        base::Duration limit) {
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, cache, work.region()));
  return OnCache(work, address, limit, [](RedisSession& session, base::MonotonicTime deadline) {
    return probe::ReadStanding(session, deadline);
  });
}

std::string Role(const probe::RedisStanding& standing) {
  if (standing.primary) return "a primary";
  return standing.linked ? "a replica in sync" : "a replica that is not in sync";
}

std::string CanaryNow(const Work& work, const Elasticache& cache, const Region& of) {
  const auto address = CacheIn(work, cache, work.region());
  if (!address.ok()) return address.error().message();
  const auto stamp = OnCache(work, *address, work.limits().sql,
                             [&](RedisSession& session, base::MonotonicTime deadline) {
                               return probe::GetStamp(session, probe::CanaryOf(of.str()), deadline);
                             });
  if (!stamp.ok()) return stamp.error().message();
  if (!*stamp) return "no canary of " + of.str() + " is there";
  return "the canary of " + of.str() + " is " +
         base::HumanDuration(work.tools().clock.Now() - **stamp) + " old";
}

Result<Finding> Holding(const Work& work, const Elasticache& cache, base::Duration limit) {
  ASSIGN_OR_RETURN(const probe::RedisStanding standing, StandingIn(work, cache, limit));
  Finding finding = Act("would let the writes of " + Place(cache.replication_group, work.region()) +
                        " wait, which is " + Role(standing));
  finding.outputs["proof"] = "closed";
  return finding;
}

}  // namespace

Result<Finding> LookAtCacheSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, ElasticacheCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtCacheReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const model::Step* behind = look.Pending(
      {{"elasticache.preserve-old", "elasticache.promote"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Group source, NeedGroup(work, Region(from), cache->replication_group));
  ASSIGN_OR_RETURN(const std::optional<Group> here,
                   DescribeGroup(work, work.region(), cache->replication_group));
  if (!here) {
    return Act("would " +
               std::string(source.datastore.empty() ? "make a Global Datastore and " : "") +
               "create a secondary of " + source.arn + " in " + work.region().str());
  }
  if (here->datastore.empty() || here->datastore != source.datastore) {
    return base::WrongState(Place(cache->replication_group, work.region()) +
                            " exists and is not in the Global Datastore of the one in " + from +
                            "; joining would wipe it: delete it, with a final snapshot");
  }
  if (here->status != "available") return Act("would wait until it is available: " + here->status);
  return Nothing("is in " + here->datastore + " already, " + CanaryNow(work, *cache, Region(from)) +
                 "; only a canary would be written");
}

Result<Finding> LookAtCacheMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, ElasticacheMeasure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtCacheFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  const std::string place = Place(cache->replication_group, work.region());
  Finding unreachable{Would::kPass, "", {}, {{"proof", "unreachable"}}};
  if (work.Fact(work.step().component, work.region(), "endpoint.address").empty()) {
    unreachable.detail = place + " has no known address; nothing would be held";
    return unreachable;
  }
  Result<Finding> holding = Holding(work, *cache, work.limits().old_region);
  if (holding.ok()) return holding;
  unreachable.detail = place + " could not be held: " + holding.error().message();
  return unreachable;
}

Result<Finding> LookAtCacheQuiesce(const Look& look) {
  ASSIGN_OR_RETURN(const Elasticache* cache, look.work().Component<Elasticache>());
  return Holding(look.work(), *cache, look.work().limits().sql);
}

Result<Finding> LookAtCachePromote(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  if (const model::Step* behind = CacheNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                   StandingIn(work, *cache, work.limits().sql));
  const std::string place = Place(cache->replication_group, work.region());
  if (standing.primary) return Nothing(place + " takes writes already");
  ASSIGN_OR_RETURN(const Group group, NeedGroup(work, work.region(), cache->replication_group));
  if (group.datastore.empty())
    return base::WrongState(place +
                            " is a replica and in no Global Datastore; ElastiCache has no "
                            "way to promote it");
  return Act("would make " + place + " the primary of " + group.datastore + ": it is " +
             Role(standing));
}

Result<Finding> LookAtCacheOpen(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  const model::Step* promote =
      look.Pending({{"elasticache.promote"}, work.region(), work.step().component});
  if (promote != nullptr) return Later(*promote);
  ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                   StandingIn(work, *cache, work.limits().sql));
  if (!standing.primary) {
    return base::WrongState(Place(cache->replication_group, work.region()) +
                            " is a replica: it takes no writes");
  }
  return Act("would let held writes go on and write a probe key");
}

Result<Finding> LookAtCacheDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  if (const model::Step* behind = CacheNotYetThere(look)) return Later(*behind);
  const std::string now = CanaryNow(work, *cache, Region(source));
  const model::Step* quiesce = look.Pending({{"elasticache.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, now);
  return Act("would wait until the last write of " + source + " has arrived; now " + now);
}

Result<Finding> LookAtCachePreserveOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::optional<Group> old,
                   DescribeGroup(work, work.region(), cache->replication_group));
  if (!old) return Nothing("there is no old group in " + work.region().str());
  ASSIGN_OR_RETURN(const Group there, NeedGroup(work, Region(writer), cache->replication_group));
  if (!old->datastore.empty() && old->datastore == there.datastore)
    return Nothing("follows " + writer + " again already; what it alone held is gone");
  return Act("would list what it alone holds, and delete it with a final snapshot");
}

}  // namespace leeward::steps
