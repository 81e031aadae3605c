#include "lab/dns/sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace leeward::lab {
namespace {

constexpr int kListenBacklog = 512;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

base::Result<Address> Resolve(const Endpoint& endpoint) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, endpoint.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, endpoint.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return base::Invalid(fmt::format("{} is not an IP address", endpoint.address));
}

base::Error SystemError(std::string_view what, const Endpoint& endpoint) {
  return base::Unreachable(
      fmt::format("{} {}:{}: {}", what, endpoint.address, endpoint.port, std::strerror(errno)));
}

Fd OpenSocket(int family, int type) {
  return Fd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetOption(const Fd& fd, int level, int option) {
  const int on = 1;
  setsockopt(fd.get(), level, option, &on, sizeof on);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

base::Result<Endpoint> ParseEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return base::Invalid(fmt::format("'{}' is not HOST:PORT", text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  Endpoint endpoint{std::string(host), 0};
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || !IsIpLiteral(endpoint.address)) {
    return base::Invalid(fmt::format("'{}' is not an IP address and port", text));
  }
  return endpoint;
}

bool IsIpv4Literal(const std::string& text) {
  in_addr v4;
  return inet_pton(AF_INET, text.c_str(), &v4) == 1;
}

bool IsIpLiteral(const std::string& text) {
  in6_addr v6;
  return IsIpv4Literal(text) || inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

base::Result<Fd> ListenTcp(const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(const Address address, Resolve(endpoint));
  Fd fd = OpenSocket(address.storage.ss_family, SOCK_STREAM);
  if (!fd.valid()) return SystemError("socket for", endpoint);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR);
  if (bind(fd.get(), address.get(), address.size) != 0 || listen(fd.get(), kListenBacklog) != 0) {
    return SystemError("cannot listen on TCP", endpoint);
  }
  return fd;
}

base::Result<Fd> BindUdp(const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(const Address address, Resolve(endpoint));
  Fd fd = OpenSocket(address.storage.ss_family, SOCK_DGRAM);
  if (!fd.valid()) return SystemError("socket for", endpoint);
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return SystemError("cannot listen on UDP", endpoint);
  }
  return fd;
}

base::Result<Fd> ListenUnix(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    return base::Invalid(fmt::format("socket path is too long: {}", path.native()));
  }
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  unlink(path.c_str());
  Fd fd = OpenSocket(AF_UNIX, SOCK_STREAM);
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), kListenBacklog) != 0) {
    return base::Unreachable(
        fmt::format("cannot listen on {}: {}", path.native(), std::strerror(errno)));
  }
  return fd;
}

std::uint16_t LocalPort(const Fd& fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

base::Result<Fd> ConnectTcp(const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(const Address address, Resolve(endpoint));
  Fd fd = OpenSocket(address.storage.ss_family, SOCK_STREAM);
  if (!fd.valid()) return SystemError("socket for", endpoint);
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY);
  if (connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
    return SystemError("cannot connect to", endpoint);
  }
  return fd;
}

int ConnectOutcome(const Fd& fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Fd Accept(const Fd& listener) {
  return Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

}  // namespace leeward::lab
