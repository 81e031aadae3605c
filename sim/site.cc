#include "sim/site.h"

namespace leeward::sim {

void Site::Changed() {
  const bool accepts = Accepts();
  if (accepts == accepted_ && (!accepts || epoch == accepted_epoch_)) return;
  if (accepted_) {
    history_.facts.push_back(
        {agenda_.now(), FactKind::kCloses, place_, accepted_epoch_, 0, {}, {}});
  }
  if (accepts) {
    history_.facts.push_back({agenda_.now(), FactKind::kOpens, place_, epoch, 0, {}, {}});
  }
  accepted_ = accepts;
  accepted_epoch_ = epoch;
}

bool Site::Write(std::uint64_t id) {
  if (!Accepts()) return false;
  database.log.push_back({id, agenda_.now(), clock_.Now()});
  history_.facts.push_back({agenda_.now(), FactKind::kAcknowledged, place_, epoch, id, {}, {}});
  return true;
}

bool Site::FrontAnswers() const {
  if (!alive || tasks == 0 || !database.open) return false;
  return database.role == Role::kReplica || permitted;
}

}  // namespace leeward::sim
