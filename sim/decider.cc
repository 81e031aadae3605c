#include "sim/decider.h"

#include <algorithm>
#include <utility>

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(500);
constexpr Duration kSayAgain = seconds(8);  // what was said may have been lost with who heard it
constexpr int kMostWords = 6;

}  // namespace

Decider::Decider(World& world, std::function<Controller*()> acting)
    : world_(world), acting_(std::move(acting)) {}

void Decider::Start() {
  if (world_.scenario().people.says == Says::kGoOn) Tick();
}

bool Decider::waits() const {
  return world_.scenario().people.says == Says::kGoOn && !world_.held().execution.empty() &&
         said_ < kMostWords;
}

void Decider::Tick() {
  world_.agenda.After(kTick, [this] { Tick(); });
  Look();
}

void Decider::Look() {
  const World::Held& held = world_.held();
  const Duration now = world_.agenda.now();
  if (!waits() || now < std::max(not_before_, held.since + world_.scenario().people.after)) return;
  Controller* acting = acting_();
  if (acting == nullptr) return;
  const bool enough = said_ >= world_.scenario().people.too_little;
  const Duration accepted = enough ? held.bound : held.bound / 2;
  ++said_;
  not_before_ = now + kSayAgain;
  world_.history.facts.push_back({now, FactKind::kAccepted, acting->place(), 0,
                                  static_cast<std::uint64_t>(accepted.count()), kOrdered,
                                  held.execution, acting->hand()});
  acting->Order(accepted);
}

}  // namespace leeward::sim
