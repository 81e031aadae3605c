// Whole requests and answers of each protocol.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/wire/request.h"
#include "lab/wire/route.h"
#include "lab/wire/signature.h"
#include "ports/http.h"
#include "shapes/model.h"

namespace leeward::lab::wire {

// The input of the routed operation. kInvalid: what cannot be read.
base::Result<shapes::Value> DecodeInput(const Route& route, const Request& request);

// The answer. A value that does not fit the model is our own mistake: an InternalFailure that names
// it.
ports::HttpResponse EncodeOutput(shapes::Protocol protocol, const shapes::Model& model,
                                 const shapes::Operation& operation, const shapes::Value& output,
                                 std::string_view request_id);

// An error; `model` and `operation` may be null.
ports::HttpResponse EncodeError(shapes::Protocol protocol, const shapes::Model* model,
                                const shapes::Operation* operation, const ApiError& error,
                                std::string_view request_id);

// A failed signature as the protocol's services say it.
ApiError AuthError(const AuthOutcome& outcome, shapes::Protocol protocol);
// As S3 says it, which has words of its own.
ApiError S3AuthError(const AuthOutcome& outcome);

}  // namespace leeward::lab::wire
