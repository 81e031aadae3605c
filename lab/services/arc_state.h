// What ARC (Application Recovery Controller) routing control knows: clusters, control panels,
// routing controls and safety rules, and the rules that a change of states has to pass.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "shapes/value.h"

namespace leeward::lab {

struct ArcRule {
  enum class Kind { kAssertion, kGating };
  enum class Type { kAtLeast, kAnd, kOr };
  enum class Sense { kPlain, kInverted };
  std::string arn;
  std::string panel;
  std::string name;
  Kind kind = Kind::kAssertion;
  Type type = Type::kAtLeast;
  Sense sense = Sense::kPlain;
  std::int64_t threshold = 0;
  base::Duration wait{0};
  std::vector<std::string> judged;   // asserted or gating controls: what the condition is about
  std::vector<std::string> targets;  // gating rules: what may not change unless the condition holds
  base::WallTime last_change;        // of a control it guards; epoch: never
  std::string status;                // PENDING | DEPLOYED
};

enum class ControlState : std::uint8_t { kOff, kOn };

struct ArcControl {
  std::string arn;
  std::string panel;
  std::string name;
  ControlState state = ControlState::kOff;
  std::string status;
};

struct ArcPanel {
  std::string arn;
  std::string cluster;
  std::string name;
  bool is_default = false;
  std::string status;
};

struct ArcEndpoint {
  std::string region;
  std::string address;
};

struct ArcCluster {
  std::string arn;
  std::string name;
  std::vector<ArcEndpoint> endpoints;
  std::string status;
};

struct ArcTag {
  std::string arn, key, value;
};

struct ArcState {
  std::vector<ArcCluster> clusters;
  std::vector<ArcPanel> panels;
  std::vector<ArcControl> controls;
  std::vector<ArcRule> rules;
  std::vector<ArcTag> tags;
  std::vector<std::pair<std::string, std::string>> tokens;  // ClientToken → arn it made

  ArcCluster* Cluster(std::string_view arn);
  ArcPanel* Panel(std::string_view arn);
  ArcControl* Control(std::string_view arn);
  ArcRule* Rule(std::string_view arn);
  const ArcControl* Control(std::string_view arn) const;
};

struct ControlChange {
  std::string arn;
  ControlState state;
};

// What stands in the way of a batch of changes.
struct ArcRefusal {
  std::string code;
  std::string message;
};

// Checks `changes` as one atomic batch against every safety rule that is not overridden, at `now`.
std::optional<ArcRefusal> CheckChanges(const ArcState& state,
                                       const std::vector<ControlChange>& changes,
                                       const std::vector<std::string>& overrides,
                                       base::WallTime now);
// Applies a batch that passed.
void ApplyChanges(ArcState& state, const std::vector<ControlChange>& changes, base::WallTime now);

shapes::Value ToValue(const ArcState& state);
ArcState ArcStateFrom(const shapes::Value& value);

inline std::string_view Name(ControlState state) {
  return state == ControlState::kOn ? "On" : "Off";
}
std::string_view Name(ArcRule::Type type);
ArcRule::Type RuleTypeFrom(std::string_view name);

}  // namespace leeward::lab
