// Answers and errors as they stand on the wire.
#pragma once

#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/items/outcome.h"
#include "lab/tables/engine.h"

namespace leeward::lab::tables {

using items::InvalidParameter;
using items::Outcome;
using items::ValidationError;
using items::Verdict;

// The error with its type's full name: "com.amazonaws.dynamodb.v20120810#..." for DynamoDB's own,
// the frameworks' for validation and the like. `members`: further members as JSON text, each with a
// comma before it: ,"Item":{...}
WireAnswer ErrorAnswer(const ApiError& error, std::string_view members = "");
// The body, or the error.
WireAnswer ToAnswer(Outcome<std::string> outcome);

// 500 InternalServerError, for what goes wrong with us; the reason goes into the message.
ApiError Broken(const base::Error& error);

// ResourceNotFoundException as item operations say it: "Requested resource not found".
ApiError NoSuchTable();
// ... and as operations on tables say it: "Requested resource not found: Table: t not found".
ApiError NoSuchTable(std::string_view name);
ApiError InUse(std::string message);          // ResourceInUseException
ApiError NotFound(std::string message);       // ResourceNotFoundException
ApiError LimitExceeded(std::string message);  // LimitExceededException
ApiError AccessDenied(std::string message);

}  // namespace leeward::lab::tables
