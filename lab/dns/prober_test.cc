#include "lab/dns/prober.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;
using Outcome = ProbeResult::Outcome;

// Accepts one connection, reads once and writes `answer`; an empty answer stays silent until the
// end.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer) : answer_(std::move(answer)) {
    listener_ = *ListenTcp({"127.0.0.1", 0});
    port_ = LocalPort(listener_);
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneShotServer() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  void Serve() {
    pollfd wait{listener_.get(), POLLIN, 0};
    if (poll(&wait, 1, 10'000) <= 0) return;
    const Fd fd = Accept(listener_);
    if (!fd.valid()) return;
    pollfd readable{fd.get(), POLLIN, 0};
    poll(&readable, 1, 10'000);
    char buffer[4096];
    recv(fd.get(), buffer, sizeof buffer, 0);
    if (!answer_.empty()) {
      send(fd.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
      return;
    }
    pollfd ended{fd.get(), POLLIN, 0};
    poll(&ended, 1, 10'000);
  }

  std::string answer_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

ProbeResult Probe(ProbeSpec spec) {
  auto reactor = *Reactor::Start();
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  ProbeResult result;
  reactor->Post([&] {
    StartProbe(*reactor, spec, [&](const ProbeResult& given) {
      const std::lock_guard lock(mutex);
      result = given;
      finished = true;
      changed.notify_one();
    });
  });
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, 10s, [&] { return finished; }));
  return result;
}

ProbeSpec Http(std::uint16_t port) {
  ProbeSpec spec;
  spec.kind = ProbeSpec::Kind::kHttp;
  spec.endpoint = {"127.0.0.1", port};
  spec.host = "shop";
  return spec;
}

TEST(ProberTest, HttpStatusIsReported) {
  const OneShotServer server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  const ProbeResult result = Probe(Http(server.port()));
  EXPECT_EQ(result.outcome, Outcome::kAnswered);
  EXPECT_EQ(result.http_status, 503);
}

TEST(ProberTest, SearchLooksInTheBodyOnly) {
  const std::string answer = "HTTP/1.1 200 OK\r\nX-State: ready\r\n\r\nall is ready";
  {
    const OneShotServer server(answer);
    ProbeSpec spec = Http(server.port());
    spec.search = "is ready";
    EXPECT_TRUE(Probe(spec).found);
  }
  const OneShotServer server(answer);
  ProbeSpec spec = Http(server.port());
  spec.search = "X-State";
  const ProbeResult result = Probe(spec);
  EXPECT_EQ(result.outcome, Outcome::kAnswered);
  EXPECT_FALSE(result.found);
}

TEST(ProberTest, SearchStopsAtTheBodyLimit) {
  const OneShotServer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(5120, 'x') + "ready");
  ProbeSpec spec = Http(server.port());
  spec.search = "ready";
  EXPECT_FALSE(Probe(spec).found);
}

TEST(ProberTest, SilenceTimesOut) {
  const OneShotServer server("");
  ProbeSpec spec = Http(server.port());
  spec.response_limit = 50ms;
  EXPECT_EQ(Probe(spec).outcome, Outcome::kTimedOut);
}

TEST(ProberTest, NoListenerIsRefused) {
  std::uint16_t port = 0;
  {
    const Fd listener = *ListenTcp({"127.0.0.1", 0});
    port = LocalPort(listener);
  }
  EXPECT_EQ(Probe(Http(port)).outcome, Outcome::kRefused);
}

TEST(ProberTest, OtherProtocolsAreBroken) {
  const OneShotServer server("220 mail.example.com ESMTP ready to serve\r\n");
  EXPECT_EQ(Probe(Http(server.port())).outcome, Outcome::kBroken);
}

TEST(ProberTest, TcpNeedsOnlyTheConnection) {
  const Fd listener = *ListenTcp({"127.0.0.1", 0});
  ProbeSpec spec;
  spec.endpoint = {"127.0.0.1", LocalPort(listener)};
  EXPECT_EQ(Probe(spec).outcome, Outcome::kAnswered);
}

}  // namespace
}  // namespace leeward::lab
