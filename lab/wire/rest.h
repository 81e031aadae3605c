// Where REST members travel outside the body: path, query, headers, status.
#pragma once

#include "base/result.h"
#include "lab/wire/route.h"
#include "ports/http.h"
#include "shapes/value.h"

namespace leeward::lab::wire {

// Adds the members of the operation's input that are in the path, the query and the headers.
base::Status ReadPlaces(const Route& route, const Request& request, shapes::Value* input);
// Adds the headers of an answer; returns the status.
base::Result<int> WritePlaces(const shapes::Shape& shape, const shapes::Value& output, int status,
                              ports::Headers* headers);

}  // namespace leeward::lab::wire
