// A call of AWS Backup to another service of its Region, as something that a Flow waits for: what a
// client would send, so that a backup is made and restored by what everybody else uses.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/check.h"
#include "lab/services/flow.h"
#include "shapes/model.h"

namespace leeward::lab::backup {

inline Await<Answer> AskSibling(Host& host, std::string service, std::string operation,
                                shapes::Value input) {
  return Await<Answer>([&host, service = std::move(service), operation = std::move(operation),
                        input = std::move(input)](Await<Answer>::Done done) {
    Service* sibling = host.Find(service);
    Call call;
    call.model = shapes::FindModel(service);
    CHECK_MSG(call.model != nullptr, service.c_str());
    call.operation = call.model->FindOperation(operation);
    CHECK_MSG(call.operation != nullptr, operation.c_str());
    if (sibling == nullptr) {
      return done(ApiError{"ServiceUnavailable",
                           fmt::format("{} is not in {}", service, host.region()), 503,
                           shapes::Value()});
    }
    call.input = input;
    call.region = host.region();
    call.request_id = host.random().Hex(32);
    sibling->Handle(call, std::move(done));
  });
}

}  // namespace leeward::lab::backup
