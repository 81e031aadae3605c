// The front of an application load balancer: an HTTP/1.1 reverse proxy. Clients arrive on a Unix
// socket (the lab's network carries them there), each request goes to the next healthy target of
// the listener's group; connections to targets are kept and used again.
//
// As an ALB does: with no target registered 503, with none healthy all are tried (fail open), a
// target that breaks the exchange 502, one that is silent 504. It never sends a request twice.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lab/dns/reactor.h"
#include "lab/dns/sockets.h"

namespace leeward::lab {

struct ProxyTarget {
  Endpoint endpoint;
  bool healthy = false;
};

class Proxy {
 public:
  // `reactor` outlives it.
  explicit Proxy(Reactor& reactor);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // All of these are called from one thread that is not the reactor's, and take effect before they
  // return.
  base::Status Listen(const std::string& listener, const std::filesystem::path& socket,
                      const std::string& group);
  void Forward(const std::string& listener, const std::string& group);
  void Close(const std::string& listener);
  void SetTargets(const std::string& group, std::vector<ProxyTarget> targets);

 private:
  friend class ProxySession;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace leeward::lab
