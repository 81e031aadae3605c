#include "lab/network/carrier.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "lab/network/connection.h"
#include "lab/network/filter.h"
#include "os/socket.h"

namespace leeward::lab {
namespace {

constexpr int kAcceptsPerWake = 64;
constexpr int kBacklog = 512;
constexpr std::size_t kMaxIngress = 60;
constexpr unsigned kListeningFlag = 0x10000;  // __SO_ACCEPTCON

// The Unix sockets that some process listens on. The kernel's list is the only way to know without
// connecting, which would cost an engine a session.
std::set<std::string> ListeningUnixSockets() {
  std::set<std::string> paths;
  std::ifstream list("/proc/net/unix");
  std::string line;
  while (std::getline(list, line)) {
    unsigned flags = 0;
    int path_at = 0;
    if (sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %*s %n", &flags, &path_at) < 1) continue;
    if ((flags & kListeningFlag) == 0 || path_at <= 0) continue;
    paths.insert(line.substr(static_cast<std::size_t>(path_at)));
  }
  return paths;
}

std::string Key(std::string_view party, std::string_view name) {
  return fmt::format("{}|{}", party, name);
}

}  // namespace

// A public address and port: an endpoint, or the near end of a link.
struct Carrier::Listener {
  enum class Kind { kEndpoint, kLink } kind = Kind::kEndpoint;
  std::string name;
  std::string publisher;  // party whose life it shares
  std::string party;      // where the address is, as far as faults go
  std::string address;
  std::uint16_t port = 0;
  std::string backend;  // endpoints
  Origin origin = Origin::kHidden;
  std::vector<Cidr> ingress{{0, 0}};
  std::string to_address;  // links
  std::uint16_t to_port = 0;
  int life = 0;
  std::unique_ptr<os::Descriptor> socket;
  std::unique_ptr<FullQueue> full_queue;  // where filters are not allowed
  std::string problem;                    // why it cannot be listened on

