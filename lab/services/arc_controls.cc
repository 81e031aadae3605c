// route53-recovery-control-config: routing controls, safety rules and tags; and the table of
// operations.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/arc_config.h"
#include "lab/services/arc_config_internal.h"
#include "lab/services/dispatch.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::size_t kMaxControlsPerPanel = 100;
constexpr std::int64_t kMaxWaitMs = std::int64_t{24} * 60 * 60 * 1000;

Value ControlShape(const ArcControl& control, const std::string& owner) {
  return Value::Struct({{"ControlPanelArn", control.panel},
                        {"Name", control.name},
                        {"RoutingControlArn", control.arn},
                        {"Status", control.status},
                        {"Owner", owner}});
}

Value ArnList(const std::vector<std::string>& arns) {
  Value::List list;
  for (const std::string& arn : arns) list.emplace_back(arn);
  return list;
}

Value RuleShape(const ArcRule& rule, const std::string& owner) {
  const bool gating = rule.kind == ArcRule::Kind::kGating;
  Value shape = Value::Struct(
      {{gating ? "GatingControls" : "AssertedControls", ArnList(rule.judged)},
       {"ControlPanelArn", rule.panel},
       {"Name", rule.name},
       {"RuleConfig", Value::Struct({{"Inverted", rule.sense == ArcRule::Sense::kInverted},
                                     {"Threshold", rule.threshold},
                                     {"Type", Name(rule.type)}})},
       {"SafetyRuleArn", rule.arn},
       {"Status", rule.status},
       {"WaitPeriodMs", base::Millis(rule.wait)},
       {"Owner", owner}});
  if (gating) shape.Set("TargetControls", ArnList(rule.targets));
  return shape;
}

Value RuleAnswer(const ArcRule& rule, const std::string& owner) {
  const char* member = rule.kind == ArcRule::Kind::kGating ? "GatingRule" : "AssertionRule";
  return Value::Struct({{member, RuleShape(rule, owner)}});
}

std::vector<std::string> Arns(const Value::List& list) {
  std::vector<std::string> arns;
  for (const Value& arn : list) arns.push_back(arn.str());
  return arns;
}

ArcRule RuleFromInput(const Value& input, ArcRule::Kind kind) {
  ArcRule rule;
  rule.kind = kind;
  rule.panel = input.String("ControlPanelArn");
  rule.name = input.String("Name");
  const Value& config = input.Sub("RuleConfig");
  rule.type = RuleTypeFrom(config.String("Type"));
  rule.threshold = config.Int("Threshold");
  rule.sense = config.Flag("Inverted", false) ? ArcRule::Sense::kInverted : ArcRule::Sense::kPlain;
  rule.wait = std::chrono::milliseconds(input.Int("WaitPeriodMs"));
  const bool gating = kind == ArcRule::Kind::kGating;
  rule.judged = Arns(input.Items(gating ? "GatingControls" : "AssertedControls"));
  if (gating) rule.targets = Arns(input.Items("TargetControls"));
  rule.status = "PENDING";
  return rule;
}

std::optional<ApiError> RefuseRule(const ArcState& state, const ArcRule& rule) {
  if (rule.judged.empty() || (rule.kind == ArcRule::Kind::kGating && rule.targets.empty())) {
    return ArcInvalid("A safety rule needs at least one routing control");
  }
  for (const auto* arns : {&rule.judged, &rule.targets}) {
    for (const std::string& arn : *arns) {
      const ArcControl* control = state.Control(arn);
      if (control == nullptr) return ArcNotFound("routing control", arn);
      if (control->panel != rule.panel) {
        return ArcInvalid(
            fmt::format("Routing control {} is not in control panel {}", arn, rule.panel));
      }
    }
  }
  const auto most = static_cast<std::int64_t>(rule.judged.size());
  if (rule.type == ArcRule::Type::kAtLeast && (rule.threshold < 1 || rule.threshold > most)) {
    return ArcInvalid(fmt::format("Threshold must be between 1 and {}", most));
  }
  if (base::Millis(rule.wait) < 0 || base::Millis(rule.wait) > kMaxWaitMs) {
    return ArcInvalid(fmt::format("WaitPeriodMs must be between 0 and {}", kMaxWaitMs));
  }
  return std::nullopt;
}

