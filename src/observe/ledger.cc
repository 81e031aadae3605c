#include "observe/ledger.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace leeward::observe {
namespace {

using model::Health;
using model::Signal;

// The reader's clock in the type that `detect` counts in.
base::WallTime AsStamp(base::MonotonicTime time) { return {time.since_epoch}; }

// One observer's targets of one signal.
Health SignalHealth(const model::View& view, Signal signal) {
  int all = 0, up = 0, down = 0, unknown = 0;
  for (const model::TargetHealth& target : view.targets) {
    if (target.target.signal != signal) continue;
    ++all;
    if (target.health == Health::kUp) ++up;
    if (target.health == Health::kDown) ++down;
    if (target.health == Health::kUnknown) ++unknown;
  }
  if (all == 0 || unknown > 0) return Health::kUnknown;
  if (up == all) return Health::kUp;
  return down == all ? Health::kDown : Health::kSuspect;
}

Health Quorate(const std::vector<model::View>& views, Signal signal, int quorum) {
  int known = 0, up = 0, down = 0;
  for (const model::View& view : views) {
    const Health health = SignalHealth(view, signal);
    if (health != Health::kUnknown) ++known;
    if (health == Health::kUp) ++up;
    if (health == Health::kDown) ++down;
  }
  if (known < quorum) return Health::kUnknown;
  if (down >= quorum && up < quorum) return Health::kDown;
  return up >= quorum && down < quorum ? Health::kUp : Health::kSuspect;
}

}  // namespace

std::string Apart(const RegionVerdict& region) {
  if (region.application == Health::kDown && region.control_plane == Health::kUp) {
    return "the application is dead, the AWS API answers";
  }
  if (region.application == Health::kUp && region.control_plane == Health::kDown) {
    return "the application lives, the AWS API does not answer";
  }
  return {};
}

std::string_view Name(Standing standing) {
  switch (standing) {
    case Standing::kAbsent:
      return "absent";
    case Standing::kBeginning:
      return "beginning";
    case Standing::kFresh:
      return "fresh";
    case Standing::kStale:
      return "stale";
    case Standing::kUnreadable:
      return "unreadable";
  }
  CHECK_NEVER("Standing outside its enum");
}

Ledger::Ledger(const model::Application& application)
    : regions_(application.regions),
      prefix_(KeyPrefix(application.name)),
      options_(detect::OptionsFor(application)) {
  for (const model::Region& region : {regions_.home, regions_.recovery, regions_.witness}) {
    if (!region.empty()) observers_[region];
  }
}

void Ledger::Take(const std::vector<ports::SharedEntry>& entries, base::MonotonicTime now) {
  for (const ports::SharedEntry& entry : entries) {
    if (!entry.key.starts_with(prefix_)) continue;
    const model::Region from(entry.key.substr(prefix_.size()));
    // A Region that the spec does not name has no voice.
    if (observers_.contains(from)) TakeOne(from, entry.value, now);
  }
}

void Ledger::TakeOne(const model::Region& from, const std::string& value, base::MonotonicTime now) {
  Observer& observer = observers_[from];
  base::Result<View> read = ViewFromJson(value);
  observer.unreadable = read.ok() ? "" : read.error().message();
  if (!read.ok()) return;
  if (read->from != from) {
    observer.unreadable = "an observer in " + read->from.str() + " speaks for " + from.str();
    return;
  }
  if (observer.known && read->sequence <= observer.newest.sequence) {
    if (*read != observer.newest) {
      observer.trouble = "a view of sequence " + std::to_string(read->sequence) +
                         " came after one of " + std::to_string(observer.newest.sequence);
    }
    return;
  }
  // Another process begins anew: what it says counts from its next view on.
  const bool goes_on = observer.known && read->who == observer.newest.who;
  if (!goes_on) observer.targets.clear();
  observer.steady = goes_on && Lately(observer.moved, now);
  observer.known = true;
  observer.moved = now;
  observer.newest = *std::move(read);
  observer.trouble.clear();
  TakeLooks(&observer, now);
}

void Ledger::TakeLooks(Observer* observer, base::MonotonicTime now) const {
  std::map<model::Target, Known> targets;
  for (const Look& look : observer->newest.looks) {
    const auto before = observer->targets.find(look.target);
    if (before == observer->targets.end()) {
      targets[look.target] = {look, now, false};
    } else if (look.probes > before->second.look.probes) {
      targets[look.target] = {look, now, Lately(before->second.moved, now)};
    } else {
      targets[look.target] = before->second;  // not probed since: it grows old
    }
  }
  observer->targets = std::move(targets);
}

Standing Ledger::StandingOf(const Observer& observer, base::MonotonicTime now) const {
  if (!observer.unreadable.empty()) return Standing::kUnreadable;
  if (!observer.known) return Standing::kAbsent;
  if (!Lately(observer.moved, now)) return Standing::kStale;
  return observer.steady ? Standing::kFresh : Standing::kBeginning;
}

std::vector<model::View> Ledger::ViewsOf(const model::Region& of, base::MonotonicTime now) const {
  std::vector<model::View> views;
  for (const auto& [from, observer] : observers_) {
    if (StandingOf(observer, now) != Standing::kFresh) continue;
    model::View view;
    view.observer = model::ObserverId("observer-" + from.str());
    view.from = from;
    view.of = of;
    view.at = AsStamp(observer.moved);
    for (const auto& [target, known] : observer.targets) {
      if (target.region != of) continue;
      const bool fresh = known.steady && Lately(known.moved, now);
      model::TargetHealth health;
      health.target = target;
      health.health = fresh ? known.look.health : Health::kUnknown;
      health.consecutive_failures = known.look.failures;
      health.reason = fresh ? known.look.reason : "not probed lately";
      view.targets.push_back(std::move(health));
    }
    view.health = detect::Summarise(view.targets, options_.down_when).health;
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<RegionVerdict> Ledger::Judge(base::MonotonicTime now) const {
  std::vector<RegionVerdict> verdicts;
  for (const model::Region& region : {regions_.home, regions_.recovery}) {
    const std::vector<model::View> views = ViewsOf(region, now);
    RegionVerdict judged;
    judged.verdict = detect::Judge(views, region, AsStamp(now), options_);
    judged.application = Quorate(views, Signal::kApplication, options_.quorum);
    judged.stores = Quorate(views, Signal::kStore, options_.quorum);
    judged.control_plane = Quorate(views, Signal::kControlPlane, options_.quorum);
    verdicts.push_back(std::move(judged));
  }
  return verdicts;
}

std::vector<Sight> Ledger::Sights(base::MonotonicTime now) const {
  std::vector<Sight> sights;
  for (const model::Region& region : {regions_.home, regions_.recovery, regions_.witness}) {
    const auto found = observers_.find(region);
    if (found == observers_.end()) continue;
    const Observer& observer = found->second;
    Sight sight;
    sight.from = region;
    sight.standing = StandingOf(observer, now);
    sight.who = observer.newest.who;
    sight.sequence = observer.newest.sequence;
    sight.said = observer.newest.at;
    if (observer.known) sight.silence = now - observer.moved;
    sight.trouble = observer.unreadable.empty() ? observer.trouble : observer.unreadable;
    sights.push_back(std::move(sight));
  }
  return sights;
}

}  // namespace leeward::observe
