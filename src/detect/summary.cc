// One observer's targets of one Region to what it thinks of the Region.
//
// Where the spec says nothing else, a Region counts as down for an observer when the application is
// down there and every watched store is too. A dead application beside a living store is a fault of
// the application: moving the data would not mend it.
#include <algorithm>

#include "detect/detect.h"
#include "model/names.h"

namespace leeward::detect {
namespace {

using model::Combination;
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

// What is watched of the Region, by signal.
struct Watched {
  explicit Watched(const std::vector<TargetHealth>& targets)
      : front(OfSignal(targets, Signal::kApplication)),
        stores(OfSignal(targets, Signal::kStore)),
        control(OfSignal(targets, Signal::kControlPlane)) {}
  const Targets& Of(Signal signal) const {
    if (signal == Signal::kApplication) return front;
    return signal == Signal::kStore ? stores : control;
  }
  Targets front, stores, control;
};

// The signals that are asked for a combination: the control plane in place of what is not watched.
// Empty where nothing but the control plane would be left.
Combination Asked(const Combination& together, const Watched& watched) {
  Combination asked;
  for (const Signal signal : together) {
    if (signal != Signal::kControlPlane && !watched.Of(signal).empty()) asked.push_back(signal);
  }
  if (!asked.empty() && asked.size() < together.size()) asked.push_back(Signal::kControlPlane);
  return asked;
}

bool Holds(const Combination& asked, const Watched& watched) {
  return !asked.empty() && std::all_of(asked.begin(), asked.end(), [&](Signal signal) {
    return All(watched.Of(signal), Health::kDown);
  });
}

Summary Down(const Combination& asked, const Watched& watched) {
  Summary summary{Health::kDown, Because(watched.Of(asked.front()), Health::kDown)};
  if (Any(watched.front, Health::kUp))
    summary.reason += "; the application answers (" + Because(watched.front, Health::kUp) + ")";
  if (Any(watched.stores, Health::kUp))
    summary.reason += "; a store answers (" + Because(watched.stores, Health::kUp) + ")";
  summary.answers_in_part = Any(watched.front, Health::kUp) || Any(watched.stores, Health::kUp);
  summary.reason += ControlPlane(watched.control) + "; counted: " + model::NameOf(asked);
  return summary;
}

// No front address is watched: stores speak.
Summary OfStores(const Watched& watched) {
  const Targets& stores = watched.stores;
  if (Any(stores, Health::kUnknown)) return {Health::kUnknown, Because(stores, Health::kUnknown)};
  if (All(stores, Health::kUp)) return {Health::kUp, "every store answers"};
  const Health worst = Any(stores, Health::kDown) ? Health::kDown : Health::kSuspect;
  return {Health::kSuspect, Because(stores, worst) + ControlPlane(watched.control)};
}

// The application is dead, and that is not enough.
Summary OfDeadFront(const Watched& watched) {
  const std::string front = Because(watched.front, Health::kDown);
  const std::string api = ControlPlane(watched.control);
  if (watched.stores.empty()) return {Health::kSuspect, front + "; no store is watched" + api};
  if (Any(watched.stores, Health::kUp)) {
    return {Health::kSuspect, "the application is dead (" + front + "), but a store answers (" +
                                  Because(watched.stores, Health::kUp) + ")" + api};
  }
  if (!All(watched.stores, Health::kDown))
    return {Health::kSuspect, front + "; not every store is down yet" + api};
  return {Health::kSuspect, front + "; every store is down too, but not all that counts" + api};
}

// The application answers.
Summary OfLivingFront(const Watched& watched) {
  for (Health health : {Health::kDown, Health::kSuspect, Health::kUnknown}) {
    if (Any(watched.stores, health))
      return {Health::kSuspect, "the application answers, but " + Because(watched.stores, health)};
  }
  return {Health::kUp, "the application answers"};
}

}  // namespace

Summary Summarise(const std::vector<TargetHealth>& targets,
                  const std::vector<Combination>& down_when) {
  const Watched watched(targets);
  const Targets& front = watched.front;
  if (front.empty() && watched.stores.empty())
    return {Health::kUnknown, "neither the application nor a store is watched"};
  for (const Combination& together : down_when) {
    const Combination asked = Asked(together, watched);
    if (Holds(asked, watched)) return Down(asked, watched);
  }
  if (front.empty()) return OfStores(watched);
  if (Any(front, Health::kUnknown)) return {Health::kUnknown, Because(front, Health::kUnknown)};
  if (All(front, Health::kUp)) return OfLivingFront(watched);
  if (All(front, Health::kDown)) return OfDeadFront(watched);
  const Health worst = Any(front, Health::kDown) ? Health::kDown : Health::kSuspect;
  return {Health::kSuspect, Because(front, worst)};
}

}  // namespace leeward::detect
