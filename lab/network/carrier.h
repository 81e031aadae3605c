// Carries bytes between public addresses and the Unix sockets behind them, as a wide-area network
// would.
//
// Connections of a Region that goes dark or is cut off fall silent and go on when it is healed, as
// TCP's retransmissions would; those of a Region that was killed are reset when it comes back, as
// by a host that has forgotten them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lab/core/service.h"
#include "lab/network/filter.h"
#include "lab/network/topology.h"
#include "os/event_loop.h"
#include "ports/clock.h"
#include "shapes/value.h"

namespace leeward::lab {

struct CarrierLimits {
  std::size_t max_in_flight = 8 << 20;  // bytes per connection and direction
  double bytes_per_second = 0;          // per connection and direction between Regions; 0: no limit
  std::size_t max_connections = 20000;
  base::Duration look_for_backends{std::chrono::milliseconds(50)};
  Silencing silencing = SilencingHere();
};

class Connection;

class Carrier {
 public:
  Carrier(os::EventLoop& loop, const ports::Clock& clock, Topology topology,
          CarrierLimits limits = {});
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // A party's process has started: what it published in an earlier life goes at the next Heal.
  void Hello(const std::string& party);
  base::Status Publish(const std::string& party, const PublicEndpoint& endpoint);
  void Withdraw(const std::string& party, const std::string& name);
  base::Status SetIngress(const std::string& party, const std::string& name,
                          const std::vector<std::string>& cidrs);
  struct LinkSpec {
    std::string from;  // party
    std::string local_address;
    std::uint16_t local_port = 0;
    std::string to_address;
    std::uint16_t to_port = 0;
  };
  base::Status Link(const LinkSpec& link);

  const Topology& topology() const { return topology_; }
  // Each takes effect before it returns.
  void SetSilence(const std::string& region, Silence silence);
  void Cut(const std::string& from, const std::string& to, Directions directions);
  void Slow(const std::string& a, const std::string& b, base::Duration extra);
  void Heal(const std::string& region);

  shapes::Value Status() const;

 private:
  friend class Connection;
  struct Listener;

  static std::string ProxyHeader(const std::string& from, std::uint16_t port,
                                 const Listener& target);
  Listener* FindTarget(const std::string& address, std::uint16_t port);
  void LookForBackends();
  void Refresh();             // listeners: open, closed, filtered
  void RefreshConnections();  // connections: carried or silent
  base::Status Open(Listener& listener);
  base::Status RefreshListener(Listener& listener);
  void Accept(Listener& listener);
  void Remove(Connection* connection);

  os::EventLoop& loop_;
  const ports::Clock& clock_;
  Topology topology_;
  CarrierLimits limits_;
  std::map<std::string, std::unique_ptr<Listener>>
      listeners_;                   // by party and name; links by theirs
  std::set<std::string> backends_;  // Unix sockets that are listened on now
  std::map<Connection*, std::shared_ptr<Connection>> connections_;
  std::map<std::string, int> lives_;  // by party
};

}  // namespace leeward::lab
