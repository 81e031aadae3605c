// Views to a verdict. Three-valued in spirit: down and up need a quorum; everything else is suspect
// or unknown.
#include <map>
#include <set>

#include "detect/detect.h"
#include "model/names.h"

namespace leeward::detect {
namespace {

using model::Health;
using model::Verdict;
using model::View;

// The newest fresh view of each observer: nobody votes twice.
std::map<model::ObserverId, const View*> FreshViews(const std::vector<View>& views,
                                                    const model::Region& region, base::WallTime now,
                                                    const Options& options) {
  std::map<model::ObserverId, const View*> fresh;
  for (const View& view : views) {
    if (view.of != region || view.health == Health::kUnknown || now - view.at > options.stale_after)
      continue;
    const View*& newest = fresh[view.observer];
    if (newest == nullptr || view.at > newest->at) newest = &view;
  }
  return fresh;
}

std::string Counted(int votes, int fresh, const char* what) {
  return std::to_string(votes) + " of " + std::to_string(fresh) + " fresh views say " + what;
}

}  // namespace

Verdict Judge(const std::vector<View>& views, const model::Region& region, base::WallTime now,
              const Options& options) {
  const auto fresh = FreshViews(views, region, now, options);
  int up = 0, down = 0;
  bool in_part = false;
  std::string why;
  for (const auto& [observer, view] : fresh) {
    if (view->health == Health::kUp) ++up;
    if (view->health != Health::kDown) continue;
    ++down;
    const Summary summary = Summarise(view->targets, options.down_when);
    in_part = in_part || summary.answers_in_part;
    if (why.empty()) why = " (" + observer.str() + ": " + summary.reason + ")";
  }
  Verdict verdict;
  verdict.region = region;
  verdict.at = now;
  verdict.fresh = static_cast<int>(fresh.size());
  if (verdict.fresh < options.quorum) {
    verdict.health = Health::kUnknown;
    verdict.reason = std::to_string(verdict.fresh) + " fresh views of " + region.str() +
                     ", a quorum is " + std::to_string(options.quorum);
  } else if (down >= options.quorum && up < options.quorum) {
    verdict.health = Health::kDown;
    verdict.votes = down;
    verdict.answers_in_part = in_part;
    verdict.reason = region.str() + " is down: " + Counted(down, verdict.fresh, "so") + why;
  } else if (up >= options.quorum && down < options.quorum) {
    verdict.health = Health::kUp;
    verdict.votes = up;
    verdict.reason = region.str() + " is up: " + Counted(up, verdict.fresh, "so");
  } else {
    verdict.health = Health::kSuspect;
    verdict.votes = verdict.fresh - up - down;
    verdict.reason = region.str() + " is in doubt: " + Counted(down, verdict.fresh, "down") + ", " +
                     std::to_string(up) + " up" + why;
  }
  return verdict;
}

}  // namespace leeward::detect
