// Probes of TCP, HTTP and HTTPS endpoints: what Route 53's checkers and the load balancers' target
// checks send. Runs on a Reactor's thread; any number at once.
#pragma once

#include <functional>
#include <string>

#include "base/time.h"
#include "lab/dns/reactor.h"
#include "lab/dns/sockets.h"

namespace leeward::lab {

struct ProbeSpec {
  enum class Kind { kTcp, kHttp, kHttps };
  Kind kind = Kind::kTcp;
  Endpoint endpoint;
  std::string host;  // Host header, and the server name of HTTPS where `server_name` is set
  bool server_name = false;
  std::string path = "/";
  std::string user_agent = "ELB-HealthChecker/2.0";
  std::string search;  // text looked for in the first `body_limit` bytes of the body
  std::size_t body_limit = 5120;
  base::Duration connect_limit = std::chrono::seconds(4);
  base::Duration response_limit = std::chrono::seconds(2);  // to the status; then again to the body
};

struct ProbeResult {
  enum class Outcome { kAnswered, kRefused, kTimedOut, kBroken };
  Outcome outcome = Outcome::kBroken;
  int http_status = 0;  // of an answer over HTTP
  bool found = false;   // the search text
  std::string detail;   // for people
};

using ProbeDone = std::function<void(const ProbeResult&)>;

// Called on the reactor's thread; `done` runs there, exactly once, later. HTTPS certificates are
// not checked, as Route 53 does not.
void StartProbe(Reactor& reactor, ProbeSpec spec, ProbeDone done);

}  // namespace leeward::lab
