// Steps of the component kind `route53`: records switched by routing controls.
#pragma once

#include <string>
#include <vector>

#include "model/application.h"
#include "steps/arc.h"
#include "steps/work.h"

namespace leeward::steps {

// route53_protect.cc
Result<StepOutcome> Route53Protect(const Work& work);
// route53.cc
Result<StepOutcome> Route53Shift(const Work& work);
Result<StepOutcome> Route53Confirm(const Work& work);

// What a shift turns: Regions and their routing controls, as the inventory knows them. kNotFound:
// it knows none. route53.cc
struct Turn {
  std::string on, off;
  std::string control_on, control_off;
};
Result<Turn> TurnOf(const Work& work, const model::Route53& route53);

// What hangs on the component's control panel, as ARC's configuration tells of it. Only while all
// is well: this asks control planes.
struct ControlPanel {
  std::string cluster_arn, panel_arn;
  std::vector<ClusterEndpoint> endpoints;
};
Result<ControlPanel> FindControlPanel(const Work& work, const model::Route53& route53);
// The panel's routing controls, name → ARN, that are deployed.
Result<std::map<std::string, std::string>> RoutingControls(const Work& work,
                                                           const ControlPanel& panel);
// The name of an application's control in a Region.
std::string ControlName(const model::Application& application, const Region& region);

}  // namespace leeward::steps
