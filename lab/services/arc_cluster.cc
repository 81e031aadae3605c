// ARC's data plane: five endpoints, any of which takes a write when a majority of the five is
// there.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/arc_config.h"
#include "lab/services/dispatch.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr int kMajority = 3;
constexpr std::size_t kMaxBatch = 100;
constexpr std::size_t kDefaultPage = 500;

ControlState StateFrom(std::string_view text) {
  return text == "On" ? ControlState::kOn : ControlState::kOff;
}

ApiError NoSuchControl(std::string_view arn) {
  return {"ResourceNotFoundException",
          fmt::format("Could not find routing control with ARN {}", arn),
          400,
          {}};
}

}  // namespace

struct ArcClusterOperations {
  static constexpr std::array kTable = {
      OperationRow<ArcCluster53>{"GetRoutingControlState", &ArcCluster53::GetRoutingControlState},
      OperationRow<ArcCluster53>{"ListRoutingControls", &ArcCluster53::ListRoutingControls},
      OperationRow<ArcCluster53>{"UpdateRoutingControlState",
                                 &ArcCluster53::UpdateRoutingControlState},
      OperationRow<ArcCluster53>{"UpdateRoutingControlStates",
                                 &ArcCluster53::UpdateRoutingControlStates},
  };
};

std::vector<std::string_view> ArcCluster53::operations() const {
  return OperationNames(ArcClusterOperations::kTable);
}

void ArcCluster53::Handle(const Call& call, Reply reply) {
  if (Controls() == nullptr) {
    return reply(ApiError{"InternalServerException", "The cluster's state is not there", 500, {}});
  }
  RunOperation(*this, ArcClusterOperations::kTable, call, std::move(reply));
}

RoutingControls* ArcCluster53::Controls() {
  return dynamic_cast<RoutingControls*>(host_.Find("route53-recovery-control-config"));
}

Answer ArcCluster53::GetRoutingControlState(const Value& input) {
  const ArcControl* control = Controls()->arc().Control(input.String("RoutingControlArn"));
  if (control == nullptr) return NoSuchControl(input.String("RoutingControlArn"));
  return Value::Struct({{"RoutingControlArn", control->arn},
                        {"RoutingControlState", Name(control->state)},
                        {"RoutingControlName", control->name}});
}

Answer ArcCluster53::ListRoutingControls(const Value& input) {
  const ArcState& arc = Controls()->arc();
  const std::string_view panel_arn = input.String("ControlPanelArn");
  Value::List all;
  for (const ArcControl& control : arc.controls) {
    if (!panel_arn.empty() && control.panel != panel_arn) continue;
    const auto panel = std::ranges::find(arc.panels, control.panel, &ArcPanel::arn);
    all.push_back(Value::Struct({{"ControlPanelArn", control.panel},
                                 {"ControlPanelName", panel == arc.panels.end() ? "" : panel->name},
                                 {"RoutingControlArn", control.arn},
                                 {"RoutingControlName", control.name},
                                 {"RoutingControlState", Name(control.state)},
                                 {"Owner", host_.account()}}));
  }
  if (!panel_arn.empty() &&
      std::ranges::find(arc.panels, panel_arn, &ArcPanel::arn) == arc.panels.end()) {
    return ApiError{"ResourceNotFoundException",
                    fmt::format("Could not find control panel with ARN {}", panel_arn),
                    400,
                    {}};
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(input.Int("MaxResults", kDefaultPage), 1, 1000));
  Page page;
  if (!TakePage(all, input.String("NextToken"), limit, page)) {
    return ApiError{"ValidationException", "NextToken is not valid", 400, {}};
  }
  Value output = Value::Struct({{"RoutingControls", page.items}});
  if (!page.next_token.empty()) output.Set("NextToken", page.next_token);
  return output;
}

Answer ArcCluster53::UpdateRoutingControlState(const Value& input) {
  return Update({{std::string(input.String("RoutingControlArn")),
                  StateFrom(input.String("RoutingControlState"))}},
                input);
}

Answer ArcCluster53::UpdateRoutingControlStates(const Value& input) {
  const Value::List& entries = input.Items("UpdateRoutingControlStateEntries");
  if (entries.empty()) {
    return ApiError{
        "ValidationException", "UpdateRoutingControlStateEntries must not be empty", 400, {}};
  }
  if (entries.size() > kMaxBatch) {
    return ApiError{"ServiceLimitExceededException",
                    fmt::format("At most {} routing controls can be updated at once", kMaxBatch),
                    400,
                    {}};
  }
  std::vector<ControlChange> changes;
  for (const Value& entry : entries) {
    const std::string arn(entry.String("RoutingControlArn"));
    if (std::ranges::find(changes, arn, &ControlChange::arn) != changes.end()) {
      return ApiError{"ValidationException",
                      fmt::format("Routing control {} is in the batch more than once", arn),
                      400,
                      {}};
    }
    changes.push_back({arn, StateFrom(entry.String("RoutingControlState"))});
  }
  return Update(changes, input);
}

Answer ArcCluster53::Update(const std::vector<ControlChange>& changes, const Value& input) {
  RoutingControls& controls = *Controls();
  std::vector<std::string> overrides;
  for (const Value& arn : input.Items("SafetyRulesToOverride")) overrides.push_back(arn.str());
  const base::WallTime now = host_.clock().Now();
  if (const auto refusal = CheckChanges(controls.arc(), changes, overrides, now)) {
    return ApiError{refusal->code, refusal->message, 400, {}};
  }
  const ArcControl& control = *controls.arc().Control(changes.front().arn);
  const ArcState& arc = controls.arc();
  const auto panel = std::ranges::find(arc.panels, control.panel, &ArcPanel::arn);
  const auto cluster = std::ranges::find(arc.clusters, panel->cluster, &ArcCluster::arn);
  const auto reachable = std::ranges::count_if(
      cluster->endpoints,
      [&](const ArcEndpoint& endpoint) { return !host_.network().IsDark(endpoint.region); });
  if (reachable < kMajority) {
    return ApiError{"EndpointTemporarilyUnavailableException",
                    "The cluster endpoint isn't available. Try another cluster endpoint.",
                    503,
                    {}};
  }
  controls.Commit(changes);
  return Value::Struct();
}

std::unique_ptr<Service> MakeArcCluster(Host& host) { return std::make_unique<ArcCluster53>(host); }

}  // namespace leeward::lab
