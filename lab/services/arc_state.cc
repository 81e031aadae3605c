#include "lab/services/arc_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace leeward::lab {
namespace {

using shapes::Value;

template <typename T>
T* FindByArn(std::vector<T>& all, std::string_view arn) {
  const auto found = std::ranges::find(all, arn, &T::arn);
  return found == all.end() ? nullptr : &*found;
}

bool Contains(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

// The changes that change something, by control.
std::map<std::string, ControlState, std::less<>> RealChanges(
    const ArcState& state, const std::vector<ControlChange>& changes) {
  std::map<std::string, ControlState, std::less<>> real;
  for (const ControlChange& change : changes) {
    const ArcControl* control = state.Control(change.arn);
    if (control != nullptr && control->state != change.state) real[change.arn] = change.state;
  }
  return real;
}

const std::vector<std::string>& Guarded(const ArcRule& rule) {
  return rule.kind == ArcRule::Kind::kAssertion ? rule.judged : rule.targets;
}

template <typename Changes>
bool Guards(const ArcRule& rule, const Changes& changes) {
  return std::ranges::any_of(Guarded(rule),
                             [&](const std::string& arn) { return changes.contains(arn); });
}

// An assertion must hold after the change, a gate must be open before it.
template <typename Changes>
bool Holds(const ArcState& state, const ArcRule& rule, const Changes& changes) {
  std::int64_t on = 0;
  for (const std::string& arn : rule.judged) {
    const ArcControl* control = state.Control(arn);
    ControlState now = control == nullptr ? ControlState::kOff : control->state;
    const auto changed = changes.find(arn);
    if (rule.kind == ArcRule::Kind::kAssertion && changed != changes.end()) now = changed->second;
    on += now == ControlState::kOn ? 1 : 0;
  }
  bool holds = false;
  switch (rule.type) {
    case ArcRule::Type::kAtLeast:
      holds = on >= rule.threshold;
      break;
    case ArcRule::Type::kAnd:
      holds = on == static_cast<std::int64_t>(rule.judged.size());
      break;
    case ArcRule::Type::kOr:
      holds = on > 0;
      break;
  }
  return holds == (rule.sense == ArcRule::Sense::kPlain);
}

Value Names(const std::vector<std::string>& names) {
  Value::List list;
  for (const std::string& name : names) list.emplace_back(name);
  return list;
}

std::vector<std::string> Texts(const Value::List& list) {
  std::vector<std::string> texts;
  for (const Value& item : list) texts.push_back(item.str());
  return texts;
}

Value RuleValue(const ArcRule& rule) {
  return Value::Struct({{"arn", rule.arn},
                        {"panel", rule.panel},
                        {"name", rule.name},
                        {"gating", rule.kind == ArcRule::Kind::kGating},
                        {"type", Name(rule.type)},
                        {"inverted", rule.sense == ArcRule::Sense::kInverted},
                        {"threshold", rule.threshold},
                        {"wait_ms", base::Millis(rule.wait)},
                        {"judged", Names(rule.judged)},
                        {"targets", Names(rule.targets)},
                        {"last_change", rule.last_change},
                        {"status", rule.status}});
}

ArcRule RuleFrom(const Value& v) {
  ArcRule rule;
  rule.arn = v.String("arn");
  rule.panel = v.String("panel");
  rule.name = v.String("name");
  rule.kind = v.Flag("gating", false) ? ArcRule::Kind::kGating : ArcRule::Kind::kAssertion;
  rule.type = RuleTypeFrom(v.String("type"));
  rule.sense = v.Flag("inverted", false) ? ArcRule::Sense::kInverted : ArcRule::Sense::kPlain;
  rule.threshold = v.Int("threshold");
  rule.wait = std::chrono::milliseconds(v.Int("wait_ms"));
  rule.judged = Texts(v.Items("judged"));
  rule.targets = Texts(v.Items("targets"));
  if (const Value* time = v.Find("last_change")) rule.last_change = time->time();
  rule.status = v.String("status");
  return rule;
}

Value ClusterValue(const ArcCluster& cluster) {
  Value::List endpoints;
  for (const ArcEndpoint& e : cluster.endpoints) {
    endpoints.push_back(Value::Struct({{"region", e.region}, {"address", e.address}}));
  }
  return Value::Struct({{"arn", cluster.arn},
                        {"name", cluster.name},
                        {"status", cluster.status},
                        {"endpoints", endpoints}});
}

ArcCluster ClusterFrom(const Value& v) {
  ArcCluster cluster{std::string(v.String("arn")),
                     std::string(v.String("name")),
                     {},
                     std::string(v.String("status"))};
  for (const Value& e : v.Items("endpoints")) {
    cluster.endpoints.push_back(
        {std::string(e.String("region")), std::string(e.String("address"))});
  }
  return cluster;
}

template <typename T, typename Make>
Value ListOf(const std::vector<T>& all, Make make) {
  Value::List list;
  for (const T& item : all) list.push_back(make(item));
  return list;
}

}  // namespace

ArcCluster* ArcState::Cluster(std::string_view arn) { return FindByArn(clusters, arn); }
ArcPanel* ArcState::Panel(std::string_view arn) { return FindByArn(panels, arn); }
ArcControl* ArcState::Control(std::string_view arn) { return FindByArn(controls, arn); }
ArcRule* ArcState::Rule(std::string_view arn) { return FindByArn(rules, arn); }
const ArcControl* ArcState::Control(std::string_view arn) const {
  const auto found = std::ranges::find(controls, arn, &ArcControl::arn);
  return found == controls.end() ? nullptr : &*found;
}

std::optional<ArcRefusal> CheckChanges(const ArcState& state,
                                       const std::vector<ControlChange>& changes,
                                       const std::vector<std::string>& overrides,
                                       base::WallTime now) {
  for (const std::string& arn : overrides) {
    if (std::ranges::find(state.rules, arn, &ArcRule::arn) == state.rules.end()) {
      return ArcRefusal{"ResourceNotFoundException",
                        fmt::format("Could not find safety rule with ARN {}", arn)};
    }
  }
  for (const ControlChange& change : changes) {
    if (state.Control(change.arn) == nullptr) {
      return ArcRefusal{"ResourceNotFoundException",
                        fmt::format("Could not find routing control with ARN {}", change.arn)};
    }
  }
  const auto real = RealChanges(state, changes);
  for (const ArcRule& rule : state.rules) {
    if (Contains(overrides, rule.arn) || !Guards(rule, real)) continue;
    if (now - rule.last_change < rule.wait) {
      return ArcRefusal{"ConflictException",
                        fmt::format("The wait period of safety rule {} ({} ms) has not passed",
                                    rule.arn, base::Millis(rule.wait))};
    }
    if (!Holds(state, rule, real)) {
      return ArcRefusal{
          "ConflictException",
          fmt::format("The routing control states could not be updated: {} rule {} ({}) is not met",
                      rule.kind == ArcRule::Kind::kGating ? "gating" : "assertion", rule.name,
                      rule.arn)};
    }
  }
  return std::nullopt;
}

void ApplyChanges(ArcState& state, const std::vector<ControlChange>& changes, base::WallTime now) {
  const auto real = RealChanges(state, changes);
  for (ArcRule& rule : state.rules) {
    if (Guards(rule, real)) rule.last_change = now;
  }
  for (const auto& [arn, to] : real) state.Control(arn)->state = to;
}

Value ToValue(const ArcState& state) {
  return Value::Struct(
      {{"clusters", ListOf(state.clusters, ClusterValue)},
       {"panels", ListOf(state.panels,
                         [](const ArcPanel& p) {
                           return Value::Struct({{"arn", p.arn},
                                                 {"cluster", p.cluster},
                                                 {"name", p.name},
                                                 {"default", p.is_default},
                                                 {"status", p.status}});
                         })},
       {"controls", ListOf(state.controls,
                           [](const ArcControl& c) {
                             return Value::Struct({{"arn", c.arn},
                                                   {"panel", c.panel},
                                                   {"name", c.name},
                                                   {"state", Name(c.state)},
                                                   {"status", c.status}});
                           })},
       {"rules", ListOf(state.rules, RuleValue)},
       {"tags", ListOf(state.tags,
                       [](const ArcTag& t) {
                         return Value::Struct({{"arn", t.arn}, {"key", t.key}, {"value", t.value}});
                       })},
       {"tokens", ListOf(state.tokens, [](const auto& t) {
          return Value::Struct({{"token", t.first}, {"arn", t.second}});
        })}});
}

ArcState ArcStateFrom(const Value& value) {
  ArcState state;
  for (const Value& v : value.Items("clusters")) state.clusters.push_back(ClusterFrom(v));
  for (const Value& v : value.Items("panels")) {
    state.panels.push_back({std::string(v.String("arn")), std::string(v.String("cluster")),
                            std::string(v.String("name")), v.Flag("default", false),
                            std::string(v.String("status"))});
  }
  for (const Value& v : value.Items("controls")) {
    state.controls.push_back({std::string(v.String("arn")), std::string(v.String("panel")),
                              std::string(v.String("name")),
                              v.String("state") == "On" ? ControlState::kOn : ControlState::kOff,
                              std::string(v.String("status"))});
  }
  for (const Value& v : value.Items("rules")) state.rules.push_back(RuleFrom(v));
  for (const Value& v : value.Items("tags")) {
    state.tags.push_back({std::string(v.String("arn")), std::string(v.String("key")),
                          std::string(v.String("value"))});
  }
  for (const Value& v : value.Items("tokens")) {
    state.tokens.emplace_back(std::string(v.String("token")), std::string(v.String("arn")));
  }
  return state;
}

std::string_view Name(ArcRule::Type type) {
  switch (type) {
    case ArcRule::Type::kAtLeast:
      return "ATLEAST";
    case ArcRule::Type::kAnd:
      return "AND";
    case ArcRule::Type::kOr:
      return "OR";
  }
  return "";
}

ArcRule::Type RuleTypeFrom(std::string_view name) {
  if (name == "AND") return ArcRule::Type::kAnd;
  return name == "OR" ? ArcRule::Type::kOr : ArcRule::Type::kAtLeast;
}

}  // namespace leeward::lab
