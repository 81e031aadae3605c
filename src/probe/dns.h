// Resolver: asks DNS servers for addresses, with the TTL and never past a deadline.
//
// The system's own resolver hides the TTL and may block for half a minute; a drill needs the first
// and cannot afford the second. Literal addresses are answered as they stand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "ports/random.h"
#include "probe/dns_message.h"
#include "probe/wait.h"

namespace leeward::probe {

struct DnsServer {
  std::string address;  // literal IPv4 or IPv6
  std::uint16_t port = 53;
};

// "127.0.0.1:5353", "[::1]:53" or an address alone (port 53). kInvalid otherwise.
base::Result<DnsServer> ParseDnsServer(std::string_view text);

// The name servers of /etc/resolv.conf, at most three as the system's resolver takes. kNotFound
// when there is none.
base::Result<std::vector<DnsServer>> SystemDnsServers();

// True when the text is an IPv4 or IPv6 address and needs no DNS.
bool IsLiteralAddress(std::string_view text);

class Resolver {
 public:
  struct Options {
    std::vector<DnsServer> servers;                           // empty: the system's, read once
    std::string source_address;                               // empty: the system's choice
    base::Duration attempt = std::chrono::milliseconds(400);  // one question to one server
    int rounds = 2;                                           // times through the list of servers
  };
  // `clock` and `random` outlive the resolver.
  Resolver(Options options, const ports::Clock& clock, ports::Random& random);

  // Addresses (A) of the name. kNotFound: it has none (NXDOMAIN or no such record); kService: the
  // server refused or failed; kUnreachable: no server answered by the deadline. Safe from several
  // threads only if `random` is.
  base::Result<DnsAnswer> Resolve(const std::string& name, base::MonotonicTime deadline,
                                  const Cancelled& cancelled = {}) const;

 private:
  base::Result<DnsAnswer> Ask(const DnsServer& server, const std::string& name,
                              base::MonotonicTime deadline, const Cancelled& cancelled) const;

  Options options_;
  const ports::Clock& clock_;
  ports::Random& random_;
};

}  // namespace leeward::probe
