#include "lab/services/backup_trees.h"

#include <fmt/format.h>

#include "lab/core/remove_tree.h"

namespace leeward::lab::backup {
namespace {

constexpr int kStepsAtOnce = 16;  // on a worker, before others have their turn
constexpr int kRounds = 3;        // that may be held up by what changes meanwhile

}  // namespace

// A copy in the making; its steps run on a worker, one at a time.
struct TreeJob {
  Host& host;
  trees::Places places;
  trees::Options options;
  WorkPtr work;
  std::unique_ptr<trees::Replica> replica;
  int rounds = 0;

  // True when it is done.
  base::Result<bool> Go() {
    if (work->stopped) return base::Cancelled("stopped");
    if (replica == nullptr) {
      ASSIGN_OR_RETURN(replica, trees::Replica::Open(places, options, host.clock()));
    }
    if (!replica->running()) {
      replica->Begin();
      ++rounds;
    }
    for (int i = 0; i < kStepsAtOnce; ++i) {
      const trees::Turn turn = replica->Step();
      work->bytes = static_cast<std::int64_t>(replica->round().bytes);
      if (turn != trees::Turn::kDone) continue;
      return Judge(replica->round());
    }
    return false;
  }

 private:
  base::Result<bool> Judge(const trees::Round& round) const {
    if (round.complete) return true;
    if (rounds < kRounds) return false;
    if (round.troubles.empty()) return base::ServiceBroken("the copy was not complete");
    const trees::Trouble& first = round.troubles.front();
    switch (first.why) {
      case trees::Why::kDenied:
        return base::Denied(first.text);
      case trees::Why::kNoRoom:
        return base::Exhausted(first.text);
      default:
        return base::ServiceBroken(first.text);
    }
  }
};

Flow<base::Status> CopyTree(Host& host, trees::Places places, trees::Filter filter, WorkPtr work) {
  trees::Options options;
  options.filter = std::move(filter);
  options.watch = trees::Watch::kNothing;
  options.busy = trees::Busy::kTakeAsRead;
  options.attributes = trees::Keep::kIgnored;  // EFS has none
  const auto job = std::make_shared<TreeJob>(
      TreeJob{host, std::move(places), std::move(options), std::move(work), nullptr, 0});
  base::Result<bool> went = false;
  while (went.ok() && !*went) {
    std::function<base::Result<bool>()> go = [job] { return job->Go(); };
    went = co_await Offload<base::Result<bool>>(host, std::move(go));
  }
  std::function<base::Status()> end = [job] {
    job->replica.reset();
    return RemoveTree(job->places.work);
  };
  const base::Status ended = co_await Offload<base::Status>(host, std::move(end));
  if (!went.ok()) co_return went.error();
  co_return ended;
}

}  // namespace leeward::lab::backup
