// The tree of a replication's destination, as worker threads see it: a copy that is read-only for
// everybody else (lab/trees), with what the lab keeps beside it.
//
// Everything here blocks. One call at a time, from whichever thread.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/services/efs_replicator.h"
#include "lab/trees/replica.h"
#include "os/clock.h"

namespace leeward::lab::efs {

// What the destination held of its own and does not hold any more, as lines of a file:
// "removed <path>", "overwrote <path>", paths percent-encoded.
class Replaced : public trees::Losses {
 public:
  explicit Replaced(std::filesystem::path file) : file_(std::move(file)) {}
  base::Status Removes(std::string_view path) override;
  base::Status Overwrites(std::string_view path) override;
  std::int64_t removed() const { return removed_; }
  std::int64_t overwritten() const { return overwritten_; }

 private:
  base::Status Write(std::string_view what, std::string_view path);
  std::filesystem::path file_;
  std::ofstream out_;
  std::int64_t removed_ = 0;
  std::int64_t overwritten_ = 0;
};

class HeldCopy {
 public:
  // `channel` outlives this.
  HeldCopy(const CopyOrder& order, std::uint32_t most_watches, trees::Channel& channel)
      : folder_(order.folder),
        destination_(order.destination),
        most_watches_(most_watches),
        channel_(channel) {}

  // Begins a round: of the copy that is open, or of one that is opened for it.
  base::Status Begin(const std::string& source);
  // Goes on with it for about this long.
  trees::Turn Step(base::Duration about);
  // After the round: the first one that was complete ends what concerns the first copy alone.
  base::Status End();
  // Between rounds, often enough that the kernel does not have to forget what happened.
  void Listen();
  // Ends the copy: nothing is there in part, and everything can be written by whoever its
  // permissions let. Safe to do twice.
  base::Status Release();

  const trees::Round& round() const { return replica_->round(); }
  const Replaced& replaced() const { return replaced_; }

 private:
  std::filesystem::path tree() const { return folder_ / "tree"; }
  std::filesystem::path work() const { return folder_ / "incoming"; }
  // There is one since all of the source was there once.
  std::filesystem::path passed() const { return folder_ / "passed"; }
  bool is_first() const { return !std::filesystem::exists(passed()); }
  base::Status OpenWithheld();
  base::Status Open(const std::string& source);

  const std::filesystem::path folder_;
  const CopyOrder::Destination destination_;
  const std::uint32_t most_watches_;
  trees::Channel& channel_;
  os::SystemClock clock_;
  Replaced replaced_{folder_ / "replaced"};
  std::unique_ptr<trees::Withheld> withheld_;
  std::unique_ptr<trees::Replica> replica_;
  std::string source_;
};

}  // namespace leeward::lab::efs
