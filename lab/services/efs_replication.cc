// Replication configurations: made in the source's Region, deleted from either, with or without the
// other.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/efs.h"
#include "lab/services/efs_page.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;

ApiError AlreadyReplicating(std::string_view id) {
  return {"ReplicationAlreadyExists",
          fmt::format("File system '{}' is already in a replication configuration.", id),
          409,
          {}};
}

// An earlier replication of the source's, of which the source's Region knows nothing any more.
ApiError LeftOver(const Replication& left) {
  return {"ReplicationAlreadyExists",
          fmt::format("{} still has a replication configuration of file system '{}' to '{}'. "
                      "Delete it there first.",
                      left.destination_region, left.source_id, left.destination_id),
          409,
          {}};
}

// What a Region answers, where CreateReplicationConfiguration's model has no such error.
ApiError AsAnswered(ApiError error) {
  if (error.http_status == 0) return NoAnswer("the destination's Region");
  return error;
}

std::string RegionOfDestination(const Value& destination, std::string_view here) {
  if (destination.Has("Region")) return std::string(destination.String("Region"));
  const ResourceName name = ParseName(destination.String("FileSystemId"));
  if (!name.region.empty()) return name.region;
  if (destination.Has("AvailabilityZoneName")) {
    return RegionOfZone(destination.String("AvailabilityZoneName"));
  }
  return destination.Has("FileSystemId") ? std::string(here) : "";
}

// What needs no Region to be asked.
Problem CheckDestination(const Value& destination, const Home& home) {
  const ResourceName name = ParseName(destination.String("FileSystemId"));
  if (!name.account.empty() && name.account != home.account) {
    return BadRequest(
        "Replication to another account is not served by this lab, which has one account.");
  }
  if (!name.region.empty() && destination.Has("Region") &&
      name.region != destination.String("Region")) {
    return BadRequest(fmt::format("The file system {} is not in {}.",
                                  destination.String("FileSystemId"),
                                  destination.String("Region")));
  }
  if (!name.id.empty() &&
      (destination.Has("AvailabilityZoneName") || destination.Has("KmsKeyId"))) {
    return BadRequest(
        "AvailabilityZoneName and KmsKeyId cannot be specified for an existing destination file "
        "system.");
  }
  if (RegionOfDestination(destination, home.region).empty()) {
    return BadRequest("A destination needs a Region, an AvailabilityZoneName or a FileSystemId.");
  }
  return std::nullopt;
}

}  // namespace

Problem Efs::CheckSource(const FileSystem& system) const {
  if (system.state != LifeCycle::kAvailable) return WrongLifeCycle(system.id, Name(system.state));
  if (FindOf(system.id) != nullptr || joining_.contains(system.id)) {
    return AlreadyReplicating(system.id);
  }
  return std::nullopt;
}

void Efs::CreateReplicationConfiguration(const Value& input, Reply reply) {
  const std::string_view source_name = input.String("SourceFileSystemId");
  const FileSystem* source = Find(source_name);
  if (source == nullptr) return reply(FileSystemNotFound(source_name));
  if (auto problem = CheckSource(*source)) return reply(*problem);
  const Value::List& destinations = input.Items("Destinations");
  if (destinations.size() != 1) {
    return reply(BadRequest("A replication configuration has exactly one destination."));
  }
  const Value& destination = destinations.front();
  if (auto problem = CheckDestination(destination, home())) return reply(*problem);
  Value ask = Value::Struct();
  ask.Set("SourceId", source->id).Set("SourceRegion", host_.region());
  ask.Set("Settings", source->settings).Set("Destination", destination);
  ask.Set("Created", host_.clock().Now());
  ask.Set("DestinationRegion", RegionOfDestination(destination, host_.region()));
  BeginReplication(std::move(ask), std::move(reply)).Detach();
}