bool Mentions(const ArcRule& rule, const std::string& arn) {
  return std::ranges::find(rule.judged, arn) != rule.judged.end() ||
         std::ranges::find(rule.targets, arn) != rule.targets.end();
}

}  // namespace

struct ArcConfigOperations {
  using Row = OperationRow<ArcConfig>;
  static constexpr std::array kTable = {
      Row{"CreateCluster", &ArcConfig::CreateCluster},
      Row{"DescribeCluster", &ArcConfig::DescribeCluster},
      Row{"ListClusters", &ArcConfig::ListClusters},
      Row{"DeleteCluster", &ArcConfig::DeleteCluster},
      Row{"CreateControlPanel", &ArcConfig::CreateControlPanel},
      Row{"DescribeControlPanel", &ArcConfig::DescribeControlPanel},
      Row{"UpdateControlPanel", &ArcConfig::UpdateControlPanel},
      Row{"ListControlPanels", &ArcConfig::ListControlPanels},
      Row{"DeleteControlPanel", &ArcConfig::DeleteControlPanel},
      Row{"CreateRoutingControl", &ArcConfig::CreateRoutingControl},
      Row{"DescribeRoutingControl", &ArcConfig::DescribeRoutingControl},
      Row{"UpdateRoutingControl", &ArcConfig::UpdateRoutingControl},
      Row{"ListRoutingControls", &ArcConfig::ListRoutingControls},
      Row{"DeleteRoutingControl", &ArcConfig::DeleteRoutingControl},
      Row{"CreateSafetyRule", &ArcConfig::CreateSafetyRule},
      Row{"DescribeSafetyRule", &ArcConfig::DescribeSafetyRule},
      Row{"UpdateSafetyRule", &ArcConfig::UpdateSafetyRule},
      Row{"ListSafetyRules", &ArcConfig::ListSafetyRules},
      Row{"DeleteSafetyRule", &ArcConfig::DeleteSafetyRule},
      Row{"ListAssociatedRoute53HealthChecks", &ArcConfig::ListAssociatedRoute53HealthChecks},
      Row{"ListTagsForResource", &ArcConfig::ListTagsForResource},
      Row{"TagResource", &ArcConfig::TagResource},
      Row{"UntagResource", &ArcConfig::UntagResource},
  };
};

std::vector<std::string_view> ArcConfig::operations() const {
  return OperationNames(ArcConfigOperations::kTable);
}

void ArcConfig::Handle(const Call& call, Reply reply) {
  RunOperation(*this, ArcConfigOperations::kTable, call, std::move(reply));
}

Answer ArcConfig::CreateRoutingControl(const Value& input) {
  if (const ArcControl* made = state_.Control(MadeBefore(input))) {
    return Value::Struct({{"RoutingControl", ControlShape(*made, host_.account())}});
  }
  const ArcCluster* cluster = state_.Cluster(input.String("ClusterArn"));
  if (cluster == nullptr) return ArcNotFound("cluster", input.String("ClusterArn"));
  if (cluster->status != "DEPLOYED") return ArcConflict("The cluster is not in DEPLOYED status");
  const std::string_view panel_arn = input.String("ControlPanelArn");
  const auto panel = std::ranges::find_if(state_.panels, [&](const ArcPanel& p) {
    return p.cluster == cluster->arn && (panel_arn.empty() ? p.is_default : p.arn == panel_arn);
  });
  if (panel == state_.panels.end()) return ArcNotFound("control panel", panel_arn);
  const std::string control_name(input.String("RoutingControlName"));
  std::size_t in_panel = 0;
  for (const ArcControl& control : state_.controls) {
    if (control.panel != panel->arn) continue;
    ++in_panel;
    if (control.name == control_name) {
      return ArcConflict(
          fmt::format("A routing control with the name {} already exists", control_name));
    }
  }
  if (in_panel >= kMaxControlsPerPanel) {
    return ApiError{
        "ServiceQuotaExceededException",
        fmt::format("At most {} routing controls in a control panel", kMaxControlsPerPanel),
        402,
        {}};
  }
  const ArcControl control{fmt::format("{}/routingcontrol/{}", panel->arn, host_.random().Hex(16)),
                           panel->arn, control_name, ControlState::kOff, "PENDING"};
  state_.controls.push_back(control);
  Remember(input, control.arn);
  return Value::Struct({{"RoutingControl", ControlShape(control, host_.account())}});
}

