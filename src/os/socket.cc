#include "os/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>

namespace leeward::os {
namespace {

struct Raw {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

base::Result<Raw> ToRaw(const Address& address) {
  Raw raw;
  if (!address.path.empty()) {
    sockaddr_un unix_address{};
    unix_address.sun_family = AF_UNIX;
    if (address.path.size() >= sizeof unix_address.sun_path) {
      return base::Invalid(fmt::format(
          "the socket path {} is too long: use a shorter state directory", address.path));
    }
    memcpy(unix_address.sun_path, address.path.c_str(), address.path.size() + 1);
    memcpy(&raw.storage, &unix_address, sizeof unix_address);
    raw.length = sizeof unix_address;
    return raw;
  }
  sockaddr_in tcp{};
  tcp.sin_family = AF_INET;
  tcp.sin_port = htons(address.port);
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  if (inet_pton(AF_INET, host.c_str(), &tcp.sin_addr) != 1) {
    return base::Invalid(fmt::format("{} is not an IPv4 address", address.host));
  }
  memcpy(&raw.storage, &tcp, sizeof tcp);
  raw.length = sizeof tcp;
  return raw;
}

base::Error SocketError(std::string_view action, const Address& address, int error) {
  const std::string message =
      fmt::format("cannot {} {}: {}", action, address.ToString(), strerror(error));
  if (error == EADDRINUSE) return base::Already(message);
  if (error == EAGAIN) return base::Exhausted(message);  // a Unix socket's backlog is full
  if (error == EACCES || error == EPERM) return base::Denied(message);
  return base::Unreachable(message);
}

void SetFlag(int descriptor, int level, int option) {
  const int on = 1;
  setsockopt(descriptor, level, option, &on, sizeof on);
}

}  // namespace

base::Result<Address> Address::ParseHostPort(const std::string& text) {
  const auto colon = text.rfind(':');
  unsigned port = 0;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error == std::errc() && stop == end && port <= 65535 && colon > 0) {
      Address address{text.substr(0, colon), static_cast<std::uint16_t>(port), ""};
      if (address.host == "localhost") address.host = "127.0.0.1";
      const auto raw = ToRaw(address);
      if (!raw.ok()) return raw.error();
      return address;
    }
  }
  return base::Invalid(fmt::format("{} is not HOST:PORT, such as 127.0.0.1:4566", text));
}

std::string Address::ToString() const {
  return path.empty() ? fmt::format("{}:{}", host, port) : path;
}

base::Result<int> Listen(const Address& address, int backlog, Sharing sharing) {
  ASSIGN_OR_RETURN(const Raw raw, ToRaw(address));
  const int family = raw.get()->sa_family;
  const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SocketError("open a socket for", address, errno);
  if (family == AF_UNIX) {
    unlink(address.path.c_str());
  } else {
    SetFlag(descriptor, SOL_SOCKET, SO_REUSEADDR);
    if (sharing == Sharing::kGroup) SetFlag(descriptor, SOL_SOCKET, SO_REUSEPORT);
  }
  if (bind(descriptor, raw.get(), raw.length) != 0 || listen(descriptor, backlog) != 0) {
    const int error = errno;
    close(descriptor);
    return SocketError("listen on", address, error);
  }
  return descriptor;
}

base::Result<int> StartConnect(const Address& to, const std::string& source) {
  ASSIGN_OR_RETURN(const Raw raw, ToRaw(to));
  const int family = raw.get()->sa_family;
  const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SocketError("open a socket for", to, errno);
  if (family == AF_INET) SetFlag(descriptor, IPPROTO_TCP, TCP_NODELAY);
  int error = 0;
  if (!source.empty() && family == AF_INET) {
    SetFlag(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    const auto from = ToRaw({source, 0, ""});
    if (!from.ok() || bind(descriptor, from->get(), from->length) != 0)
      error = from.ok() ? errno : EINVAL;
  }
  if (error == 0 && connect(descriptor, raw.get(), raw.length) != 0 && errno != EINPROGRESS)
    error = errno;
  if (error != 0) {
    close(descriptor);
    return SocketError("connect to", to, error);
  }
  return descriptor;
}

base::Status ConnectOutcome(int descriptor, const Address& to) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return SocketError("connect to", to, error);
  return base::Ok();
}

Address LocalAddress(int descriptor) {
  sockaddr_in tcp{};
  socklen_t length = sizeof tcp;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&tcp), &length) != 0) return {};
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &tcp.sin_addr, text, sizeof text);
  return {text, ntohs(tcp.sin_port), ""};
}

base::Status CheckFree(const Address& address) {
  ASSIGN_OR_RETURN(const int descriptor, Listen(address));
  close(descriptor);
  return base::Ok();
}

}  // namespace leeward::os
