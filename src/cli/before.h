// Before: what has to be true before an action is begun, and what to do where it is not. All of it
// only looks.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/look.h"
#include "cli/project.h"
#include "cli/world.h"
#include "model/event.h"
#include "model/inventory.h"
#include "model/observation.h"
#include "model/plan.h"

namespace leeward::cli {

// The error of an AWS call, with what somebody can do about it behind it.
base::Error WithAdvice(const base::Error& error, const World& world);

// The environment variable with a component's password or token; empty: it has none.
std::string SecretVariable(const model::ComponentKind& kind);
// The passwords that the spec takes from the environment are there. kInvalid with the variable.
base::Status CheckPasswords(const World& world, const Project& project);

// "NAME: REASON", both of them there. kInvalid: what the option needs; `who`: "who gives it up".
base::Status CheckSigned(std::string_view option, const std::string& by, std::string_view who);

// Every action but `protect` works from what `protect` learned. kNotFound: it learned nothing here.
base::Status CheckProtected(const Project& project, const model::Inventory& inventory,
                            model::Action action);

// The Regions that the action cannot do without have answered. A failover needs nothing of the one
// it leaves, and a call-off nothing of the one that the move was to go to: `spared`; empty: none.
base::Status CheckReach(const World& world, const Seen& seen, const model::Snapshot& snapshot,
                        model::Action action, const model::Region& spared);

// What the spec names is there to be protected. kNotFound with the name and the Region.
base::Status CheckNamed(World& world, const Project& project, const model::Snapshot& snapshot,
                        model::Action action);

// Where the store knows of a newer failover, or way home from one, than these records have, they do
// not say what the old writer alone holds, or say it of another loss. kWrongState: whose journal
// does, and that `command` is to be run there.
base::Status CheckKnowsLateWrites(World& world, const Project& project,
                                  const std::vector<model::Event>& history,
                                  std::string_view command);

}  // namespace leeward::cli
