// One observer's targets of one Region to what it thinks of the Region.
//
// A Region counts as down for an observer when the application is down there and every watched
// store is too. A dead application beside a living store is a fault of the application: moving the
// data would not mend it.
#include <algorithm>

#include "detect/detect.h"
#include "model/names.h"

namespace leeward::detect {
namespace {

using model::Health;
using model::Signal;
using model::TargetHealth;

using Targets = std::vector<const TargetHealth*>;

Targets OfSignal(const std::vector<TargetHealth>& targets, Signal signal) {
  Targets found;
  for (const TargetHealth& target : targets) {
    if (target.target.signal == signal) found.push_back(&target);
  }
  return found;
}

bool All(const Targets& targets, Health health) {
  return !targets.empty() &&
         std::all_of(targets.begin(), targets.end(),
                     [health](const TargetHealth* target) { return target->health == health; });
}

bool Any(const Targets& targets, Health health) {
  return std::any_of(targets.begin(), targets.end(),
                     [health](const TargetHealth* target) { return target->health == health; });
}

// "orders: connect timed out, 3 in a row"
std::string Because(const Targets& targets, Health health) {
  for (const TargetHealth* target : targets) {
    if (target->health != health) continue;
    const std::string name = target->target.component.empty()
                                 ? std::string(model::Name(target->target.signal))
                                 : target->target.component.str();
    return name + ": " + target->reason;
  }
  return {};
}

// What the control plane adds to a verdict on the data plane; it never makes one by itself.
std::string ControlPlane(const Targets& control) {
  if (All(control, Health::kDown)) return "; its AWS APIs do not answer either";
  if (Any(control, Health::kUp)) return "; its AWS APIs do answer";
  return {};
}

// No front address is watched: stores speak, and the control plane must agree.
Summary OfStores(const Targets& stores, const Targets& control) {
  if (stores.empty()) return {Health::kUnknown, "neither the application nor a store is watched"};
  if (Any(stores, Health::kUnknown)) return {Health::kUnknown, Because(stores, Health::kUnknown)};
  if (All(stores, Health::kUp)) return {Health::kUp, "every store answers"};
  if (All(stores, Health::kDown) && All(control, Health::kDown)) {
    return {Health::kDown, Because(stores, Health::kDown) + ControlPlane(control)};
  }
  const Health worst = Any(stores, Health::kDown) ? Health::kDown : Health::kSuspect;
  return {Health::kSuspect, Because(stores, worst) + ControlPlane(control)};
}

}  // namespace

Summary Summarise(const std::vector<TargetHealth>& targets) {
  const Targets front = OfSignal(targets, Signal::kApplication);
  const Targets stores = OfSignal(targets, Signal::kStore);
  const Targets control = OfSignal(targets, Signal::kControlPlane);
  if (front.empty()) return OfStores(stores, control);
  if (Any(front, Health::kUnknown)) return {Health::kUnknown, Because(front, Health::kUnknown)};
  if (All(front, Health::kUp)) {
    if (All(stores, Health::kUp) || stores.empty()) return {Health::kUp, "the application answers"};
    for (Health health : {Health::kDown, Health::kSuspect, Health::kUnknown}) {
      if (Any(stores, health))
        return {Health::kSuspect, "the application answers, but " + Because(stores, health)};
    }
  }
  if (!All(front, Health::kDown)) {
    const Health worst = Any(front, Health::kDown) ? Health::kDown : Health::kSuspect;
    return {Health::kSuspect, Because(front, worst)};
  }
  if (stores.empty() && !All(control, Health::kDown)) {
    return {Health::kSuspect,
            Because(front, Health::kDown) + "; no store is watched" + ControlPlane(control)};
  }
  if (stores.empty() || All(stores, Health::kDown)) {
    return {Health::kDown, Because(front, Health::kDown) + ControlPlane(control)};
  }
  if (Any(stores, Health::kUp)) {
    return {Health::kSuspect, "the application is dead (" + Because(front, Health::kDown) +
                                  "), but a store answers (" + Because(stores, Health::kUp) + ")" +
                                  ControlPlane(control)};
  }
  return {Health::kSuspect,
          Because(front, Health::kDown) + "; not every store is down yet" + ControlPlane(control)};
}

}  // namespace leeward::detect
