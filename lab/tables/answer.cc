#include "lab/tables/answer.h"

#include <fmt/format.h>

#include <utility>

#include "lab/items/json.h"

namespace leeward::lab::tables {
namespace {

std::string_view NameSpaceOf(std::string_view code) {
  if (code == "ValidationException") return "com.amazon.coral.validate#";
  if (code == "SerializationException" || code == "UnknownOperationException" ||
      code == "AccessDeniedException") {
    return "com.amazon.coral.service#";
  }
  if (code == "ThrottlingException") return "com.amazon.coral.availability#";
  return "com.amazonaws.dynamodb.v20120810#";
}

// These come from other parts of AWS's stack, which begin the word with a capital.
std::string_view MessageMember(std::string_view code) {
  const bool capital = code == "SerializationException" || code == "AccessDeniedException" ||
                       code == "TransactionCanceledException" ||
                       code == "IdempotentParameterMismatchException";
  return capital ? "Message" : "message";
}

}  // namespace

WireAnswer ErrorAnswer(const ApiError& error, std::string_view members) {
  std::string body = fmt::format(R"({{"__type":"{}{}")", NameSpaceOf(error.code), error.code);
  if (!error.message.empty()) {
    body += fmt::format(R"(,"{}":)", MessageMember(error.code));
    items::AppendJsonString(error.message, body);
  }
  if (error.members.is_members()) {
    for (const auto& [name, value] : error.members.members()) {
      body += fmt::format(R"(,"{}":{})", name, shapes::ToJson(value));
    }
  }
  body += members;
  body += '}';
  return {error.http_status, std::move(body)};
}

WireAnswer ToAnswer(Outcome<std::string> outcome) {
  if (!outcome.ok()) return ErrorAnswer(outcome.error());
  return {200, std::move(outcome).value()};
}

ApiError Broken(const base::Error& error) {
  return {"InternalServerError", error.message(), 500, {}};
}

ApiError NoSuchTable() { return NotFound("Requested resource not found"); }
ApiError NoSuchTable(std::string_view name) {
  return NotFound(fmt::format("Requested resource not found: Table: {} not found", name));
}
ApiError InUse(std::string message) {
  return {"ResourceInUseException", std::move(message), 400, {}};
}
ApiError NotFound(std::string message) {
  return {"ResourceNotFoundException", std::move(message), 400, {}};
}
ApiError LimitExceeded(std::string message) {
  return {"LimitExceededException", std::move(message), 400, {}};
}
ApiError AccessDenied(std::string message) {
  return {"AccessDeniedException", std::move(message), 400, {}};
}

}  // namespace leeward::lab::tables