// Making a replication needs both Regions, as on AWS.
Flow<> Efs::BeginReplication(Value ask, Reply reply) {
  const std::string source_id(ask.String("SourceId"));
  const std::string region(ask.String("DestinationRegion"));
  joining_.insert(source_id);
  const Answer joined =
      co_await AskRegion(host_, region, "efs", "JoinReplication", ask, limits.call);
  joining_.erase(source_id);
  if (const auto* error = std::get_if<ApiError>(&joined)) {
    // A Region that did its part, and could not say so, takes it back when it asks for the tree.
    reply(TimedOut(joined) ? NoAnswer(region) : AsAnswered(*error));
    co_return;
  }
  const ReplicationPtr here = FindBySource(source_id);
  if (here != nullptr) {  // source and destination are in one Region
    Value shown = Shown(host_, *here);
    reply(std::move(shown));
    co_return;
  }
  const auto replication = std::make_shared<Replication>();
  replication->source_id = source_id;
  replication->source_region = host_.region();
  replication->destination_id = std::get<Value>(joined).String("DestinationId");
  replication->destination_region = region;
  replication->role_arn = ask.Sub("Destination").String("RoleArn");
  replication->created = ask.Find("Created")->time();
  replication->confirmed = true;
  replications_[source_id] = replication;
  Save();
  Value shown = Shown(host_, *replication);
  reply(std::move(shown));
}

// In the destination's Region.
Answer Efs::JoinReplication(const Value& input) {
  const Value& destination = input.Sub("Destination");
  if (const ReplicationPtr left = FindBySource(input.String("SourceId"))) {
    return LeftOver(*left);
  }
  Answer made = destination.Has("FileSystemId") ? AdoptDestination(input) : MakeDestination(input);
  if (IsError(made)) return made;
  const auto replication = std::make_shared<Replication>();
  replication->source_id = input.String("SourceId");
  replication->source_region = input.String("SourceRegion");
  replication->destination_id = std::get<Value>(made).String("DestinationId");
  replication->destination_region = host_.region();
  replication->role_arn = destination.String("RoleArn");
  replication->created = input.Find("Created")->time();
  replication->made_destination = !destination.Has("FileSystemId");
  FileSystem& system = *Find(replication->destination_id);
  system.protection = FileSystem::Protection::kReplicating;
  replications_[replication->source_id] = replication;
  Save();
  if (replication->made_destination) RunCreate(system.id).Detach();
  BeginCopy(replication);
  return made;
}

// All of an existing file system that is not in the source will be gone.
Answer Efs::AdoptDestination(const Value& input) {
  using Protection = FileSystem::Protection;
  const std::string_view name = input.Sub("Destination").String("FileSystemId");
  const FileSystem* system = Find(name);
  if (system == nullptr) return FileSystemNotFound(name);
  if (system->id == input.String("SourceId")) {
    return BadRequest("A file system cannot be replicated to itself.");
  }
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  if (FindOf(system->id) != nullptr || joining_.contains(system->id)) {
    return AlreadyReplicating(system->id);
  }
  if (system->protection != Protection::kDisabled) {
    return ApiError{
        "ConflictException",
        fmt::format("The replication overwrite protection of file system '{}' is enabled. Disable "
                    "it to replicate to the file system, which will overwrite all of its data.",
                    system->id),
        409,
        {}};
  }
  if (input.Sub("Settings").Flag("Encrypted", false) &&
      !system->settings.Flag("Encrypted", false)) {
    return ApiError{"ConflictException",
                    "The source file system is encrypted, but the destination file system is "
                    "unencrypted.",
                    409,
                    {}};
  }
  return Value::Struct({{"DestinationId", system->id}});
}

