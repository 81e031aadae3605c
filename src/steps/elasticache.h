// Steps of the component kind `elasticache`, and what they share.
#pragma once

#include <optional>
#include <string>

#include "model/application.h"
#include "probe/redis.h"
#include "steps/work.h"

namespace leeward::steps {

// elasticache_prepare.cc
Result<StepOutcome> ElasticacheCheckSource(const Work& work);
Result<StepOutcome> ElasticacheReplicate(const Work& work);
// elasticache_hold.cc
Result<StepOutcome> ElasticacheMeasure(const Work& work);
Result<StepOutcome> ElasticacheFence(const Work& work);
Result<StepOutcome> ElasticacheQuiesce(const Work& work);
Result<StepOutcome> ElasticacheDrainTo(const Work& work);
Result<StepOutcome> ElasticacheOpen(const Work& work);
// elasticache_promote.cc
Result<StepOutcome> ElasticachePromote(const Work& work);
// elasticache_aside.cc
Result<StepOutcome> ElasticachePreserveOld(const Work& work);

// A replication group as DescribeReplicationGroups tells of it.
struct Group {
  std::string arn, status, engine;
  std::string address;
  int port = 6379;
  std::int64_t shards = 0;
  std::int64_t nodes = 0;  // of all shards
  bool automatic_failover = false, multi_az = false;
  bool encrypted_in_transit = false, encrypted_at_rest = false;
  std::string datastore;  // id of its Global Datastore; empty: in none
  std::string role;       // there: "PRIMARY", "SECONDARY"
};
// nullopt: no such group.
Result<std::optional<Group>> DescribeGroup(const Work& work, const Region& region,
                                           const std::string& id);
Result<Group> NeedGroup(const Work& work, const Region& region, const std::string& id);
Result<Group> AwaitGroup(const Work& work, const Region& region, const std::string& id);
// nullopt: gone.
Result<std::optional<Value>> DescribeDatastore(const Work& work, const Region& region,
                                               const std::string& id);
// kWrongState: it cannot be copied to another Region, or not by Leeward.
Status CheckFits(const model::Elasticache& cache, const Region& region, const Group& group);

// Where the component's cache answers in a Region: from the inventory, or from that Region.
Result<probe::RedisAddress> CacheIn(const Work& work, const model::Elasticache& cache,
                                    const Region& region);
probe::RedisAddress CacheAt(const Work& work, const model::Elasticache& cache,
                            const std::string& host, int port);

// Runs `ask(session, deadline)` on a new session, within `limit`.
template <typename Ask>
auto OnCache(const Work& work, const probe::RedisAddress& address, base::Duration limit, Ask ask)
    -> decltype(ask(std::declval<probe::RedisSession&>(), base::MonotonicTime())) {
  const base::MonotonicTime deadline = work.Within(limit);
  const auto session =
      probe::RedisSession::Open(address, work.tools().resolver, deadline, work.tools().clock,
                                [&work] { return work.Cancelled(); });
  if (!session.ok()) return session.error();
  return ask(**session, deadline);
}

// Holds the writes of the primary in `region`; the stamp that is the last write, and until when.
struct Hold {
  base::WallTime marker, until;
};
Result<Hold> HoldIn(const Work& work, const probe::RedisAddress& address, const Region& region,
                    base::Duration duration, base::Duration limit);
// Waits until the stamp is at the address.
Status AwaitMarker(const Work& work, const probe::RedisAddress& address, const std::string& what,
                   base::WallTime stamp);
std::string HoldOf(const Region& region);
// Lets held writes go on, and proves one.
Status OpenCache(const Work& work, const probe::RedisAddress& address);

}  // namespace leeward::steps
