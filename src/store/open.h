// The shared store that a spec names.
#pragma once

#include <memory>
#include <string>

#include "aws/client.h"
#include "base/result.h"
#include "model/application.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "ports/shared_store.h"

namespace leeward::store {

// A file's path is relative to `folder`, the spec's own. What the store needs outlives it.
base::Result<std::unique_ptr<ports::SharedStore>> Open(const model::SharedStorePlace& place,
                                                       const std::string& folder,
                                                       ports::HttpTransport& transport,
                                                       aws::Client& client,
                                                       const ports::Clock& clock);

}  // namespace leeward::store
