// What a service's error means to a caller, by the family of its wire code.
#pragma once

#include <string_view>

#include "aws/wire.h"
#include "base/error.h"

namespace leeward::aws {

bool IsThrottle(std::string_view service_code);
// Worth another attempt: throttled, broken for now, or timed out on the service's side.
bool IsTransient(const ServiceError& error);
base::ErrorCode ClassOf(const ServiceError& error);
// "rds PromoteReadReplica in us-west-2: InvalidDBInstanceState: ... (request id ...)".
base::Error ToError(const ServiceError& error, std::string_view what);

}  // namespace leeward::aws
