// The words for the model's enums, as they stand in specs, plans, journals and JSON. Stable.
#pragma once

#include <string_view>

#include "model/application.h"
#include "model/observation.h"
#include "model/plan.h"

namespace leeward::model {

std::string_view Name(Pattern pattern);
std::string_view Name(Engine engine);
std::string_view Name(FailoverMode mode);
std::string_view Name(OverRpo policy);
std::string_view Name(Action action);
std::string_view Name(Phase phase);
std::string_view Name(OnFailure policy);
std::string_view Name(Signal signal);
std::string_view Name(Seen seen);
std::string_view Name(Health health);
// "rds", "ecs", "route53": the component's kind as in the spec.
std::string_view KindName(const ComponentKind& kind);

}  // namespace leeward::model
