#include "steps/elasticache.h"

#include <charconv>

#include "model/names.h"

namespace leeward::steps {
namespace {

constexpr int kRedisPort = 6379;

void ReadEndpoint(const Value& endpoint, Group* group) {
  group->address = endpoint.String("Address");
  group->port = static_cast<int>(endpoint.Int("Port", kRedisPort));
}

Group ReadGroup(const Value& told) {
  Group group;
  group.arn = told.String("ARN");
  group.status = told.String("Status");
  group.engine = told.String("Engine", "redis");
  const Value::List& shards = told.Items("NodeGroups");
  group.shards = static_cast<std::int64_t>(shards.size());
  group.nodes = static_cast<std::int64_t>(told.Items("MemberClusters").size());
  group.automatic_failover = told.String("AutomaticFailover").starts_with("enabl");
  group.multi_az = told.String("MultiAZ") == "enabled";
  group.encrypted_at_rest = told.Flag("AtRestEncryptionEnabled", false);
  group.encrypted_in_transit = told.Flag("TransitEncryptionEnabled", false) &&
                               told.String("TransitEncryptionMode", "required") == "required";
  const Value& datastore = told.Sub("GlobalReplicationGroupInfo");
  group.datastore = datastore.String("GlobalReplicationGroupId");
  group.role = datastore.String("GlobalReplicationGroupMemberRole");
  if (const Value* endpoint = told.Find("ConfigurationEndpoint")) {
    ReadEndpoint(*endpoint, &group);
  } else if (!shards.empty() && shards.front().Has("PrimaryEndpoint")) {
    ReadEndpoint(shards.front().Sub("PrimaryEndpoint"), &group);
  } else if (!shards.empty()) {
    ReadEndpoint(shards.front().Sub("ReaderEndpoint"), &group);
  }
  return group;
}

}  // namespace

Result<std::optional<Group>> DescribeGroup(const Work& work, const Region& region,
                                           const std::string& id) {
  const auto answer = work.CallPatiently(region, "elasticache", "DescribeReplicationGroups",
                                         Value::Struct({{"ReplicationGroupId", id}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<Group>();
  if (!answer.ok()) return answer.error();
  const Value::List& groups = answer->Items("ReplicationGroups");
  if (groups.empty()) return std::optional<Group>();
  return std::optional<Group>(ReadGroup(groups.front()));
}

Result<Group> NeedGroup(const Work& work, const Region& region, const std::string& id) {
  ASSIGN_OR_RETURN(std::optional<Group> group, DescribeGroup(work, region, id));
  if (!group) {
    return base::NotFound("there is no ElastiCache replication group '" + id + "' in " +
                          region.str() + "; check `replication-group` in the spec");
  }
  return *std::move(group);
}

Result<Group> AwaitGroup(const Work& work, const Region& region, const std::string& id) {
  std::string seen;
  return work.Await<Group>(
      Place(id, region) + " to be available", work.ApiPace(),
      [&]() -> Result<std::optional<Group>> {
        ASSIGN_OR_RETURN(std::optional<Group> group, DescribeGroup(work, region, id));
        const std::string now = group ? group->status : "not there yet";
        if (now != seen) work.Say(Place(id, region) + ": " + now);
        seen = now;
        if (now == "create-failed" || now == "deleting") {
          return base::WrongState(Place(id, region) + " is " + now +
                                  "; delete it in ElastiCache, then run the same command again");
        }
        if (!group || now != "available") return std::optional<Group>();
        return group;
      });
}

Result<std::optional<Value>> DescribeDatastore(const Work& work, const Region& region,
                                               const std::string& id) {
  const auto answer =
      work.Call(region, "elasticache", "DescribeGlobalReplicationGroups",
                Value::Struct({{"GlobalReplicationGroupId", id}, {"ShowMemberInfo", true}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<Value>();
  if (!answer.ok()) return answer.error();
  const Value::List& stores = answer->Items("GlobalReplicationGroups");
  if (stores.empty()) return std::optional<Value>();
  return std::optional<Value>(stores.front());
}

Status CheckFits(const model::Elasticache& cache, const Region& region, const Group& group) {
  const std::string place = Place(cache.replication_group, region);
  if (group.engine != model::Name(cache.engine)) {
    return base::WrongState(place + " runs " + group.engine + ", the spec says " +
                            std::string(model::Name(cache.engine)));
  }
  if (group.shards > 1) {
    return base::WrongState(place + " has " + std::to_string(group.shards) +
                            " shards; a canary proves one, so Leeward moves groups of one shard");
  }
  if (group.encrypted_in_transit) {
    return base::WrongState(
        place +
        " takes encrypted connections alone, which this build's Redis client cannot make; "
        "set TransitEncryptionMode to preferred, or leave the component out");
  }
  return base::Ok();
}

probe::RedisAddress CacheAt(const Work& work, const model::Elasticache& cache,
                            const std::string& host, int port) {
  const auto token = work.tools().environment.find(cache.auth_token_env);
  return {.host = host,
          .port = port,
          .password = token == work.tools().environment.end() ? "" : token->second,
          .source_address = work.tools().source_address};
}

Result<probe::RedisAddress> CacheIn(const Work& work, const model::Elasticache& cache,
                                    const Region& region) {
  const std::string_view host = work.Fact(work.step().component, region, "endpoint.address");
  const std::string_view port = work.Fact(work.step().component, region, "endpoint.port");
  int number = kRedisPort;
  std::from_chars(port.data(), port.data() + port.size(), number);
  if (!host.empty()) return CacheAt(work, cache, std::string(host), number);
  ASSIGN_OR_RETURN(const Group group, NeedGroup(work, region, cache.replication_group));
  if (group.address.empty()) {
    return base::WrongState(Place(cache.replication_group, region) + " has no address yet; it is " +
                            group.status);
  }
  return CacheAt(work, cache, group.address, group.port);
}

}  // namespace leeward::steps
