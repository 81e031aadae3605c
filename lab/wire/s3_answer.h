// What S3's answers have that its model does not say: the names of their roots, the status of a
// part of an object, headers that are an object's own.
#pragma once

#include <string_view>

#include "ports/http.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab::wire {

// Of all its elements; the model says it of none.
inline constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// The root element of an answer whose members are its body.
std::string_view S3Root(std::string_view operation);
// An answer as the model has it, made S3's.
void FinishS3(const shapes::Operation& operation, const shapes::Value& output,
              ports::HttpResponse* response);
// An error: alone, without a frame. Members that are headers' names become headers.
ports::HttpResponse S3Error(std::string_view code, std::string_view message, int status,
                            const shapes::Value& members);

}  // namespace leeward::lab::wire
