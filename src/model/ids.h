// The names that must not be mixed up.
#pragma once

#include "base/id.h"

namespace leeward::model {

using ApplicationName = base::Id<struct ApplicationNameTag>;
using ComponentName = base::Id<struct ComponentNameTag>;
using Region = base::Id<struct RegionTag>;            // "us-east-1"
using StepId = base::Id<struct StepIdTag>;            // "rds.promote/orders"
using StepKind = base::Id<struct StepKindTag>;        // "rds.promote"
using ExecutionId = base::Id<struct ExecutionIdTag>;  // one carrying out of one plan
using ObserverId = base::Id<struct ObserverIdTag>;    // one vantage point

}  // namespace leeward::model
