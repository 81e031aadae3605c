// A shared store in etcd 3, through its JSON gateway (v3). With one member in each of three Regions
// it survives the loss of any one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "ports/shared_store.h"

namespace leeward::store {

struct EtcdOptions {
  // "http://host:port", the nearest first; 1 to 9. One that does not answer is passed over within
  // the call's deadline, and asked last from then on.
  std::vector<std::string> endpoints;
};

// Makes no call. kInvalid: an endpoint that is none.
base::Result<std::unique_ptr<ports::SharedStore>> OpenEtcd(const EtcdOptions& options,
                                                           ports::HttpTransport& transport,
                                                           const ports::Clock& clock);

}  // namespace leeward::store
