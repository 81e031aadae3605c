// For tests: a TCP address of this machine that leads to a Unix socket and says who connects, as
// the lab's network does for servers that are told.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"

namespace leeward::lab::rds {

inline constexpr std::string_view kTestOrigin = "PROXY TCP4 127.71.9.9 127.71.0.1 40000 3306\r\n";

class TestLink {
 public:
  explicit TestLink(std::filesystem::path backend) : backend_(std::move(backend)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(listen(listening_, SOMAXCONN) == 0);
    socklen_t length = sizeof address;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { Accept(); });
  }
  ~TestLink() {
    closing_ = true;
    accepting_.join();
    for (std::thread& thread : carrying_) thread.join();
    close(listening_);
  }
  TestLink(const TestLink&) = delete;
  TestLink& operator=(const TestLink&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  static constexpr int kLookAgainMillis = 50;  // whether the test is over

  void Accept() {
    while (!closing_) {
      pollfd wait{listening_, POLLIN, 0};
      if (poll(&wait, 1, kLookAgainMillis) != 1) continue;
      const int client = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) carrying_.emplace_back([this, client] { Carry(client); });
    }
  }

  void Carry(int client) {
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    backend_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        send(server, kTestOrigin.data(), kTestOrigin.size(), MSG_NOSIGNAL) > 0) {
      std::array<pollfd, 2> ends = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
      bool open = true;
      while (open && !closing_) {
        if (poll(ends.data(), ends.size(), kLookAgainMillis) <= 0) continue;
        if (ends[0].revents != 0) open = Pass(client, server);
        if (open && ends[1].revents != 0) open = Pass(server, client);
      }
    }
    close(server);
    close(client);
  }

  static bool Pass(int from, int to) {
    std::array<char, 65536> bytes;
    const ssize_t got = recv(from, bytes.data(), bytes.size(), 0);
    for (ssize_t sent = 0; got > 0 && sent < got;) {
      const ssize_t more =
          send(to, bytes.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += more;
    }
    return got > 0;
  }

  std::filesystem::path backend_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> closing_ = false;
  std::thread accepting_;
  std::vector<std::thread> carrying_;  // of the accepting thread until it has ended
};

}  // namespace leeward::lab::rds
