// A call as an HTTP exchange: operation and Value → request, answer → Value or the service's error.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "aws/sigv4.h"
#include "base/result.h"
#include "ports/http.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::aws {

// What an operation puts on the wire, before it has a host and a signature.
struct WireRequest {
  std::string method = "POST";
  std::string path = "/";  // encoded
  QueryParameters query;   // decoded
  ports::Headers headers;
  std::string body;
  std::string host_prefix;  // "data." before the host; usually empty
};

// An error as the service stated it.
struct ServiceError {
  int status = 0;
  std::string code;  // wire code; empty when the answer has none
  std::string message;
  std::string request_id;
  shapes::Value members;  // of the error's shape, where the model has one
};

// Speaks the first of the model's protocols. kInvalid for a Value that cannot be put on the wire.
base::Result<WireRequest> EncodeRequest(const shapes::Model& model,
                                        const shapes::Operation& operation,
                                        const shapes::Value& input);
// For answers with a status below 300. kService when the answer is not what the protocol says.
base::Result<shapes::Value> DecodeResponse(const shapes::Model& model,
                                           const shapes::Operation& operation,
                                           const ports::HttpResponse& response);
// For all others; takes anything, also what a proxy says.
ServiceError DecodeError(const shapes::Model& model, const shapes::Operation& operation,
                         const ports::HttpResponse& response);

}  // namespace leeward::aws
