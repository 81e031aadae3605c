// A quorum's verdicts for people and for programs.
#pragma once

#include <string>

#include "cli/quorum.h"

namespace leeward::cli {

// "us-east-1 is down: 2 of 2 fresh views say so (...); the application is dead, ..."
std::string VerdictText(const observe::RegionVerdict& region);
// "application and store, or store and control-plane"
std::string DownWhenText(const Quorum& quorum);
// "us-east-1 stale for 12 s, us-west-2 fresh, eu-west-1 absent"
std::string ObserversText(const Quorum& quorum);
// One object: docs/formats/view.md.
std::string QuorumJson(const Quorum& quorum);

}  // namespace leeward::cli
