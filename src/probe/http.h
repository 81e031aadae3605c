// One HTTP question, as a client at a chosen place would ask it, never past a deadline.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"

namespace leeward::probe {

struct HttpQuestion {
  std::string url;  // scheme, host, port, path
  std::string method = "GET";
  std::string body;        // sent as application/json when not empty
  std::string connect_to;  // literal address to connect to instead of the host's; empty: ask DNS
  std::string source_address;  // local address to connect from; empty: the system's choice
};

struct HttpReply {
  int status = 0;
  std::string body;     // at most 64 KiB of it
  std::string address;  // that answered
};

// Asks on a fresh connection, so that what it sees is what a new client would. Any status is a
// reply. kUnreachable for DNS, connect, TLS, reset and time-out, with which of these and after how
// long.
base::Result<HttpReply> AskHttp(const HttpQuestion& question, const Resolver& resolver,
                                base::MonotonicTime deadline, const ports::Clock& clock);

// Connects and closes. kUnreachable with the reason. `host` is a name or a literal.
base::Status AskTcp(const std::string& host, std::uint16_t port, const std::string& source_address,
                    const Resolver& resolver, base::MonotonicTime deadline,
                    const ports::Clock& clock);

// Host and port of an http(s) URL; the port is the scheme's when it is not given. kInvalid
// otherwise.
struct UrlHost {
  std::string host;
  std::uint16_t port = 0;
};
base::Result<UrlHost> HostOf(const std::string& url);

// libcurl set up once for the process. Called by everything here that uses it.
void SetUpCurl();

}  // namespace leeward::probe
