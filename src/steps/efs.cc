#include "steps/efs.h"

namespace leeward::steps {

std::optional<Replication> ReadReplication(const Value& answer) {
  const Value::List& replications = answer.Items("Replications");
  if (replications.empty()) return std::nullopt;
  const Value& told = replications.front();
  Replication replication;
  replication.source_id = told.String("SourceFileSystemId");
  replication.source_region = told.String("SourceFileSystemRegion");
  if (told.Items("Destinations").empty()) return replication;
  const Value& destination = told.Items("Destinations").front();
  replication.destination_id = destination.String("FileSystemId");
  replication.destination_region = destination.String("Region");
  replication.status = destination.String("Status");
  replication.message = destination.String("StatusMessage");
  const Value* last = destination.Find("LastReplicatedTimestamp");
  if (last != nullptr && last->is_time()) replication.last_replicated = last->time();
  return replication;
}

Result<std::optional<Replication>> ReplicationOf(const Work& work, const Region& region,
                                                 const std::string& id) {
  const auto answer = work.CallPatiently(region, "efs", "DescribeReplicationConfigurations",
                                         Value::Struct({{"FileSystemId", id}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<Replication>();
  if (!answer.ok()) return answer.error();
  return ReadReplication(*answer);
}

bool TakesWrites(const FileSystem& system, const std::optional<Replication>& replication) {
  const bool follows = replication && replication->destination_id == system.id;
  return !follows && system.protection != "REPLICATING" && system.state == "available";
}

}  // namespace leeward::steps