  void Close() {
    full_queue.reset();
    socket.reset();
  }
};

Carrier::Carrier(os::EventLoop& loop, const ports::Clock& clock, Topology topology,
                 CarrierLimits limits)
    : loop_(loop), clock_(clock), topology_(std::move(topology)), limits_(limits) {
  LookForBackends();
}

Carrier::~Carrier() = default;

void Carrier::LookForBackends() {
  std::set<std::string> now = listeners_.empty() ? std::set<std::string>() : ListeningUnixSockets();
  const bool changed = now != backends_;
  backends_ = std::move(now);
  if (changed) Refresh();
  loop_.After(limits_.look_for_backends, [this] { LookForBackends(); });
}

void Carrier::Hello(const std::string& party) { ++lives_[party]; }

base::Status Carrier::Publish(const std::string& party, const PublicEndpoint& endpoint) {
  const auto address = ParseIpv4(endpoint.address);
  if (!address.ok()) return address.error();
  if (endpoint.port == 0) return base::Invalid(fmt::format("{} has no port", endpoint.name));
  auto& listener = listeners_[Key(party, endpoint.name)];
  const bool moved = listener == nullptr || listener->address != endpoint.address ||
                     listener->port != endpoint.port;
  if (moved) listener = std::make_unique<Listener>();
  listener->name = endpoint.name;
  listener->publisher = party;
  listener->party = endpoint.region.empty() ? party : endpoint.region;
  listener->address = endpoint.address;
  listener->port = endpoint.port;
  listener->backend = endpoint.backend.string();
  listener->origin = endpoint.origin;
  listener->life = lives_[party];
  backends_ = ListeningUnixSockets();
  Refresh();
  if (!listener->problem.empty()) return base::Already(listener->problem);
  return base::Ok();
}

void Carrier::Withdraw(const std::string& party, const std::string& name) {
  listeners_.erase(Key(party, name));
  Refresh();
}

base::Status Carrier::SetIngress(const std::string& party, const std::string& name,
                                 const std::vector<std::string>& cidrs) {
  const auto found = listeners_.find(Key(party, name));
  if (found == listeners_.end())
    return base::NotFound(fmt::format("{} has no endpoint {}", party, name));
  if (cidrs.size() > kMaxIngress)
    return base::Exhausted(fmt::format("more than {} networks", kMaxIngress));
  std::vector<Cidr> parsed;
  for (const std::string& text : cidrs) {
    ASSIGN_OR_RETURN(const Cidr cidr, Cidr::Parse(text));
    parsed.push_back(cidr);
  }
  found->second->ingress = std::move(parsed);
  Refresh();
  return base::Ok();
}

base::Status Carrier::Link(const LinkSpec& link) {
  auto& listener =
      listeners_[Key(link.from, fmt::format("link:{}:{}", link.local_address, link.local_port))];
  if (listener == nullptr) listener = std::make_unique<Listener>();
  listener->kind = Listener::Kind::kLink;
  listener->name = fmt::format("link to {}:{}", link.to_address, link.to_port);
  listener->publisher = listener->party = link.from;
  listener->address = link.local_address;
  listener->port = link.local_port;
  listener->to_address = link.to_address;
  listener->to_port = link.to_port;
  listener->life = lives_[link.from];
  Refresh();
  if (!listener->problem.empty()) return base::Already(listener->problem);
  return base::Ok();
}

Carrier::Listener* Carrier::FindTarget(const std::string& address, std::uint16_t port) {
  for (auto& [key, listener] : listeners_) {
    if (listener->kind == Listener::Kind::kEndpoint && listener->address == address &&
        listener->port == port) {
      return listener.get();
    }
  }
  return nullptr;
}

base::Status Carrier::Open(Listener& listener) {
  const os::Address address{listener.address, listener.port, ""};
  const bool steered = limits_.silencing == Silencing::kFullQueues;
  // In a group, another listener of this address would be welcome.
  if (steered) RETURN_IF_ERROR(os::CheckFree(address));
  ASSIGN_OR_RETURN(
      const int socket,
      os::Listen(address, kBacklog, steered ? os::Sharing::kGroup : os::Sharing::kNone));
  listener.socket = std::make_unique<os::Descriptor>(loop_, socket);
  if (steered) {
    auto full = FullQueue::Beside(socket, address);
    if (!full.ok()) {
      listener.socket.reset();
      return full.error();
    }
    listener.full_queue = *std::move(full);
  }
  listener.socket->OnReadable([this, &listener] { Accept(listener); });
  return base::Ok();
}

// An address answers while something listens behind it. A silent Region's addresses stay open and
// filtered: closed ones would refuse, and a Region that is gone does not even do that.
base::Status Carrier::RefreshListener(Listener& listener) {
  const bool link = listener.kind == Listener::Kind::kLink;
  const Listener* target = link ? FindTarget(listener.to_address, listener.to_port) : &listener;
  const auto silent = [&](const std::string& party) {
    return topology_.silence(party) != Silence::kNone;
  };
  const bool alive =
      target != nullptr && (backends_.contains(target->backend) || silent(target->party));
  if (!alive && !silent(listener.party)) {
    listener.Close();
    listener.problem.clear();
    return base::Ok();
  }
  if (listener.socket == nullptr) RETURN_IF_ERROR(Open(listener));
  PacketRules rules;
  const std::string& to = target == nullptr ? listener.party : target->party;
  if (link) {
    const auto near = ParseIpv4(listener.address);
    const bool allowed = target != nullptr && near.ok() &&
                         std::any_of(target->ingress.begin(), target->ingress.end(),
                                     [&](const Cidr& network) { return network.Contains(*near); });
    rules.others = allowed && topology_.Reachable(listener.party, to);
    rules.ingress = {{0, 0}};
  } else {
    for (const auto& [network, party] : topology_.Networks())
      rules.sources.push_back({network, topology_.Reachable(party, to)});
    rules.others = topology_.Reachable(std::string(kOutside), to);
    rules.ingress = listener.ingress;
  }
  if (listener.full_queue != nullptr) return listener.full_queue->Steer(rules);
  return AttachRules(listener.socket->get(), rules);
}

void Carrier::Refresh() {
  for (auto& [key, listener] : listeners_) {
    const base::Status status = RefreshListener(*listener);
    listener->problem = status.ok() ? "" : status.error().message();
  }
}

void Carrier::RefreshConnections() {
  // A copy: a refreshed connection may end and remove itself.
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [raw, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->Refresh();
}

void Carrier::Accept(Listener& listener) {
  for (int i = 0; i < kAcceptsPerWake; ++i) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const int socket = accept4(listener.socket->get(), reinterpret_cast<sockaddr*>(&peer), &length,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) break;
    // It has inherited the listener's filter, which is for connect attempts only.
    DetachFilter(socket);
    const bool link = listener.kind == Listener::Kind::kLink;
    const Listener* target = link ? FindTarget(listener.to_address, listener.to_port) : &listener;
    if (target == nullptr || connections_.size() >= limits_.max_connections) {
      close(socket);
      continue;
    }
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::string from = link ? listener.party : topology_.PartyOf(ntohl(peer.sin_addr.s_addr));
    std::string greeting;
    if (target->origin == Origin::kTold) {
      std::array<char, INET_ADDRSTRLEN> text{};
      inet_ntop(AF_INET, &peer.sin_addr, text.data(), text.size());
      greeting = ProxyHeader(link ? listener.address : std::string(text.data()),
                             ntohs(peer.sin_port), *target);
    }
    const auto connection =
        std::make_shared<Connection>(*this, socket, Connection::Parties{from, target->party},
                                     target->backend, std::move(greeting));
    connections_.emplace(connection.get(), connection);
    connection->Start();
  }
  if (listener.socket != nullptr)
    listener.socket->OnReadable([this, &listener] { Accept(listener); });
}

// Who comes by a link comes from its near end.
std::string Carrier::ProxyHeader(const std::string& from, std::uint16_t port,
                                 const Listener& target) {
  return fmt::format("PROXY TCP4 {} {} {} {}\r\n", from, target.address, port, target.port);
}

void Carrier::Remove(Connection* connection) { connections_.erase(connection); }

void Carrier::SetSilence(const std::string& region, Silence silence) {
  topology_.SetSilence(region, silence);
  if (silence == Silence::kKilled) {
    for (const auto& [raw, connection] : connections_) {
      if (connection->parties().from == region || connection->parties().to == region)
        connection->Kill();
    }
  }
  RefreshConnections();
  Refresh();
}

void Carrier::Cut(const std::string& from, const std::string& to, Directions directions) {
  topology_.Cut(from, to, directions);
  RefreshConnections();
  Refresh();
}

void Carrier::Slow(const std::string& a, const std::string& b, base::Duration extra) {
  topology_.Slow(a, b, extra);
}

void Carrier::Heal(const std::string& region) {
  topology_.Heal(region);
  std::vector<std::shared_ptr<Connection>> dead;
  for (const auto& [raw, connection] : connections_) {
    const auto& parties = connection->parties();
    const bool touched = region.empty() || parties.from == region || parties.to == region;
    if (connection->killed() && touched) dead.push_back(connection);
  }
  for (const auto& connection : dead) connection->Reset();
  std::erase_if(listeners_, [&](const auto& entry) {
    const Listener& listener = *entry.second;
    const bool touched = region.empty() || listener.publisher == region;
    return touched && listener.life != lives_[listener.publisher];
  });
  RefreshConnections();
  Refresh();
}

shapes::Value Carrier::Status() const {
  shapes::Value::List endpoints;
  for (const auto& [key, listener] : listeners_) {
    endpoints.push_back(shapes::Value::Struct({
        {"name", listener->name},
        {"region", listener->party},
        {"kind", listener->kind == Listener::Kind::kLink ? "link" : "endpoint"},
        {"address", fmt::format("{}:{}", listener->address, listener->port)},
        {"listening", listener->socket != nullptr},
        {"problem", listener->problem},
    }));
  }
  shapes::Value regions = shapes::Value::Struct();
  for (const std::string& region : topology_.regions()) {
    const Silence silence = topology_.silence(region);
    regions.Set(region, silence == Silence::kNone   ? "up"
                        : silence == Silence::kDark ? "dark"
                                                    : "killed");
  }
  shapes::Value::List cuts;
  for (const auto& [from, to] : topology_.cuts())
    cuts.push_back(shapes::Value::Struct({{"from", from}, {"to", to}}));
  shapes::Value::List slow;
  for (const auto& [pair, extra] : topology_.slow()) {
    slow.push_back(shapes::Value::Struct(
        {{"from", pair.first}, {"to", pair.second}, {"extra_ms", base::Millis(extra)}}));
  }
  return shapes::Value::Struct({{"regions", regions},
                                {"cuts", cuts},
                                {"slow", slow},
                                {"endpoints", endpoints},
                                {"connections", static_cast<std::int64_t>(connections_.size())}});
}

}  // namespace leeward::lab
