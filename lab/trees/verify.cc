// Two trees beside each other, byte by byte, when a round has done everything else.
#include <fmt/format.h>

#include "lab/trees/metadata.h"
#include "lab/trees/worker.h"

namespace leeward::lab::trees {
namespace {

// What differs, for people; empty when nothing does that one look shows.
std::string Difference(const Seen& seen, const Options& options) {
  if (!seen.source) return options.deletions == Deletions::kFollow ? "only the copy has it" : "";
  if (seen.source->kind == Kind::kOther) return "";
  if (!seen.destination) return "the copy does not have it";
  if (seen.source->kind != seen.destination->kind) return "the copy is of another kind";
  if (seen.source->kind == Kind::kFile && seen.source->size != seen.destination->size)
    return "the copy has another size";
  if (!seen.same_target) return "the copy leads elsewhere";
  if (!SameMetadata(*seen.source, *seen.destination, options))
    return "the copy has other permissions, owners or times";
  return "";
}

}  // namespace

void Worker::VerifyName(Spot& spot, bool may_be_in_source, bool may_be_in_copy) {
  const Part part = ground_.options.filter.Judge(spot.path);
  if (part == Part::kNone || !LookAtBoth(spot, may_be_in_source, may_be_in_copy)) return;
  const auto& source = spot.seen.source;
  const bool directory = source && source->kind == Kind::kDirectory;
  if (part == Part::kPassage && !directory) return;
  CompareClosely(spot);
  const std::string difference = Difference(spot.seen, ground_.options);
  if (!difference.empty()) {
    Say(spot.path, Why::kDiffers, fmt::format("{}: {}", Printable(spot.path), difference));
    return;
  }
  if (!spot.seen.destination) return;
  if (directory) {
    Task task;
    task.what = Task::What::kVerify;
    task.path = spot.path;
    return Push(std::move(task));
  }
  if (!source || source->kind != Kind::kFile) return;
  Opened from = OpenFile(visit_->source.get(), spot.name);
  Opened to = OpenFile(visit_->destination.get(), spot.name);
  if (from.error != 0 || to.error != 0)
    return Failed(spot.path, "cannot read it", from.error != 0 ? from.error : to.error);
  job_.emplace();
  job_->path = spot.path;
  job_->only_compares = true;
  job_->from = std::move(from.handle);
  job_->to = std::move(to.handle);
  job_->comparison.emplace(job_->from.get(), job_->to.get());
}

}  // namespace leeward::lab::trees
