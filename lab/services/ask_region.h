// A call to a service of another Region (or of this one), as something that a Flow waits for.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "lab/services/flow.h"

namespace leeward::lab {

inline Await<Answer> AskRegion(Host& host, std::string region, std::string service,
                               std::string operation, shapes::Value input,
                               base::Duration deadline) {
  return Await<Answer>([&host, region = std::move(region), service = std::move(service),
                        operation = std::move(operation), input = std::move(input),
                        deadline](Await<Answer>::Done done) {
    host.CallRegion(region, service, operation, input, deadline, std::move(done));
  });
}

// Whether nobody answered by the deadline, which says nothing of what was done.
inline bool TimedOut(const Answer& answer) {
  const auto* error = std::get_if<ApiError>(&answer);
  return error != nullptr && error->http_status == 0;
}

}  // namespace leeward::lab
