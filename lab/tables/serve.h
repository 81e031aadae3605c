// One request from its bytes to its answer.
#pragma once

#include <memory>
#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// Reads the body, checks it and the caller's right, and carries it out; for STRONG tables after the
// other Regions have been asked, and before they have what was written.
void Serve(const std::shared_ptr<Core>& core, const shapes::Operation& operation, Handler handler,
           std::string_view body, const Caller& caller, const WireReply& reply);

}  // namespace leeward::lab::tables
