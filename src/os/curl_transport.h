// CurlTransport: HTTP and HTTPS by libcurl. Proxies come from the usual environment variables.
#pragma once

#include <memory>
#include <string>

#include "ports/http.h"

namespace leeward::os {

struct CurlTransportOptions {
  std::string ca_bundle;  // file of trusted certificates (AWS_CA_BUNDLE); empty: the system's
};

// Connections are kept and used again, per host and source address. Any number of threads may send
// at once.
std::unique_ptr<ports::HttpTransport> MakeCurlTransport(const CurlTransportOptions& options);

}  // namespace leeward::os