Answer ArcConfig::DescribeRoutingControl(const Value& input) {
  const ArcControl* control = state_.Control(input.String("RoutingControlArn"));
  if (control == nullptr) return ArcNotFound("routing control", input.String("RoutingControlArn"));
  return Value::Struct({{"RoutingControl", ControlShape(*control, host_.account())}});
}

Answer ArcConfig::UpdateRoutingControl(const Value& input) {
  ArcControl* control = state_.Control(input.String("RoutingControlArn"));
  if (control == nullptr) return ArcNotFound("routing control", input.String("RoutingControlArn"));
  control->name = input.String("RoutingControlName");
  Save();
  return Value::Struct({{"RoutingControl", ControlShape(*control, host_.account())}});
}

Answer ArcConfig::ListRoutingControls(const Value& input) {
  const std::string_view panel = input.String("ControlPanelArn");
  if (state_.Panel(panel) == nullptr) return ArcNotFound("control panel", panel);
  Value::List all;
  for (const ArcControl& control : state_.controls) {
    if (control.panel == panel) all.push_back(ControlShape(control, host_.account()));
  }
  return ArcPageOf("RoutingControls", all, input);
}

Answer ArcConfig::DeleteRoutingControl(const Value& input) {
  const ArcControl* control = state_.Control(input.String("RoutingControlArn"));
  if (control == nullptr) return ArcNotFound("routing control", input.String("RoutingControlArn"));
  const std::string arn = control->arn;
  if (std::ranges::any_of(state_.rules, [&](const ArcRule& r) { return Mentions(r, arn); })) {
    return ArcConflict("The routing control is part of a safety rule");
  }
  std::erase_if(state_.controls, [&](const ArcControl& c) { return c.arn == arn; });
  if (auto* checks = dynamic_cast<ControlledChecks*>(host_.Find("route53"))) {
    checks->RoutingControlsChanged();
  }
  Save();
  return Value::Struct();
}

Answer ArcConfig::CreateSafetyRule(const Value& input) {
  if (const ArcRule* made = state_.Rule(MadeBefore(input))) {
    return RuleAnswer(*made, host_.account());
  }
  const Value* assertion = input.Find("AssertionRule");
  const Value* gating = input.Find("GatingRule");
  if ((assertion == nullptr) == (gating == nullptr)) {
    return ArcInvalid("Exactly one of AssertionRule and GatingRule must be given");
  }
  ArcRule rule = assertion != nullptr ? RuleFromInput(*assertion, ArcRule::Kind::kAssertion)
                                      : RuleFromInput(*gating, ArcRule::Kind::kGating);
  if (state_.Panel(rule.panel) == nullptr) return ArcNotFound("control panel", rule.panel);
  if (auto refusal = RefuseRule(state_, rule)) return *refusal;
  rule.arn = fmt::format("{}/safetyrule/{}", rule.panel, host_.random().Hex(16));
  state_.rules.push_back(rule);
  Remember(input, rule.arn);
  return RuleAnswer(rule, host_.account());
}

Answer ArcConfig::DescribeSafetyRule(const Value& input) {
  const ArcRule* rule = state_.Rule(input.String("SafetyRuleArn"));
  if (rule == nullptr) return ArcNotFound("safety rule", input.String("SafetyRuleArn"));
  return RuleAnswer(*rule, host_.account());
}

