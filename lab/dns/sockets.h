// Sockets as values: a descriptor that closes itself, and the few ways the lab's data planes open
// one. All of them are non-blocking and close-on-exec.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"

namespace leeward::lab {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// An IPv4 or IPv6 literal with a port.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};
// "127.0.0.1:5353" or "[::1]:5353".
base::Result<Endpoint> ParseEndpoint(std::string_view text);
bool IsIpLiteral(const std::string& text);
bool IsIpv4Literal(const std::string& text);

base::Result<Fd> ListenTcp(const Endpoint& endpoint);
base::Result<Fd> BindUdp(const Endpoint& endpoint);
// Replaces a stale socket file of a dead process.
base::Result<Fd> ListenUnix(const std::filesystem::path& path);
// The port a listening or bound socket really has; for port 0.
std::uint16_t LocalPort(const Fd& fd);
// Starts to connect; the outcome is known once the socket is writable (ConnectOutcome).
base::Result<Fd> ConnectTcp(const Endpoint& endpoint);
// 0 when connected, else the errno of the failure.
int ConnectOutcome(const Fd& fd);
// A connection waiting on a listening socket; an invalid Fd when there is none.
Fd Accept(const Fd& listener);

}  // namespace leeward::lab
