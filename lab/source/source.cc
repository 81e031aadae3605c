// Loaded into the lab's engines and tasks ahead of the C library: gives each connection that they
// open the address of their Region to come from. The network tells by it where a connection starts,
// and so how far it has to go and which faults are in its way. Without it everything would seem to
// come from outside.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

namespace {

constexpr unsigned kLoopback = 127;

// A TCP socket on its way to a loopback address, from no address of its own yet.
bool NeedsSource(int socket, const sockaddr* to, socklen_t length) {
  if (to == nullptr || length < sizeof(sockaddr_in) || to->sa_family != AF_INET) return false;
  sockaddr_in target{};
  memcpy(&target, to, sizeof target);
  if (ntohl(target.sin_addr.s_addr) >> 24u != kLoopback) return false;
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return false;
  sockaddr_in own{};
  size = sizeof own;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
  return own.sin_family == AF_INET && own.sin_addr.s_addr == INADDR_ANY && own.sin_port == 0;
}

void SetSource(int socket) {
  const char* address = getenv("LEEWARD_SOURCE_ADDRESS");
  sockaddr_in source{};
  source.sin_family = AF_INET;
  if (address == nullptr || inet_pton(AF_INET, address, &source.sin_addr) != 1) return;
  const int on = 1;
  setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  static_cast<void>(bind(socket, reinterpret_cast<const sockaddr*>(&source), sizeof source));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int connect(int socket, const sockaddr* to,
                                                              socklen_t length) {
  using Connect = int (*)(int, const sockaddr*, socklen_t);
  static const auto next = reinterpret_cast<Connect>(dlsym(RTLD_NEXT, "connect"));
  const int error = errno;
  if (NeedsSource(socket, to, length)) SetSource(socket);
  errno = error;
  return next(socket, to, length);
}
