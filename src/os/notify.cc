#include "os/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "os/environment.h"

namespace leeward::os {

base::Status NotifyServiceManager(const std::string& state) {
  const std::string path = Environment("NOTIFY_SOCKET").value_or("");
  if (path.empty()) return base::Ok();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof(address.sun_path)) {
    return base::Invalid("NOTIFY_SOCKET is no socket's name: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // in the kernel's own namespace
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return base::Exhausted(std::string("no socket: ") + std::strerror(errno));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                             (path[0] == '@' ? 0 : 1));
  const ssize_t sent = ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  const int error = errno;
  ::close(descriptor);
  if (sent == static_cast<ssize_t>(state.size())) return base::Ok();
  return base::Unreachable(path + ": " + std::strerror(error));
}

}  // namespace leeward::os
