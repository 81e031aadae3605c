// What RDS refuses in a request, apart from what its model already says; and the errors it answers.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/rds_instance.h"

namespace leeward::lab::rds {

using Problem = std::optional<ApiError>;

ApiError InstanceNotFound(std::string_view id);
ApiError InstanceState(std::string message);
ApiError BadValue(std::string message);        // InvalidParameterValue
ApiError BadCombination(std::string message);  // InvalidParameterCombination
ApiError NotInState(const Instance& instance, std::string_view wanted);

// Lower case, as RDS keeps identifiers.
std::string Lower(std::string_view text);
Problem CheckIdentifier(std::string_view parameter, std::string_view id);
Problem CheckWindow(std::string_view parameter, std::string_view window);
Problem CheckPassword(std::string_view password, const EngineType& type);
// What CreateDBInstance, the restore and the replica have in common: class, storage, retention,
// port, windows, and what this lab does not serve.
Problem CheckCommon(const shapes::Value& input);
// `type` is nullptr for an engine that is not served.
Problem CheckCreate(const shapes::Value& input, const EngineType* type);
Problem CheckRestore(const shapes::Value& input, const EngineType& type);
Problem CheckLogTypes(const shapes::Value::List& types, const EngineType& type);
Problem CheckModify(const Instance& instance, const shapes::Value& input);
Problem CheckDelete(const Instance& instance, const shapes::Value& input);
// The source's side of a new replica.
Problem CheckSource(const Instance& source, std::string_view replica_region,
                    std::string_view source_region);
Problem CheckPromote(const Instance& instance);
Problem CheckStop(const Instance& instance);

}  // namespace leeward::lab::rds
