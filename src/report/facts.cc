// The events by which a drill states what it did and measured.
#include "model/names.h"
#include "report/report.h"

namespace leeward::report {
namespace {

model::Event At(model::EventKind kind, base::WallTime at) {
  model::Event event;
  event.kind = kind;
  event.at = at;
  return event;
}

}  // namespace

model::Event Fault(const std::string& fault, const model::Region& region, base::WallTime at) {
  model::Event event = At(model::EventKind::kFault, at);
  event.fields = {{"fault", fault}, {"region", region.str()}};
  return event;
}

model::Event Judged(const model::Verdict& verdict) {
  model::Event event = At(model::EventKind::kVerdict, verdict.at);
  event.fields = {{"region", verdict.region.str()},
                  {"health", std::string(model::Name(verdict.health))},
                  {"votes", std::to_string(verdict.votes)},
                  {"fresh", std::to_string(verdict.fresh)},
                  {"reason", verdict.reason}};
  return event;
}

model::Event Load(const std::string& what, base::WallTime at) {
  model::Event event = At(model::EventKind::kLoad, at);
  event.fields["what"] = what;
  return event;
}

model::Event Measured(const std::string& what, const model::ComponentName& component,
                      std::int64_t value, base::WallTime at) {
  model::Event event = At(model::EventKind::kMeasured, at);
  event.fields = {{"what", what}, {"value", std::to_string(value)}};
  if (!component.empty()) event.fields["component"] = component.str();
  return event;
}

}  // namespace leeward::report
