#include "lab/services/elbv2_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/testing/scratch_folder.h"
#include "lab/services/elbv2_http.h"

namespace leeward::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kPatienceMillis = 5000;

// A target: answers each request on a connection with its name, or hangs up after it has read one.
class Upstream {
 public:
  enum class Manner { kAnswers, kHangsUp, kChunks };
  explicit Upstream(std::string name, Manner manner = Manner::kAnswers)
      : name_(std::move(name)), manner_(manner) {
    listener_ = *ListenTcp({"127.0.0.1", 0});
    port_ = LocalPort(listener_);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Upstream() {
    stop_ = true;
    thread_.join();
  }
  ProxyTarget target(bool healthy = true) const { return {{"127.0.0.1", port_}, healthy}; }
  int connections() const { return connections_; }

 private:
  static bool Readable(const Fd& fd, int millis) {
    pollfd wait{fd.get(), POLLIN, 0};
    return poll(&wait, 1, millis) == 1;
  }

  void Serve() {
    std::vector<std::pair<Fd, std::string>> clients;
    while (!stop_) {
      if (Readable(listener_, 2)) {
        Fd client = Accept(listener_);
        if (client.valid()) {
          ++connections_;
          clients.emplace_back(std::move(client), "");
        }
      }
      for (auto& [fd, in] : clients) {
        if (fd.valid() && Readable(fd, 0) && !Answer(fd, in)) fd.Close();
      }
    }
  }

  bool Answer(const Fd& fd, std::string& in) {
    char buffer[65536];
    const ssize_t size = recv(fd.get(), buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    in.append(buffer, static_cast<std::size_t>(size));
    HttpHead head;
    if (ParseRequestHead(in, head) != HeadState::kWhole || in.size() < head.size + head.length)
      return true;
    const std::string body =
        name_ + ' ' + head.first + ' ' + head.second + ' ' + in.substr(head.size, head.length);
    in.erase(0, head.size + head.length);
    if (manner_ == Manner::kHangsUp) return false;
    std::string answer = "HTTP/1.1 200 OK\r\n";
    if (manner_ == Manner::kChunks) {
      answer += "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    } else {
      answer += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return true;
  }

  const std::string name_;
  const Manner manner_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

class ProxyTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(proxy_.Listen("l", directory_ / "s", "g").ok()); }

  Fd Connect() {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_ / "s").native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void Send(const Fd& fd, std::string_view text) {
    EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Until `enough` is in it, or the connection ends.
  static std::string Receive(const Fd& fd, std::string_view enough) {
    std::string got;
    while (got.find(enough) == std::string::npos) {
      pollfd wait{fd.get(), POLLIN, 0};
      if (poll(&wait, 1, kPatienceMillis) != 1) return got + " [no more came]";
      char buffer[65536];
      const ssize_t size = recv(fd.get(), buffer, sizeof buffer, 0);
      if (size <= 0) return got + " [closed]";
      got.append(buffer, static_cast<std::size_t>(size));
    }
    return got;
  }
  std::string Get(const Fd& fd, std::string_view enough) {
    Send(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    return Receive(fd, enough);
  }

  const base::testing::ScratchFolder scratch_{"/tmp/leeward-proxy-XXXXXX"};
  const std::filesystem::path& directory_ = scratch_.path();
  std::unique_ptr<Reactor> reactor_ = *Reactor::Start();
  Proxy proxy_{*reactor_};
};

TEST_F(ProxyTest, RequestsOfOneConnectionGoRoundTheTargets) {
  Upstream a("a");
  Upstream b("b");
  proxy_.SetTargets("g", {a.target(), b.target()});
  const Fd fd = Connect();
  for (const char* name : {"a GET /x", "b GET /x", "a GET /x", "b GET /x"}) {
    EXPECT_THAT(Get(fd, "GET /x"), HasSubstr(name));
  }
  // Target connections are used again.
  EXPECT_EQ(a.connections(), 1);
  EXPECT_EQ(b.connections(), 1);
}

TEST_F(ProxyTest, UnhealthyTargetsGetNothingUnlessAllAre) {
  Upstream a("a");
  Upstream b("b");
  proxy_.SetTargets("g", {a.target(false), b.target(true)});
  const Fd fd = Connect();
  EXPECT_THAT(Get(fd, "GET /x"), HasSubstr("b GET"));
  EXPECT_THAT(Get(fd, "GET /x"), HasSubstr("b GET"));
  proxy_.SetTargets("g", {a.target(false)});
  EXPECT_THAT(Get(fd, "GET /x"), HasSubstr("a GET"));
}

TEST_F(ProxyTest, NoTargetIs503AndTheConnectionLives) {
  const Fd fd = Connect();
  const std::string answer = Get(fd, "</html>");
  EXPECT_THAT(answer,
              StartsWith("HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: awselb/2.0\r\n"));
  Upstream a("a");
  proxy_.SetTargets("g", {a.target()});
  EXPECT_THAT(Get(fd, "GET /x"), HasSubstr("a GET"));
}

TEST_F(ProxyTest, RefusingAndHangingUpTargetsAre502) {
  Upstream broken("b", Upstream::Manner::kHangsUp);
  proxy_.SetTargets("g", {broken.target()});
  const Fd fd = Connect();
  EXPECT_THAT(Get(fd, "</html>"), StartsWith("HTTP/1.1 502 Bad Gateway"));
  std::uint16_t port = 0;
  {
    const Fd closed = *ListenTcp({"127.0.0.1", 0});
    port = LocalPort(closed);
  }
  proxy_.SetTargets("g", {{{"127.0.0.1", port}, true}});
  EXPECT_THAT(Get(fd, "</html>"), StartsWith("HTTP/1.1 502 Bad Gateway"));
}

TEST_F(ProxyTest, BodiesPassWholeAlsoInPieces) {
  Upstream a("a");
  proxy_.SetTargets("g", {a.target()});
  const Fd fd = Connect();
  const std::string body(300'000, 'x');
  Send(fd, "POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: 300001\r\n\r\n");
  Send(fd, body);
  Send(fd, "!");
  const std::string answer = Receive(fd, "x!");
  EXPECT_THAT(answer, HasSubstr("a POST /orders " + body + "!"));
}

TEST_F(ProxyTest, TwoRequestsInOneWriteAreBothAnsweredInOrder) {
  Upstream a("a");
  proxy_.SetTargets("g", {a.target()});
  const Fd fd = Connect();
  Send(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answers = Receive(fd, "GET /2");
  EXPECT_LT(answers.find("GET /1"), answers.find("GET /2"));
}

TEST_F(ProxyTest, ChunkedAnswersPass) {
  Upstream a("a", Upstream::Manner::kChunks);
  proxy_.SetTargets("g", {a.target()});
  const Fd fd = Connect();
  EXPECT_THAT(Get(fd, "0\r\n\r\n"), HasSubstr("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"));
  EXPECT_THAT(Get(fd, "0\r\n\r\n"), HasSubstr("3\r\nabc"));
}

TEST_F(ProxyTest, NoiseIs400AndClosed) {
  const Fd fd = Connect();
  Send(fd, "hello there\r\n\r\n");
  const std::string answer = Receive(fd, "never");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request"));
  EXPECT_THAT(answer, HasSubstr("[closed]"));
}

TEST_F(ProxyTest, ManyRequestsUseOneTargetConnection) {
  Upstream a("a");
  proxy_.SetTargets("g", {a.target()});
  const Fd fd = Connect();
  for (int i = 0; i < 200; ++i) ASSERT_THAT(Get(fd, "GET /x "), HasSubstr("a GET"));
  EXPECT_EQ(a.connections(), 1);
}

TEST(HttpHeadTest, FramingThatCannotBeTrustedIsRefused) {
  HttpHead head;
  const auto parse = [&](const std::string& headers) {
    return ParseRequestHead("POST / HTTP/1.1\r\n" + headers + "\r\n", head);
  };
  EXPECT_EQ(parse("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), HeadState::kBad);
  EXPECT_EQ(parse("Content-Length: 5\r\nContent-Length: 6\r\n"), HeadState::kBad);
  EXPECT_EQ(parse("Content-Length: 5x\r\n"), HeadState::kBad);
  EXPECT_EQ(parse("Transfer-Encoding: gzip\r\n"), HeadState::kBad);
  EXPECT_EQ(parse("Bad Name: 1\r\n"), HeadState::kBad);
  EXPECT_EQ(parse(" folded: 1\r\n"), HeadState::kBad);
  EXPECT_EQ(parse("Host: h\r\n"), HeadState::kWhole);
  EXPECT_EQ(ParseRequestHead("GET / HTTP/2\r\n\r\n", head), HeadState::kBad);
  EXPECT_EQ(ParseRequestHead("GET / HTTP/1.1\r\nHost", head), HeadState::kPartial);
  EXPECT_EQ(ParseRequestHead(std::string(kMaxHttpHead + 1, 'a'), head), HeadState::kBad);
}

TEST(HttpHeadTest, ResponsesWithoutBody) {
  HttpHead head;
  ASSERT_EQ(ParseResponseHead("HTTP/1.1 204 No Content\r\n\r\n", Asked::kOther, head),
            HeadState::kWhole);
  EXPECT_EQ(head.framing, Framing::kNone);
  ASSERT_EQ(ParseResponseHead("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Asked::kHead, head),
            HeadState::kWhole);
  EXPECT_EQ(head.framing, Framing::kNone);
  ASSERT_EQ(ParseResponseHead("HTTP/1.0 200 OK\r\n\r\n", Asked::kOther, head), HeadState::kWhole);
  EXPECT_EQ(head.framing, Framing::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
}

TEST(BodyTrackerTest, ChunkedBodyEndsAtTheSamePlaceHoweverItIsCut) {
  const std::string body = "4\r\nWiki\r\na;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  const std::string stream = body + "GET / HTTP/1.1\r\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    BodyTracker tracker(Framing::kChunked, 0);
    const auto first = tracker.Take(stream.substr(0, cut));
    ASSERT_TRUE(first.has_value());
    const auto second = tracker.Take(stream.substr(*first));
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(*first + *second, body.size()) << cut;
    EXPECT_TRUE(tracker.done());
  }
}

TEST(BodyTrackerTest, BadChunksAreRefused) {
  for (const char* bad : {"x\r\n", "5\nabcde", "2\r\nabcd\r\n", "\r\n"}) {
    BodyTracker tracker(Framing::kChunked, 0);
    EXPECT_FALSE(tracker.Take(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace leeward::lab
