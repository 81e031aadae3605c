#include "steps/efs.h"

namespace leeward::steps {
namespace {

bool IsGoing(const FileSystem& system) {
  return system.state == "deleting" || system.state == "deleted";
}

}  // namespace

FileSystem ReadFileSystem(const Value& told) {
  FileSystem system;
  system.id = told.String("FileSystemId");
  system.arn = told.String("FileSystemArn");
  system.token = told.String("CreationToken");
  system.name = told.String("Name");
  system.state = told.String("LifeCycleState");
  system.zone = told.String("AvailabilityZoneName");
  system.protection = told.Sub("FileSystemProtection").String("ReplicationOverwriteProtection");
  system.encrypted = told.Flag("Encrypted", false);
  system.bytes = told.Sub("SizeInBytes").Int("Value");
  for (const Value& tag : told.Items("Tags")) {
    if (tag.String("Key") == "Name") system.name = tag.String("Value");
    if (tag.String("Key") == kAsideTag) system.aside = true;
  }
  return system;
}

std::vector<FileSystem> Named(const Value& answer, const std::string& name) {
  std::vector<FileSystem> found;
  for (const Value& told : answer.Items("FileSystems")) {
    FileSystem system = ReadFileSystem(told);
    const bool named = system.name == name || system.token == name;
    if (named && !system.aside && !IsGoing(system)) found.push_back(std::move(system));
  }
  return found;
}

Result<std::optional<FileSystem>> FindFileSystem(const Work& work, const Region& region,
                                                 const model::Efs& efs) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, "efs", "DescribeFileSystems", Value::Struct()));
  std::vector<FileSystem> found = Named(answer, efs.file_system);
  if (found.empty()) return std::optional<FileSystem>();
  if (found.size() > 1) {
    return base::WrongState("there are " + std::to_string(found.size()) + " file systems named '" +
                            efs.file_system + "' in " + region.str() + ", " + found[0].id +
                            " and " + found[1].id +
                            " among them; give all but one another Name tag");
  }
  return std::optional<FileSystem>(std::move(found.front()));
}

Result<FileSystem> NeedFileSystem(const Work& work, const Region& region, const model::Efs& efs) {
  ASSIGN_OR_RETURN(std::optional<FileSystem> found, FindFileSystem(work, region, efs));
  if (found) return *std::move(found);
  return base::NotFound("there is no EFS file system '" + efs.file_system + "' in " + region.str() +
                        ", by creation token or Name tag; check `file-system` in the spec");
}

Result<std::optional<FileSystem>> DescribeFileSystem(const Work& work, const Region& region,
                                                     const std::string& id) {
  const auto answer = work.CallPatiently(region, "efs", "DescribeFileSystems",
                                         Value::Struct({{"FileSystemId", id}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<FileSystem>();
  if (!answer.ok()) return answer.error();
  const Value::List& systems = answer->Items("FileSystems");
  if (systems.empty()) return std::optional<FileSystem>();
  return std::optional<FileSystem>(ReadFileSystem(systems.front()));
}

Result<FileSystem> FileSystemIn(const Work& work, const model::Efs& efs, const Region& region) {
  const std::string known(work.Fact(work.step().component, region, "file-system.id"));
  if (known.empty()) return NeedFileSystem(work, region, efs);
  ASSIGN_OR_RETURN(std::optional<FileSystem> found, DescribeFileSystem(work, region, known));
  // What this plan has put aside has a successor, which the inventory learns of at the end.
  if (found && found->aside) return NeedFileSystem(work, region, efs);
  if (found) return *std::move(found);
  return base::NotFound("the file system " + known + " that the inventory knows as " +
                        Place(efs.file_system, region) +
                        " is gone; run `leeward protect` where its data still is");
}

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

Status CheckFits(const model::Efs& efs, const Region& region, const FileSystem& system) {
  const std::string place = FilesPlace(efs, system, region);
  if (!system.zone.empty()) {
    return base::WrongState(place + " is a One Zone file system: it is gone with " + system.zone +
                            " alone; create a Regional one and copy the files");
  }
  if (system.state != "available")
    return base::WrongState(place + " is " + system.state + "; wait until it is available");
  return base::Ok();
}

bool TakesWrites(const FileSystem& system, const std::optional<Replication>& replication) {
  const bool follows = replication && replication->destination_id == system.id;
  return !follows && system.protection != "REPLICATING" && system.state == "available";
}

std::string FilesPlace(const model::Efs& efs, const FileSystem& system, const Region& region) {
  return Place(efs.file_system + " (" + system.id + ")", region);
}

}  // namespace leeward::steps
