#include "os/curl_transport.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/time.h"

namespace leeward::os {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;

// Listens on a free loopback port and answers each request on each connection with `answer`.
class TinyServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  explicit TinyServer(Answer answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~TinyServer() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    if (const int current = current_; current >= 0) shutdown(current, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  TinyServer(const TinyServer&) = delete;
  TinyServer& operator=(const TinyServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  int connections() const { return connections_; }
  std::string last_peer() const { return last_peer_; }

 private:
  void Run() {
    while (!stopping_) {
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      const int connection = accept(listener_, reinterpret_cast<sockaddr*>(&peer), &length);
      if (connection < 0) return;
      last_peer_ = inet_ntoa(peer.sin_addr);
      ++connections_;
      current_ = connection;
      Serve(connection);
      current_ = -1;
      close(connection);
    }
  }
  void Serve(int connection) {
    char buffer[8192];
    for (;;) {
      const ssize_t got = read(connection, buffer, sizeof buffer);
      if (got <= 0) return;
      const std::string out = answer_(std::string(buffer, static_cast<std::size_t>(got)));
      if (!out.empty() && write(connection, out.data(), out.size()) < 0) return;
    }
  }

  Answer answer_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> current_ = -1;
  std::string last_peer_;
  std::thread thread_;
};

std::string Ok(const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Kind:  plain \r\n\r\n{}",
                     body.size(), body);
}

TEST(CurlTransportTest, SendsWhatWasAskedAndUsesTheConnectionAgain) {
  std::string seen;
  TinyServer server([&](const std::string& request) {
    seen = request;
    return Ok("hello");
  });
  const auto transport = MakeCurlTransport({});
  for (int i = 0; i < 3; ++i) {
    const auto answer = transport->Send({.method = "PUT",
                                         .url = server.url() + "/a/../b?c=%20",
                                         .headers = {{"X-A", "1"}, {"X-Empty", ""}},
                                         .body = "x"},
                                        {});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_EQ(answer->Header("x-kind"), "plain");
  }
  EXPECT_TRUE(seen.starts_with("PUT /a/../b?c=%20 HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("X-A: 1\r\n"), std::string::npos);
  EXPECT_NE(seen.find("X-Empty:"), std::string::npos);
  EXPECT_EQ(seen.find("Content-Type"), std::string::npos);
  EXPECT_EQ(seen.find("Expect"), std::string::npos);
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransportTest, CallsFromTheSourceAddressAskedFor) {
  TinyServer server([](const std::string&) { return Ok(""); });
  const auto transport = MakeCurlTransport({});
  ports::HttpLimits limits;
  limits.source_address = "127.0.0.77";
  ASSERT_TRUE(transport->Send({.url = server.url()}, limits).ok());
  EXPECT_EQ(server.last_peer(), "127.0.0.77");
}

TEST(CurlTransportTest, SilenceIsUnreachableWithinTheLimit) {
  TinyServer server([](const std::string&) { return std::string(); });
  const auto transport = MakeCurlTransport({});
  ports::HttpLimits limits;
  limits.total = 200ms;
  const auto answer = transport->Send({.url = server.url()}, limits);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnreachable);
  EXPECT_NE(answer.error().message().find("no answer in time"), std::string::npos)
      << answer.error().message();
}

TEST(CurlTransportTest, RefusedAndUnknownHostsAreUnreachable) {
  const auto transport = MakeCurlTransport({});
  const auto refused = transport->Send({.url = "http://127.0.0.1:1/"}, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnreachable);
  EXPECT_NE(refused.error().message().find("connect"), std::string::npos);
  const auto unknown = transport->Send({.url = "http://no-such-host.invalid/"}, {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), ErrorCode::kUnreachable);
}

TEST(CurlTransportTest, PlainTextWhereTlsIsExpectedIsUnreachable) {
  TinyServer server([](const std::string&) { return Ok("not TLS"); });
  const auto transport = MakeCurlTransport({});
  const auto answer = transport->Send({.url = "https" + server.url().substr(4)}, {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnreachable);
  EXPECT_NE(answer.error().message().find("TLS"), std::string::npos) << answer.error().message();
}

TEST(CurlTransportTest, LongAnswersAreCutOff) {
  TinyServer server([](const std::string&) { return Ok(std::string(5000, 'x')); });
  const auto transport = MakeCurlTransport({});
  ports::HttpLimits limits;
  limits.max_body = 1000;
  const auto answer = transport->Send({.url = server.url()}, limits);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kExhausted);
}

TEST(CurlTransportTest, OtherSchemesAreInvalid) {
  const auto answer = MakeCurlTransport({})->Send({.url = "file:///etc/hostname"}, {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace leeward::os
