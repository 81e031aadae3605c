// Tiny servers on free loopback ports, for tests: HTTP that a function answers, DNS that answers
// one address, and one that listens and says nothing.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace leeward::probe::testing {

// A bound socket; listening when it is a stream.
class BoundSocket {
 public:
  BoundSocket(int type, const std::string& address, std::uint16_t port = 0) : BoundSocket(type) {
    CHECK(Bind(type, address, port));
  }
  // Null: the port is taken.
  static std::unique_ptr<BoundSocket> Try(int type, const std::string& address,
                                          std::uint16_t port) {
    std::unique_ptr<BoundSocket> socket(new BoundSocket(type));
    return socket->Bind(type, address, port) ? std::move(socket) : nullptr;
  }
  ~BoundSocket() { ::close(fd_); }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;
  int fd() const { return fd_; }
  std::uint16_t port() const { return port_; }

 private:
  explicit BoundSocket(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  bool Bind(int type, const std::string& address, std::uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    CHECK(::inet_pton(AF_INET, address.c_str(), &at.sin_addr) == 1);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) return false;
    if (type == SOCK_STREAM && ::listen(fd_, 1024) != 0) return false;
    socklen_t size = sizeof(at);
    CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
    return true;
  }

  int fd_;
  std::uint16_t port_ = 0;
};

// One port of 127.0.0.1 for UDP and for TCP. What is free for one may be taken for the other.
struct PortOfBoth {
  PortOfBoth() {
    constexpr int kTries = 100;
    for (int i = 0; i < kTries && tcp == nullptr; ++i) {
      udp = std::make_unique<BoundSocket>(SOCK_DGRAM, "127.0.0.1");
      tcp = BoundSocket::Try(SOCK_STREAM, "127.0.0.1", udp->port());
    }
    CHECK(tcp != nullptr);
  }
  std::unique_ptr<BoundSocket> udp, tcp;
};

// Answers each request with what `answer` says: status, or 0 for silence. Keeps connections open.
class HttpServer {
 public:
  using Answer = std::function<int(const std::string& method, const std::string& path,
                                   const std::string& body)>;
  HttpServer(const std::string& address, std::uint16_t port, Answer answer)
      : socket_(SOCK_STREAM, address, port),
        answer_(std::move(answer)),
        thread_([this] { Run(); }) {}
  ~HttpServer() {
    stop_ = true;
    thread_.join();
    for (const auto& [fd, bytes] : clients_) ::close(fd);
  }
  std::uint16_t port() const { return socket_.port(); }

 private:
  void Run() {
    while (!stop_) {
      std::vector<pollfd> fds = {{socket_.fd(), POLLIN, 0}};
      for (const auto& [fd, bytes] : clients_) fds.push_back({fd, POLLIN, 0});
      if (::poll(fds.data(), fds.size(), 20) <= 0) continue;
      if (fds[0].revents != 0) clients_[::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)];
      for (std::size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents != 0) Read(fds[i].fd);
      }
    }
  }

  void Read(int fd) {
    char buffer[8192];
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got <= 0) {
      ::close(fd);
      clients_.erase(fd);
      return;
    }
    std::string& bytes = clients_[fd];
    bytes.append(buffer, static_cast<std::size_t>(got));
    while (Serve(fd, &bytes)) {
    }
  }

  bool Serve(int fd, std::string* bytes) {
    const std::size_t head = bytes->find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t length = 0;
    const std::size_t field = bytes->find("Content-Length: ");
    if (field < head) length = std::stoul(bytes->substr(field + 16));
    if (bytes->size() < head + 4 + length) return false;
    const std::size_t first = bytes->find(' ');
    const std::size_t second = bytes->find(' ', first + 1);
    const int status =
        answer_(bytes->substr(0, first), bytes->substr(first + 1, second - first - 1),
                bytes->substr(head + 4, length));
    bytes->erase(0, head + 4 + length);
    if (status == 0) return true;
    const std::string reply =
        "HTTP/1.1 " + std::to_string(status) + " Test\r\nContent-Length: 2\r\n\r\n{}";
    return ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) > 0;
  }

  BoundSocket socket_;
  Answer answer_;
  std::map<int, std::string> clients_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Answers every A question with one address, which can be changed.
class DnsServerOfOne {
 public:
  struct Reply {
    std::string address;
    std::uint32_t ttl = 1;
    int rcode = 0;
    enum class Id { kRight, kWrongFirst } id = Id::kRight;
    enum class Length { kWhole, kTruncatedOverUdp } length = Length::kWhole;
  };
  explicit DnsServerOfOne(Reply reply) : reply_(std::move(reply)), thread_([this] { Run(); }) {}
  ~DnsServerOfOne() {
    stop_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return port_.udp->port(); }
  int asked() const { return asked_; }
  void Set(Reply reply) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
  }

 private:
  void Run() {
    while (!stop_) {
      pollfd fds[] = {{port_.udp->fd(), POLLIN, 0}, {port_.tcp->fd(), POLLIN, 0}};
      if (::poll(fds, 2, 20) <= 0) continue;
      if (fds[0].revents != 0) OverUdp();
      if (fds[1].revents != 0) OverTcp();
    }
  }

  void OverUdp() {
    char buffer[1024];
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    const ssize_t got = ::recvfrom(port_.udp->fd(), buffer, sizeof(buffer), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 12) return;
    ++asked_;
    const std::lock_guard lock(mutex_);
    std::string answer = Answer({buffer, static_cast<std::size_t>(got)});
    if (reply_.length == Reply::Length::kTruncatedOverUdp) answer[2] |= 2;
    const auto send = [&](const std::string& bytes) {
      ::sendto(port_.udp->fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from),
               size);
    };
    if (reply_.id == Reply::Id::kWrongFirst) {
      std::string forged = answer;
      forged[0] = static_cast<char>(forged[0] ^ 0x55);
      forged[forged.size() - 1] = 99;
      send(forged);
    }
    send(answer);
  }

  void OverTcp() {
    const int fd = ::accept4(port_.tcp->fd(), nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[1024];
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got > 14) {
      const std::lock_guard lock(mutex_);
      const std::string answer = Answer({buffer + 2, static_cast<std::size_t>(got) - 2});
      std::string framed{static_cast<char>(answer.size() >> 8),
                         static_cast<char>(answer.size() & 255)};
      framed += answer;
      ::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
    ::close(fd);
  }

  std::string Answer(std::string question) {
    std::string answer = std::move(question);
    answer[2] = static_cast<char>(0x84);
    answer[3] = static_cast<char>(reply_.rcode);
    if (reply_.rcode != 0 || reply_.address.empty()) return answer;
    answer[7] = 1;
    answer.append("\xc0\x0c\x00\x01\x00\x01", 6);
    const std::uint32_t ttl = htonl(reply_.ttl);
    answer.append(reinterpret_cast<const char*>(&ttl), 4);
    answer.append("\x00\x04", 2);
    in_addr address{};
    CHECK(::inet_pton(AF_INET, reply_.address.c_str(), &address) == 1);
    answer.append(reinterpret_cast<const char*>(&address), 4);
    return answer;
  }

  PortOfBoth port_;
  std::mutex mutex_;
  Reply reply_;
  std::atomic<int> asked_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace leeward::probe::testing
