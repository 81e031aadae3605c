// How the global plane's services know of each other, without knowing each other's insides.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/services/arc_state.h"

namespace leeward::lab {

// ARC, as seen by Route 53's health checks and by the cluster's data plane.
class RoutingControls {
 public:
  virtual ~RoutingControls() = default;
  // Nothing for a control that does not exist.
  virtual std::optional<ControlState> StateOf(std::string_view control_arn) const = 0;
  virtual const ArcState& arc() const = 0;
  // The batch has passed its checks: applies it, saves it and tells the health checks before it
  // returns.
  virtual void Commit(const std::vector<ControlChange>& changes) = 0;
};

// Route 53, as seen by ARC.
class ControlledChecks {
 public:
  virtual ~ControlledChecks() = default;
  // Once it has returned, DNS answers follow the new states.
  virtual void RoutingControlsChanged() = 0;
  virtual std::vector<std::string> ChecksOf(std::string_view control_arn) const = 0;
};

}  // namespace leeward::lab
