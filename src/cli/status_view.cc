#include "cli/status_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/wrap.h"
#include "cli/quorum_view.h"
#include "model/names.h"

namespace leeward::cli {
namespace {

using model::Region;

constexpr int kLabel = 13;  // columns of Regions and of labels
constexpr int kText =
    2 + 12 + 1 + 9;  // columns before what there is to tell of a component, without its kind
constexpr int kUnwrapped = 1'000'000;

struct Painted {
  Colour colour = Colour::kPlain;
  std::string text;
};

int WidthFor(const Terminal& terminal) { return terminal.live ? terminal.width : kUnwrapped; }

// The text from column `begin` on, wrapped; the first line's beginning is there already.
std::string Column(const Terminal& terminal, int begin, const Painted& painted) {
  const std::string indent(static_cast<std::size_t>(begin), ' ');
  std::string lines;
  for (const std::string& line :
       base::WrapWords(Printable(painted.text), std::max(WidthFor(terminal) - begin, 20))) {
    if (!lines.empty()) lines += "\n" + indent;
    if (!line.empty()) lines += Paint(terminal, painted.colour, line);
  }
  return lines + "\n";
}

std::string Role(const Status& status, const model::ComponentName& component,
                 const Region& region) {
  const auto active = status.snapshot.active.find(component);
  if (active == status.snapshot.active.end()) return "unknown";
  return active->second == region ? "active" : "standby";
}

// What a service said, without the part that repeats which call was made where.
std::string Brief(const base::Error& error, const Region& region) {
  if (!error.service_code().empty()) return error.service_code();
  const std::string& message = error.message();
  const std::size_t place = message.find(" in " + region.str());
  const std::size_t end = place == std::string::npos ? place : message.find(": ", place);
  return end == std::string::npos ? message : message.substr(end + 2);
}

bool Answers(const Status& status, const Region& region) {
  const model::Verdict* verdict = status.snapshot.Of(region);
  return verdict != nullptr && verdict->health == model::Health::kUp;
}

// How the Region meets whoever asks from here.
Painted ReachText(const Status& status, const Region& region) {
  const auto plane = status.seen.control_planes.find(region);
  const bool asked = plane != status.seen.control_planes.end();
  if (asked && plane->second.ok()) return {Colour::kGood, "answers"};
  if (!asked) return {Colour::kWarn, "was not asked"};
  const base::Error& error = plane->second.error();
  if (error.code() == base::ErrorCode::kDenied)
    return {Colour::kBad, "refuses these credentials: " + Brief(error, region)};
  if (error.code() == base::ErrorCode::kThrottled)
    return {Colour::kWarn, "throttles: " + Brief(error, region)};
  if (Answers(status, region))
    return {Colour::kWarn, "its API fails, its stores answer: " + Brief(error, region)};
  return {Colour::kBad, "does not answer: " + Brief(error, region)};
}

std::string CanaryText(const Status& status, const std::optional<base::WallTime>& newest) {
  if (!newest) return "age of its newest write unknown";
  return "newest write seen " + base::HumanDuration(status.seen.at - *newest) + " ago";
}

Painted StoreText(const Status& status, const StoreSeen& store) {
  if (status.inventory.facts.empty()) return {Colour::kWarn, "not protected yet"};
  if (!store.role) return {Colour::kBad, "no answer: " + store.failure};
  if (store.standing)
    return {store.standing->good ? Colour::kGood : Colour::kBad, store.standing->told};
  if (store.role == StoreRole::kWriter) return {Colour::kGood, "takes writes"};
  std::optional<base::WallTime> newest = store.newest_canary;
  if (store.position) newest = std::max(newest, store.position->last_replayed);
  std::string text = CanaryText(status, newest);
  if (store.role == StoreRole::kPeer) {
    const auto active = status.snapshot.active.find(store.component);
    // Where the table is written its own canaries say nothing of what arrives.
    if (active != status.snapshot.active.end() && active->second == store.region)
      return {Colour::kGood, "takes writes, as every replica"};
    return {newest ? Colour::kPlain : Colour::kWarn, "takes writes too, " + text};
  }
  if (store.role == StoreRole::kBackup) {
    if (!newest) return {Colour::kWarn, "backup, of which nothing can be restored yet"};
    return {Colour::kPlain,
            "backup, restorable to " + base::HumanDuration(status.seen.at - *newest) + " ago"};
  }
  text = "replica, " + text;
  if (store.position && store.position->received != store.position->replayed)
    text += ", log left to replay";
  return {newest ? Colour::kPlain : Colour::kWarn, text};
}

Painted ComponentText(const Status& status, const model::Component& component,
                      const Region& region) {
  for (const StoreSeen& store : status.seen.stores) {
    if (store.component == component.name && store.region == region)
      return StoreText(status, store);
  }
  if (!std::holds_alternative<model::Route53>(component.kind)) return {};
  const auto routing = status.seen.routing_on.find(region);
  if (status.inventory.facts.empty()) return {Colour::kWarn, "not protected yet"};
  if (routing == status.seen.routing_on.end()) return {Colour::kWarn, "routing control unknown"};
  return {Colour::kPlain, routing->second ? "routing control on" : "routing control off"};
}

int KindColumns(const model::Application& application) {
  std::size_t longest = 8;
  for (const model::Component& component : application.components)
    longest = std::max(longest, model::KindName(component.kind).size());
  return static_cast<int>(longest);
}

std::string RegionText(const Status& status, const Region& region, const std::string& role,
                       const Terminal& terminal) {
  std::string text = Paint(terminal, Colour::kBold, Fit(terminal, region.str(), kLabel)) + " " +
                     Fit(terminal, role, 9) + " " +
                     Column(terminal, kLabel + 11, ReachText(status, region));
  const int kind = KindColumns(status.application);
  for (const model::Component& component : status.application.components) {
    const std::string active = Role(status, component.name, region);
    const Colour colour = active == "active" ? Colour::kGood : Colour::kFaint;
    const Painted told = ComponentText(status, component, region);
    text += "  " + Fit(terminal, component.name.str(), 11) + " " +
            Fit(terminal, model::KindName(component.kind), kind) + " " +
            Paint(terminal, colour, told.text.empty() ? active : Fit(terminal, active, 8)) +
            (told.text.empty() ? "\n" : " " + Column(terminal, kText + kind, told));
  }
  return text;
}

// The command that fits what is seen; empty where all is well.
std::string Next(const Status& status, const std::string& spec_path) {
  if (status.approval)
    return fmt::format("if you agree: leeward approve {} --by \"NAME: REASON\"", spec_path);
  const model::Regions& regions = status.application.regions;
  const auto& planes = status.seen.control_planes;
  if (std::none_of(planes.begin(), planes.end(), [](const auto& one) { return one.second.ok(); }))
    return "";
  if (status.inventory.facts.empty()) return "leeward protect " + spec_path;
  for (const auto& [component, active] : status.snapshot.active) {
    const Region& other = active == regions.home ? regions.recovery : regions.home;
    if (!Answers(status, active) && Answers(status, other))
      return fmt::format("if {} is lost: leeward failover {}", active.str(), spec_path);
    if (active == regions.recovery && Answers(status, regions.home))
      return fmt::format("to bring it home to {}: leeward failback {}", regions.home.str(),
                         spec_path);
  }
  return "";
}

}  // namespace

std::string StatusText(const Status& status, const std::string& spec_path,
                       const Terminal& terminal) {
  const auto labelled = [&](const char* label, const std::string& text) {
    return Fit(terminal, label, kLabel) + " " + Column(terminal, kLabel + 1, {{}, text});
  };
  const model::Regions& regions = status.application.regions;
  std::string text =
      Paint(terminal, Colour::kBold, Fit(terminal, status.application.name.str(), kLabel)) + " " +
      "seen from here " + base::FormatIso8601(status.seen.at) + "\n\n";
  text += RegionText(status, regions.home, "home", terminal) + "\n";
  text += RegionText(status, regions.recovery, "recovery", terminal) + "\n";
  if (status.quorum) {
    for (const observe::RegionVerdict& region : status.quorum->regions)
      text += labelled("verdict", VerdictText(region));
    text += labelled("down when", DownWhenText(*status.quorum));
    text += labelled("observers", ObserversText(*status.quorum));
  }
  text += labelled("protected",
                   status.inventory.facts.empty()
                       ? "no"
                       : "yes, inventory of " + base::FormatIso8601(status.inventory.refreshed));
  text += labelled("last action", status.last);
  if (status.approval) {
    text += labelled("approval", status.approval->question + ": " +
                                     decide::Describe(*status.approval, status.seen.at));
  }
  const std::string next = Next(status, spec_path);
  if (!next.empty()) text += labelled("next", next);
  return text;
}

}  // namespace leeward::cli
