// Ledger: the views of all observers as one reader has come to know them, and the quorum's verdict
// on each Region. A pure machine: the time is an argument.
//
// What is fresh is told by the reader's own monotonic clock, from when it last saw an observer's
// sequence, and that target's probes, go on. An observer's clock counts for nothing. So:
// - a view that was there before the reader came, or comes after a silence, is a beginning only: it
//   counts from the next one on;
// - a view that is repeated, or goes back in sequence, does not make anything fresh;
// - a view whose targets are not probed any more grows old although it is published on and on;
// - each Region has one voice, whoever publishes for it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/detect.h"
#include "model/application.h"
#include "observe/view.h"
#include "ports/shared_store.h"

namespace leeward::observe {

struct RegionVerdict {
  model::Verdict verdict;
  // Each signal for itself, by the same quorum.
  model::Health application = model::Health::kUnknown;
  model::Health stores = model::Health::kUnknown;
  model::Health control_plane = model::Health::kUnknown;
};
// "the application is dead, the AWS API answers", or the reverse; empty where they agree.
std::string Apart(const RegionVerdict& region);

enum class Standing { kAbsent, kBeginning, kFresh, kStale, kUnreadable };
std::string_view Name(Standing standing);

// One observer as the reader knows it.
struct Sight {
  model::Region from;
  Standing standing = Standing::kAbsent;
  std::string who;
  std::uint64_t sequence = 0;
  base::WallTime said;       // the observer's clock in its newest view
  base::Duration silence{};  // since its sequence went on
  std::string trouble;       // why it is unreadable, or what was refused last
};

class Ledger {
 public:
  explicit Ledger(const model::Application& application);

  // The entries below the views' prefix, all of them, as they were read by `now`.
  void Take(const std::vector<ports::SharedEntry>& entries, base::MonotonicTime now);

  // Home, then recovery. `at` and `fresh` of a verdict are on the reader's clock.
  std::vector<RegionVerdict> Judge(base::MonotonicTime now) const;
  // Every Region that may have an observer, in the spec's order.
  std::vector<Sight> Sights(base::MonotonicTime now) const;

 private:
  struct Known {
    Look look;
    base::MonotonicTime moved;
    bool steady = false;  // the step before this one was not long ago
  };
  struct Observer {
    bool known = false;
    View newest;
    base::MonotonicTime moved;
    bool steady = false;
    std::string unreadable;  // why there is no view; empty: there is one
    std::string trouble;
    std::map<model::Target, Known> targets;
  };

  void TakeOne(const model::Region& from, const std::string& value, base::MonotonicTime now);
  void TakeLooks(Observer* observer, base::MonotonicTime now) const;
  Standing StandingOf(const Observer& observer, base::MonotonicTime now) const;
  bool Lately(base::MonotonicTime moved, base::MonotonicTime now) const {
    return now - moved <= options_.stale_after;
  }
  // What fresh observers say of one Region, with old targets unknown.
  std::vector<model::View> ViewsOf(const model::Region& of, base::MonotonicTime now) const;

  const model::Regions regions_;
  const std::string prefix_;
  const detect::Options options_;
  std::map<model::Region, Observer> observers_;
};

}  // namespace leeward::observe
