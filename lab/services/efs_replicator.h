// What keeps a file system's tree the copy of one in another Region, as the service sees it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab::efs {

// Which tree is copied onto which.
struct CopyOrder {
  std::string source_id;
  std::string source_region;
  std::string destination_id;
  std::filesystem::path folder;  // of the destination: `tree`, and room of the copy's own beside it
  // Made for this, and empty then; or there before, with files of its own.
  enum class Destination { kMade, kAdopted } destination = Destination::kMade;
};

struct CopyProgress {
  // Every change that was made in the source before this, by the source's clock, is in the
  // destination.
  std::optional<base::WallTime> complete_to;
  std::string trouble;   // why it cannot go on, if that is for a reason on this side
  bool unknown = false;  // the source says that it knows of no such replication
  // What the destination held and does not hold any more since the copy began.
  std::int64_t removed = 0;
  std::int64_t overwritten = 0;
};

// In the destination's Region. Between Start and Stop the tree changes by the copy alone, and is
// read-only for everybody else.
class Replicator {
 public:
  virtual ~Replicator() = default;
  // Also after Pause, and after the process was killed: goes on with what is there.
  virtual void Start() = 0;
  // Nothing is brought any more; the tree stays read-only.
  virtual void Pause() = 0;
  // Ends the copy: once `stopped` has run nothing writes in the tree any more, no file is there in
  // part, and whoever may write by its permission bits can. Safe to do twice.
  virtual void Stop(std::function<void(base::Status)> stopped) = 0;
  virtual CopyProgress progress() const = 0;
};

// Whether the Region of a source still knows of a replication that is asked about.
enum class Known { kYes, kNotYet, kNo };

// Makes replicators in destinations, and in sources answers those of other Regions.
class Replicators {
 public:
  virtual ~Replicators() = default;
  // `changed` runs whenever progress() has.
  virtual std::unique_ptr<Replicator> Make(const CopyOrder& order,
                                           std::function<void()> changed) = 0;
  // The tree of a source that the caller has found to be his to copy. False for an operation that
  // is none of its own.
  virtual bool Serve(std::string_view operation, const std::filesystem::path& tree,
                     const shapes::Value& input, const Reply& reply) = 0;
};

}  // namespace leeward::lab::efs
