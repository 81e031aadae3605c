#include "lab/trees/decide.h"

namespace leeward::lab::trees {
namespace {

// File systems stamp with a clock that ticks some times a hundredth of a second, and each may have
// its own; a second is more than either.
constexpr std::int64_t kStampSlackNs = 1'000'000'000;

bool NewContent(const Entry& source, const Entry& destination, const Options& options) {
  if (source.size != destination.size) return true;
  if (options.times == Keep::kKept) return source.mtime_ns != destination.mtime_ns;
  return source.mtime_ns > destination.mtime_ns;
}

// Mending the metadata of an inode that has further names would change those, too.
bool SharedTooWidely(const Entry& source, const Entry& destination) {
  return destination.links > source.links;
}

Action Wanted(const Seen& seen, Doubt doubt, const Options& options) {
  const Entry& source = *seen.source;
  const bool same_kind = seen.destination && seen.destination->kind == source.kind;
  if (source.kind == Kind::kDirectory && !same_kind) return Action::kMakeDirectory;
  if (source.kind == Kind::kSymlink && (!same_kind || !seen.same_target))
    return Action::kMakeSymlink;
  if (source.kind == Kind::kFile) {
    if (!same_kind || options.transfer == Transfer::kAll || doubt == Doubt::kContent ||
        NewContent(source, *seen.destination, options))
      return Action::kTakeContent;
  }
  const bool same = SameMetadata(source, *seen.destination, options) && seen.same_attributes;
  if (source.kind == Kind::kFile && !same && SharedTooWidely(source, *seen.destination))
    return Action::kTakeContent;
  return same ? Action::kNothing : Action::kFixMetadata;
}

}  // namespace

bool SameMetadata(const Entry& source, const Entry& destination, const Options& options) {
  if (options.owner == Keep::kKept && source.uid != destination.uid) return false;
  if (options.group == Keep::kKept && source.gid != destination.gid) return false;
  if (options.times == Keep::kKept && source.mtime_ns != destination.mtime_ns) return false;
  return options.permissions == Keep::kIgnored || source.kind == Kind::kSymlink ||
         source.mode == destination.mode;
}

Action Decide(const Seen& seen, Doubt doubt, const Options& options) {
  const bool removes = seen.destination && options.deletions == Deletions::kFollow;
  if (!seen.source) return removes ? Action::kRemove : Action::kNothing;
  if (seen.source->kind == Kind::kOther)
    return removes ? Action::kRefuseAndRemove : Action::kRefuse;
  const Action wanted = Wanted(seen, doubt, options);
  if (wanted != Action::kNothing && seen.destination && options.overwrite == Overwrite::kNever)
    return Action::kLeave;
  // What is in a directory would go with it.
  if (options.deletions == Deletions::kPreserve && seen.destination &&
      seen.destination->kind == Kind::kDirectory && seen.source->kind != Kind::kDirectory)
    return Action::kLeave;
  return wanted;
}

Doubt DoubtInAWalk(const Entry& source, std::optional<std::int64_t> copied_before_ns) {
  if (!copied_before_ns) return Doubt::kMetadata;
  return source.ctime_ns >= *copied_before_ns - kStampSlackNs ? Doubt::kContent : Doubt::kNone;
}

}  // namespace leeward::lab::trees