// With the source's modes, encrypted always, and without lifecycle policies; backups are on.
Answer Efs::MakeDestination(const Value& input) {
  const Value& destination = input.Sub("Destination");
  const Value& source = input.Sub("Settings");
  const std::string_view zone = destination.String("AvailabilityZoneName");
  if (!zone.empty()) {
    if (auto problem = CheckZone(zone, host_.region())) return *problem;
  }
  if (auto problem = CheckKeyOf(destination)) return *problem;
  Value settings = Value::Struct({{"Encrypted", true}});
  for (const char* name : {"PerformanceMode", "ThroughputMode", "ProvisionedThroughputInMibps"}) {
    if (const Value* given = source.Find(name)) settings.Set(name, *given);
  }
  if (const Value* key = destination.Find("KmsKeyId")) settings.Set("KmsKeyId", *key);
  if (!zone.empty()) {
    settings.Set("AvailabilityZoneName", zone).Set("PerformanceMode", "generalPurpose");
  }
  auto added = AddFileSystem(
      fmt::format("destination-of-{}-{}", input.String("SourceId"), host_.random().Hex(8)),
      settings);
  if (auto* error = std::get_if<ApiError>(&added)) return std::move(*error);
  FileSystem& system = *std::get<FileSystem*>(added);
  system.backup = true;
  return Value::Struct({{"DestinationId", system.id}});
}

Answer Efs::DescribeReplicationConfigurations(const Value& input) {
  const std::string_view wanted = input.String("FileSystemId");
  const std::string id = ParseName(wanted).id;
  Value::List found;
  for (const auto& [source, replication] : replications_) {
    if (!wanted.empty() && id != source && id != replication->destination_id) continue;
    found.push_back(Shown(host_, *replication));
  }
  if (!wanted.empty() && found.empty()) {
    if (Find(wanted) == nullptr) return FileSystemNotFound(wanted);
    return ReplicationNotFound(
        fmt::format("File system '{}' is not in a replication configuration.", id));
  }
  return PageOf(input, kByToken, "Replications", found);
}

void Efs::DeleteReplicationConfiguration(const Value& input, Reply reply) {
  const std::string_view source_name = input.String("SourceFileSystemId");
  const ReplicationPtr replication = FindBySource(ParseName(source_name).id);
  if (replication == nullptr) {
    if (Find(source_name) == nullptr) return reply(FileSystemNotFound(source_name));
    return reply(ReplicationNotFound(fmt::format(
        "File system '{}' is not the source of a replication configuration.", source_name)));
  }
  const bool one_region = replication->source_region == replication->destination_region;
  const bool local = input.String("DeletionMode") == "LOCAL_CONFIGURATION_ONLY";
  if (local && one_region) {
    return reply(
        BadRequest("LOCAL_CONFIGURATION_ONLY cannot be used for a replication within one account "
                   "and Region."));
  }
  if (replication->status == ReplicationStatus::kDeleting) return reply(Value::Struct());
  if (!local && !one_region) {
    EndBoth(replication, std::move(reply)).Detach();
    return;
  }
  BeginEnd(replication);
  reply(Value::Struct());
}

// Nothing is done here before the other Region has agreed, and while it does not answer the caller
// waits.
Flow<> Efs::EndBoth(ReplicationPtr replication, Reply reply) {
  const std::string region(OtherRegion(*replication));
  const Value ask = IdentityOf(*replication);
  const Answer answer =
      co_await AskRegion(host_, region, "efs", "EndReplication", ask, limits.both_sides);
  if (TimedOut(answer)) {
    reply(NoAnswer(region));
    co_return;
  }
  if (IsError(answer)) {
    reply(BadRequest(fmt::format(
        "The replication configuration of {} could not be deleted in both {} and {}: {} Use the "
        "deletion mode LOCAL_CONFIGURATION_ONLY to delete it in this Region alone.",
        replication->source_id, host_.region(), region, std::get<ApiError>(answer).message)));
    co_return;
  }
  if (replication->status != ReplicationStatus::kDeleting) BeginEnd(replication);
  reply(Value::Struct());
}

// In the Region that was not called.
Answer Efs::EndReplication(const Value& input) {
  const ReplicationPtr replication = FindBySource(input.String("SourceId"));
  if (replication == nullptr || !IsNamed(*replication, input)) {
    return ReplicationNotFound(
        fmt::format("{} has no such replication configuration.", host_.region()));
  }
  if (replication->status != ReplicationStatus::kDeleting) BeginEnd(replication);
  return Value::Struct();
}

}  // namespace leeward::lab::efs
