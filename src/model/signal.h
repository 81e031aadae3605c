// Signal: what is watched of a Region, and which of it together makes the Region count as down.
#pragma once

#include <vector>

namespace leeward::model {

enum class Signal {
  kApplication,   // the application's health through its front address
  kStore,         // a store by its own protocol
  kControlPlane,  // the Region's AWS APIs
};

// A Region counts as down when every one of these is. In the enum's order, each once; never empty,
// and never the control plane alone.
using Combination = std::vector<Signal>;

}  // namespace leeward::model
