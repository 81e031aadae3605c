// Sockets as plain descriptors: listening and connecting, TCP and Unix.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace leeward::os {

struct Address {
  std::string host;        // literal IPv4 address; or empty for a Unix socket
  std::uint16_t port = 0;  // 0 when listening: a free one
  std::string path;        // Unix socket

  static base::Result<Address> ParseHostPort(const std::string& text);  // "127.0.0.1:4566"
  std::string ToString() const;
};

// Non-blocking, close-on-exec. A Unix socket's stale file is replaced; a TCP port that is taken is
// kAlready.
// kGroup: other listeners of this user may have the same address; the first to listen has number 0
// in their group.
enum class Sharing { kNone, kGroup };
base::Result<int> Listen(const Address& address, int backlog = 512,
                         Sharing sharing = Sharing::kNone);
// Begins to connect from `source` (a literal address; empty: the system's choice); the descriptor
// is non-blocking and turns writable when it is decided.
base::Result<int> StartConnect(const Address& to, const std::string& source = "");
// The outcome once it is writable.
base::Status ConnectOutcome(int descriptor, const Address& to);
// The bound address of a TCP socket.
Address LocalAddress(int descriptor);
// Whether the TCP port on that address could be listened on just now.
base::Status CheckFree(const Address& address);

}  // namespace leeward::os
