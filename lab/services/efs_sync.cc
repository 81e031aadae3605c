// Replications as they run: the copy in the destination, what the two Regions know of each other,
// and how far it has come.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/efs.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;

constexpr base::Duration kEndAws = std::chrono::minutes(3);
constexpr std::string_view kGone =
    "The other Region has no such replication configuration any more. Delete this one with the "
    "deletion mode LOCAL_CONFIGURATION_ONLY.";

}  // namespace

Efs::ReplicationPtr Efs::FindBySource(std::string_view source_id) const {
  const auto found = replications_.find(source_id);
  return found == replications_.end() ? nullptr : found->second;
}

// As the source or as the destination.
Efs::ReplicationPtr Efs::FindOf(std::string_view file_system) const {
  for (const auto& [source, replication] : replications_) {
    if (IsSourceHere(*replication) && source == file_system) return replication;
    if (IsDestinationHere(*replication) && replication->destination_id == file_system) {
      return replication;
    }
  }
  return nullptr;
}

bool Efs::IsSourceHere(const Replication& replication) const {
  return replication.source_region == host_.region();
}

bool Efs::IsDestinationHere(const Replication& replication) const {
  return replication.destination_region == host_.region();
}

std::string_view Efs::OtherRegion(const Replication& replication) const {
  return IsSourceHere(replication) ? replication.destination_region : replication.source_region;
}

CopyOrder Efs::OrderOf(const Replication& replication) const {
  using Destination = CopyOrder::Destination;
  return {replication.source_id, replication.source_region, replication.destination_id,
          FolderOf(replication.destination_id),
          replication.made_destination ? Destination::kMade : Destination::kAdopted};
}

void Efs::BeginCopy(const ReplicationPtr& replication) {
  const std::string& source = replication->source_id;
  copies_[source] = replicators_->Make(OrderOf(*replication),
                                       [this, weak = std::weak_ptr<Replication>(replication)] {
                                         if (const ReplicationPtr one = weak.lock())
                                           Progressed(one);
                                       });
  copies_[source]->Start();
}

// In the destination's Region.
void Efs::Progressed(const ReplicationPtr& replication) {
  const auto copy = copies_.find(replication->source_id);
  if (copy == copies_.end() || replication->status == ReplicationStatus::kDeleting) return;
  const CopyProgress progress = copy->second->progress();
  if (progress.unknown && !replication->confirmed) {
    Forget(replication).Detach();
    return;
  }
  if (progress.complete_to) {
    replication->complete_to = progress.complete_to;
    replication->confirmed = true;
  }
  const std::string trouble = progress.unknown ? std::string(kGone) : progress.trouble;
  replication->message = trouble;
  if (!trouble.empty()) {
    replication->status = ReplicationStatus::kError;
  } else if (replication->complete_to) {
    replication->status = ReplicationStatus::kEnabled;
  } else {
    replication->status = ReplicationStatus::kEnabling;
  }
  Save();
}

// The source never came to know of it: what was made for it goes, and what there was stays.
Flow<> Efs::Forget(ReplicationPtr replication) {
  replication->status = ReplicationStatus::kDeleting;
  co_await RunEnd(replication);
  if (!replication->made_destination) co_return;
  const std::string id = replication->destination_id;
  FileSystem* system = Find(id);
  if (system == nullptr || CountMountTargets(id) > 0) co_return;
  system->state = LifeCycle::kDeleting;
  Save();
  co_await RunDelete(id);
}

// It cannot be taken back from here on, and nothing more is copied.
void Efs::BeginEnd(const ReplicationPtr& replication) {
  replication->status = ReplicationStatus::kDeleting;
  replication->message.clear();
  Save();
  RunEnd(replication).Detach();
}

Flow<> Efs::RunEnd(ReplicationPtr replication) {
  const std::string source = replication->source_id;
  if (IsDestinationHere(*replication)) {
    if (!copies_.contains(source)) {
      copies_[source] = replicators_->Make(OrderOf(*replication), nullptr);
    }
    copies_[source]->Pause();
  }
  co_await Sleep(host_, Paced(kEndAws));
  if (IsDestinationHere(*replication)) {
    co_await Release(replication);
    copies_.erase(source);
    if (FileSystem* system = Find(replication->destination_id)) {
      system->protection = FileSystem::Protection::kEnabled;
    }
  }
  replications_.erase(source);
  Save();
}

