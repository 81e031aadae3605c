#include "lab/dns/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>

#include "lab/dns/answer.h"
#include "lab/dns/packet.h"

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxTcpConnections = 256;
constexpr base::Duration kTcpIdle = 10s;
constexpr int kMaxDatagramsAtOnce = 64;
constexpr int kPortTries = 16;

struct TcpConnection {
  Fd fd;
  std::string in;
  std::string out;
  Reactor::TimerId idle = 0;
};

struct Sockets {
  Fd udp;
  Fd tcp;
  std::uint16_t port = 0;
};

// With port 0 the kernel picks one for UDP, and TCP must be free there too; else another try.
base::Result<Sockets> OpenSockets(const Endpoint& endpoint) {
  const bool any_port = endpoint.port == 0;
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(Fd udp, BindUdp(endpoint));
    const std::uint16_t port = LocalPort(udp);
    base::Result<Fd> tcp = ListenTcp({endpoint.address, port});
    if (tcp.ok()) return Sockets{std::move(udp), *std::move(tcp), port};
    if (!any_port || attempt == kPortTries) return std::move(tcp).error();
  }
}

}  // namespace

struct DnsServer::State {
  Sockets sockets;
  std::mt19937_64 random;
  std::mutex mutex;  // guards world
  std::shared_ptr<const World> world = std::make_shared<World>();
  std::unordered_map<int, TcpConnection> connections;
  std::unique_ptr<Reactor> reactor;  // last: its thread uses all of the above

  std::string AnswerPacket(std::string_view packet, std::size_t limit);
  void Watch();
  void ReadUdp();
  void AcceptTcp();
  void OnTcp(int fd, std::uint32_t events);
  bool ReadTcp(TcpConnection& connection);
  bool WriteTcp(TcpConnection& connection);
  void RestartIdle(TcpConnection& connection);
  void CloseTcp(int fd);
};

std::string DnsServer::State::AnswerPacket(std::string_view packet, std::size_t limit) {
  const ParsedQuery parsed = ParseQuery(packet);
  if (const auto* refusal = std::get_if<std::string>(&parsed)) return *refusal;
  const auto* query = std::get_if<DnsQuery>(&parsed);
  if (query == nullptr) return {};
  std::shared_ptr<const World> now;
  {
    const std::lock_guard lock(mutex);
    now = world;
  }
  const Draw draw = [this](std::uint64_t bound) { return random() % bound; };
  const DnsAnswer answer = Resolve(*now, query->question, draw);
  return BuildResponse(*query, answer, limit == 0 ? query->udp_size : limit);
}

void DnsServer::State::Watch() {
  reactor->Watch(sockets.udp.get(), EPOLLIN, [this](std::uint32_t) { ReadUdp(); });
  reactor->Watch(sockets.tcp.get(), EPOLLIN, [this](std::uint32_t) { AcceptTcp(); });
}

void DnsServer::State::ReadUdp() {
  std::array<char, 4096> buffer;
  for (int i = 0; i < kMaxDatagramsAtOnce; ++i) {
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t size =
        recvfrom(sockets.udp.get(), buffer.data(), buffer.size(), 0, peer, &from_size);
    if (size < 0) return;
    const std::string response = AnswerPacket({buffer.data(), static_cast<std::size_t>(size)}, 0);
    if (response.empty()) continue;
    sendto(sockets.udp.get(), response.data(), response.size(), MSG_NOSIGNAL, peer, from_size);
  }
}

void DnsServer::State::AcceptTcp() {
  for (;;) {
    Fd accepted = Accept(sockets.tcp);
    if (!accepted.valid()) return;
    if (connections.size() >= kMaxTcpConnections) continue;  // closed at once
    const int fd = accepted.get();
    TcpConnection& connection = connections[fd];
    connection.fd = std::move(accepted);
    reactor->Watch(fd, EPOLLIN, [this, fd](std::uint32_t events) { OnTcp(fd, events); });
    RestartIdle(connection);
  }
}

void DnsServer::State::OnTcp(int fd, std::uint32_t events) {
  TcpConnection& connection = connections.at(fd);
  bool alive = (events & EPOLLERR) == 0;
  if (alive && (events & (EPOLLIN | EPOLLHUP)) != 0) alive = ReadTcp(connection);
  if (alive) alive = WriteTcp(connection);
  if (!alive) return CloseTcp(fd);
  reactor->Modify(fd, connection.out.empty() ? EPOLLIN : EPOLLOUT);
}

// Reads what is there and answers every whole message. False when the connection is over.
bool DnsServer::State::ReadTcp(TcpConnection& connection) {
  std::array<char, 4096> buffer;
  const ssize_t size = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (size == 0) return false;
  if (size < 0) return errno == EAGAIN;
  RestartIdle(connection);
  connection.in.append(buffer.data(), static_cast<std::size_t>(size));
  for (;;) {
    if (connection.in.size() < 2) return true;
    const std::size_t length =
        (static_cast<std::size_t>(static_cast<unsigned char>(connection.in[0])) << 8U) |
        static_cast<unsigned char>(connection.in[1]);
    if (connection.in.size() < 2 + length) return true;
    const std::string response =
        AnswerPacket(std::string_view(connection.in).substr(2, length), kMaxTcpMessage);
    connection.in.erase(0, 2 + length);
    if (response.empty()) return false;
    connection.out += static_cast<char>(response.size() >> 8U);
    connection.out += static_cast<char>(response.size() & 0xffU);
    connection.out += response;
  }
}

bool DnsServer::State::WriteTcp(TcpConnection& connection) {
  while (!connection.out.empty()) {
    const ssize_t size =
        send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN;
    connection.out.erase(0, static_cast<std::size_t>(size));
  }
  return true;
}

void DnsServer::State::RestartIdle(TcpConnection& connection) {
  reactor->Cancel(connection.idle);
  const int fd = connection.fd.get();
  connection.idle = reactor->After(kTcpIdle, [this, fd] { CloseTcp(fd); });
}

void DnsServer::State::CloseTcp(int fd) {
  reactor->Cancel(connections.at(fd).idle);
  reactor->Unwatch(fd);
  connections.erase(fd);
}

base::Result<std::unique_ptr<DnsServer>> DnsServer::Start(const Endpoint& endpoint,
                                                          std::uint64_t seed) {
  auto state = std::make_unique<State>();
  ASSIGN_OR_RETURN(state->sockets, OpenSockets(endpoint));
  state->random.seed(seed);
  ASSIGN_OR_RETURN(state->reactor, Reactor::Start());
  State* const raw = state.get();
  raw->reactor->Run([raw] { raw->Watch(); });
  return std::unique_ptr<DnsServer>(new DnsServer(std::move(state)));
}

DnsServer::DnsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
DnsServer::~DnsServer() = default;

void DnsServer::Publish(std::shared_ptr<const World> world) {
  const std::lock_guard lock(state_->mutex);
  state_->world = std::move(world);
}

std::uint16_t DnsServer::port() const { return state_->sockets.port; }

}  // namespace leeward::lab