Answer ArcConfig::UpdateSafetyRule(const Value& input) {
  const Value* update = input.Find("AssertionRuleUpdate");
  if (update == nullptr) update = input.Find("GatingRuleUpdate");
  if (update == nullptr) return ArcInvalid("AssertionRuleUpdate or GatingRuleUpdate must be given");
  ArcRule* rule = state_.Rule(update->String("SafetyRuleArn"));
  if (rule == nullptr) return ArcNotFound("safety rule", update->String("SafetyRuleArn"));
  rule->name = update->String("Name");
  rule->wait = std::chrono::milliseconds(update->Int("WaitPeriodMs"));
  Save();
  return RuleAnswer(*rule, host_.account());
}

Answer ArcConfig::ListSafetyRules(const Value& input) {
  const std::string_view panel = input.String("ControlPanelArn");
  if (state_.Panel(panel) == nullptr) return ArcNotFound("control panel", panel);
  Value::List all;
  for (const ArcRule& rule : state_.rules) {
    if (rule.panel != panel) continue;
    const char* member = rule.kind == ArcRule::Kind::kGating ? "GATING" : "ASSERTION";
    all.push_back(Value::Struct({{member, RuleShape(rule, host_.account())}}));
  }
  return ArcPageOf("SafetyRules", all, input);
}

Answer ArcConfig::DeleteSafetyRule(const Value& input) {
  const std::string arn(input.String("SafetyRuleArn"));
  if (state_.Rule(arn) == nullptr) return ArcNotFound("safety rule", arn);
  std::erase_if(state_.rules, [&](const ArcRule& rule) { return rule.arn == arn; });
  Save();
  return Value::Struct();
}

Answer ArcConfig::ListAssociatedRoute53HealthChecks(const Value& input) {
  const std::string_view arn = input.String("RoutingControlArn");
  if (state_.Control(arn) == nullptr) return ArcNotFound("routing control", arn);
  Value::List ids;
  if (const auto* checks = dynamic_cast<ControlledChecks*>(host_.Find("route53"))) {
    for (const std::string& id : checks->ChecksOf(arn)) ids.emplace_back(id);
  }
  return ArcPageOf("HealthCheckIds", ids, input);
}

bool ArcConfig::IsKnown(std::string_view arn) const {
  return std::ranges::find(state_.clusters, arn, &ArcCluster::arn) != state_.clusters.end() ||
         std::ranges::find(state_.panels, arn, &ArcPanel::arn) != state_.panels.end() ||
         std::ranges::find(state_.rules, arn, &ArcRule::arn) != state_.rules.end();
}

Answer ArcConfig::ListTagsForResource(const Value& input) {
  const std::string_view arn = input.String("ResourceArn");
  if (!IsKnown(arn)) return ArcNotFound("resource", arn);
  Value tags = Value::Struct();
  for (const ArcTag& tag : state_.tags) {
    if (tag.arn == arn) tags.Set(tag.key, tag.value);
  }
  return Value::Struct({{"Tags", tags}});
}

Answer ArcConfig::TagResource(const Value& input) {
  const std::string arn(input.String("ResourceArn"));
  if (!IsKnown(arn)) return ArcNotFound("resource", arn);
  for (const auto& tag : input.Sub("Tags").members()) {
    std::erase_if(state_.tags, [&](const ArcTag& t) { return t.arn == arn && t.key == tag.first; });
    state_.tags.push_back({arn, tag.first, tag.second.str()});
  }
  Save();
  return Value::Struct();
}

Answer ArcConfig::UntagResource(const Value& input) {
  const std::string arn(input.String("ResourceArn"));
  if (!IsKnown(arn)) return ArcNotFound("resource", arn);
  for (const Value& key : input.Items("TagKeys")) {
    std::erase_if(state_.tags, [&](const ArcTag& t) { return t.arn == arn && t.key == key.str(); });
  }
  Save();
  return Value::Struct();
}

}  // namespace leeward::lab
