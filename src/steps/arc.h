// ARC's routing controls through the cluster's own endpoints: five, in five Regions, any of which
// will do.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/inventory.h"
#include "shapes/value.h"
#include "steps/runner.h"
#include "steps/work.h"

namespace leeward::steps {

struct ClusterEndpoint {
  Region region;
  std::string url;
};

// The facts by which the inventory keeps endpoint number `index`.
std::string EndpointUrlFact(std::size_t index);
std::string EndpointRegionFact(std::size_t index);
// The endpoints of the component's cluster that the inventory knows; empty when it knows none.
std::vector<ClusterEndpoint> KnownEndpoints(const model::Inventory& inventory,
                                            const model::ComponentName& component);
// The control of the component in the Region; empty when it is not known.
std::string KnownControl(const model::Inventory& inventory, const model::ComponentName& component,
                         const Region& region);

// Asks the endpoints in random order, those of `last` Region at the end. Each gets
// Limits::arc_call; when one has not answered after Limits::arc_hedge, or has failed, the next is
// asked as well, and the first good answer counts. Requests must be safe to arrive twice. An error
// that every endpoint would give (kDenied, kInvalid, kNotFound, kRefused) ends it at once.
struct AskOptions {
  std::string_view operation;
  Region last;  // asked last; empty: none
  base::MonotonicTime deadline;
  std::function<bool()> cancelled;  // may be empty
};
struct ClusterAnswer {
  Value value;
  Region by;      // whose endpoint answered
  int asked = 0;  // how many were asked
};
Result<ClusterAnswer> AskCluster(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                 const Value& input, const AskOptions& options);

// "On" or "Off".
Result<std::string> ControlState(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                 const std::string& control, AskOptions options);
// Sets all of them in one atomic change.
Result<ClusterAnswer> SetControls(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                  const std::map<std::string, std::string>& states,
                                  AskOptions options);

}  // namespace leeward::steps
