// The authoritative DNS server of Route 53's data plane: UDP and TCP on one address, on a thread of
// its own, answering from the World published last. It lives in the global plane, so that answers
// go on whatever Region is lost.
#pragma once

#include <cstdint>
#include <memory>

#include "lab/dns/reactor.h"
#include "lab/dns/sockets.h"
#include "lab/dns/zone.h"

namespace leeward::lab {

class DnsServer {
 public:
  // Listens; with port 0 on a free port, the same one for both. `seed` feeds the draws of weighted
  // answers.
  static base::Result<std::unique_ptr<DnsServer>> Start(const Endpoint& endpoint,
                                                        std::uint64_t seed);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  // From any thread. Once it has returned, the next question is answered from `world`.
  void Publish(std::shared_ptr<const World> world);
  std::uint16_t port() const;

 private:
  struct State;
  explicit DnsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace leeward::lab
