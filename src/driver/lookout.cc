#include "driver/lookout.h"

#include <utility>
#include <vector>

namespace leeward::driver {

void Lookout::Take(const model::Observation& seen) {
  memory_ = detect::Fold(std::move(memory_), seen, options_);
}

Ruling Lookout::Look(base::WallTime now,
                     const std::map<model::ComponentName, model::Region>& active,
                     std::optional<base::WallTime> last_failover_end) const {
  Ruling ruling;
  model::Snapshot& snapshot = ruling.snapshot;
  snapshot.at = now;
  snapshot.active = active;
  const std::vector<model::View> views = detect::ViewsOf(memory_, now, options_);
  for (const model::Region& region : {application_.regions.home, application_.regions.recovery}) {
    snapshot.verdicts.push_back(detect::Judge(views, region, now, options_));
  }
  ruling.decision = decide::Decide(
      application_,
      decide::SituationOf(application_, snapshot, last_failover_end, decide::Options{}));
  return ruling;
}

}  // namespace leeward::driver