// Until the tree can be written again, it is not said to be.
Flow<> Efs::Release(ReplicationPtr replication) {
  Replicator* copy = copies_[replication->source_id].get();
  for (;;) {
    std::function<void(Await<base::Status>::Done)> stop = [copy](Await<base::Status>::Done done) {
      copy->Stop(std::move(done));
    };
    Await<base::Status> stopped(std::move(stop));
    const base::Status status = co_await stopped;
    if (status.ok()) co_return;
    replication->message = status.error().message();
    Save();
    co_await Sleep(host_, limits.tell);
  }
}

// In the source's Region: the other side asks for the tree, and tells how far it has come.
void Efs::ServeCopy(std::string_view operation, const Value& input, const Reply& reply) {
  const std::string source(input.String("SourceId"));
  const ReplicationPtr replication = FindBySource(source);
  const bool known = replication != nullptr && IsSourceHere(*replication) &&
                     replication->destination_id == input.String("DestinationId") &&
                     replication->status != ReplicationStatus::kDeleting;
  if (!known) {
    const bool not_yet = joining_.contains(source);
    return reply(ApiError{not_yet ? "CopyNotYet" : "UnknownCopy",
                          fmt::format("{} is not replicated from {}", source, host_.region()),
                          404,
                          {}});
  }
  HearProgress(*replication, input);
  if (replicators_->Serve(operation, FolderOf(source) / "tree", input, reply)) return;
  Service::HandleInternal(operation, input, reply);
}

void Efs::HearProgress(Replication& replication, const Value& input) {
  if (IsDestinationHere(replication)) return;  // it knows by itself
  const Value* complete_to = input.Find("CompleteTo");
  if (complete_to != nullptr) replication.complete_to = complete_to->time();
  replication.message = input.String("Trouble");
  if (!replication.message.empty()) {
    replication.status = ReplicationStatus::kError;
  } else if (replication.complete_to) {
    replication.status = ReplicationStatus::kEnabled;
  }
}

Answer Efs::KnowReplication(const Value& input) {
  const ReplicationPtr replication = FindBySource(input.String("SourceId"));
  const bool known = replication != nullptr && IsNamed(*replication, input);
  return Value::Struct({{"Known", known}});
}

// A source is not asked for its tree any more when the destination's side was deleted, so it asks
// by itself.
Flow<> Efs::TellForever() {
  for (;;) {
    co_await Sleep(host_, limits.tell);
    const auto replications = replications_;
    for (const auto& [source, replication] : replications) {
      if (!IsDestinationHere(*replication)) AskAfter(replication).Detach();
    }
  }
}

Flow<> Efs::AskAfter(ReplicationPtr replication) {
  if (replication->asking) co_return;
  replication->asking = true;
  const Value ask = IdentityOf(*replication);
  const Answer answer = co_await AskRegion(host_, replication->destination_region, "efs",
                                           "KnowReplication", ask, limits.call);
  replication->asking = false;
  if (IsError(answer) || replication->status == ReplicationStatus::kDeleting) co_return;
  if (std::get<Value>(answer).Flag("Known", true)) co_return;
  replication->status = ReplicationStatus::kError;
  replication->message = kGone;
  Save();
}

Flow<> Efs::Monitor() {
  for (;;) {
    for (const auto& [source, replication] : replications_) {
      if (IsSourceHere(*replication)) PublishLag(*replication);
    }
    co_await Sleep(host_, limits.monitor);
  }
}

// By the source's clock, and as far as the source has heard: with the destination out of reach it
// grows, whatever has arrived there.
void Efs::PublishLag(const Replication& replication) {
  auto* sink = FindSibling<MetricSink>(host_, "cloudwatch");
  if (sink == nullptr || !replication.complete_to) return;
  const base::Duration behind = host_.clock().Now() - *replication.complete_to;
  sink->Publish("AWS/EFS", "TimeSinceLastSync",
                {{"FileSystemId", replication.source_id},
                 {"DestinationFileSystemId", replication.destination_id}},
                "Seconds", std::max(0.0, base::Seconds(behind)));
}

}  // namespace leeward::lab::efs
