// Which operation of which service a request is for, and in which protocol it speaks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/wire/request.h"
#include "shapes/model.h"

namespace leeward::lab::wire {

struct Route {
  shapes::Protocol protocol = shapes::Protocol::kQuery;
  const shapes::Model* model = nullptr;          // null: unknown service
  const shapes::Operation* operation = nullptr;  // null: see `refusal`
  std::string operation_name;  // as asked, also of operations whose shapes are not kept
  Pairs parameters;            // query and ec2: all; REST: of the query
  Pairs labels;                // REST: from the path, decoded
  std::optional<ApiError> refusal;
};

// `signing_name`: of the credential scope ("rds", "monitoring"); empty for unsigned requests.
// Always sets the protocol, so that a refusal can be written in it.
Route FindRoute(const Request& request, std::string_view signing_name,
                std::span<const shapes::Model* const> models);

// The refusal of an operation that AWS has and the lab has not.
ApiError NotServed(const shapes::Model& model, std::string_view operation);

}  // namespace leeward::lab::wire
