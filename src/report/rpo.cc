// What was acknowledged, what was lost, and what had been stated before.
#include <algorithm>
#include <charconv>

#include "report/parts.h"

namespace leeward::report {
namespace {

using model::ComponentName;
using model::Event;
using model::EventKind;

Failback& FailbackOf(Report* report) {
  if (!report->failback) report->failback.emplace();
  return *report->failback;
}

void ReadMeasured(const Event& event, Report* report) {
  const std::optional<std::int64_t> value = WholeNumber(event.Field("value"));
  if (!value) return;
  const std::string_view what = event.Field("what");
  if (what == kFailbackAcknowledged) FailbackOf(report).acknowledged = *value;
  if (what == kFailbackLost) FailbackOf(report).lost = *value;
  if (what == kFailbackUnavailable) FailbackOf(report).unavailable = base::Duration(*value);
  if (what != kAcknowledged && what != kLost && what != kLostSpan) return;
  const ComponentName component{std::string(event.Field("component"))};
  std::optional<Rpo>& place =
      component.empty() ? report->rpo : report->components[component].writes;
  if (!place) place.emplace();
  Rpo& rpo = *place;
  if (what == kAcknowledged) rpo.acknowledged = *value;
  if (what == kLost) rpo.lost = *value;
  if (what == kLostSpan) rpo.lost_span = base::Duration(*value);
}

// The last bound that the failover stated for each store before it promoted it.
void ReadBound(const Event& event, Report* report) {
  const ExecutionSummary* failover = FailoverOf(*report);
  if (failover == nullptr || event.execution != failover->execution) return;
  const std::optional<std::int64_t> bound = WholeNumber(event.Field("bound_ns"));
  if (!bound) return;
  report->components[ComponentName(std::string(event.Field("component")))].bound =
      base::Duration(*bound);
}

}  // namespace

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void ReadRpo(const Input& input, Report* report) {
  for (const Event& event : input.events) {
    if (event.kind == EventKind::kMeasured) ReadMeasured(event, report);
    if (event.kind == EventKind::kLossBound) ReadBound(event, report);
  }
  if (!report->rpo) return;
  for (const auto& [name, component] : report->components) {
    if (component.bound)
      report->rpo->bound =
          std::max(report->rpo->bound.value_or(base::Duration(0)), *component.bound);
  }
}

}  // namespace leeward::report
