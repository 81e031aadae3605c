#include "os/http_server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

#include "os/http_call.h"

namespace leeward::os {
namespace {

using namespace std::chrono_literals;  // NOLINT

class HttpTest : public testing::Test {
 protected:
  base::Result<ports::HttpResponse> Ask(const ports::HttpRequest& request,
                                        base::Duration deadline = 5s) {
    std::optional<base::Result<ports::HttpResponse>> answer;
    const auto call = HttpCall::Start(loop_, {.to = server_->address(), .deadline = deadline},
                                      request, [&](base::Result<ports::HttpResponse> result) {
                                        answer = std::move(result);
                                        loop_.Stop();
                                      });
    loop_.Run();
    return *answer;
  }
  void Serve(HttpServer::Handler handler, HttpServerOptions options = {}) {
    auto server = HttpServer::Start(loop_, {"127.0.0.1", 0, ""}, std::move(handler), options);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(*server);
  }

  EventLoop loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTest, RequestArrivesAsSentAndAnswerComesBack) {
  Serve([](const std::shared_ptr<HttpExchange>& exchange) {
    const auto& request = exchange->request();
    exchange->Reply({201,
                     {{"X-Seen", std::string(request.Header("x-name"))}},
                     request.method + " " + request.target + " " + request.body});
  });
  const auto answer = Ask({"PUT", "/a%2Fb?x=1%20", {{"Host", "h"}, {"X-Name", "v"}}, "body"});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->Header("X-Seen"), "v");
  EXPECT_EQ(answer->body, "PUT /a%2Fb?x=1%20 body");
}

TEST_F(HttpTest, AnswerMayComeLaterAndLargeBodiesPass) {
  const std::string large(3 << 20, 'x');
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    loop_.After(10ms, [exchange] { exchange->Reply({200, {}, exchange->request().body}); });
  });
  const auto answer = Ask({"POST", "/", {{"Host", "h"}}, large});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->body, large);
}

// Bytes as they are sent, and all that comes back until the server has answered `answers` times or
// closed.
class RawClient {
 public:
  RawClient(EventLoop& loop, const Address& to)
      : loop_(loop), descriptor_(loop, *StartConnect(to)) {
    descriptor_.OnWritable([this] { loop_.Stop(); });
    loop_.Run();
  }
  void Send(std::string_view bytes) {
    ASSERT_EQ(send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string Receive(int answers) {
    std::string got;
    Wait(answers, &got);
    loop_.Run();
    return got;
  }
  // Receives that many bytes, or more.
  void Swallow(std::size_t bytes) {
    WaitFor(bytes);
    loop_.Run();
  }

 private:
  void WaitFor(std::size_t bytes) {
    descriptor_.OnReadable([this, bytes] {
      std::string buffer(1 << 20, '\0');
      const ssize_t count = recv(descriptor_.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0 || static_cast<std::size_t>(count) >= bytes) return loop_.Stop();
      WaitFor(bytes - static_cast<std::size_t>(count));
    });
  }
  static int Count(std::string_view text) {
    int count = 0;
    for (auto at = text.find("HTTP/1.1 "); at != std::string_view::npos;
         at = text.find("HTTP/1.1 ", at + 1))
      ++count;
    return count;
  }
  void Wait(int answers, std::string* got) {
    descriptor_.OnReadable([this, answers, got] {
      char buffer[4096];
      const ssize_t count = recv(descriptor_.get(), buffer, sizeof buffer, 0);
      if (count > 0) got->append(buffer, static_cast<std::size_t>(count));
      if (count <= 0 || (Count(*got) == answers && got->ends_with("\n"))) return loop_.Stop();
      Wait(answers, got);
    });
  }

  EventLoop& loop_;
  Descriptor descriptor_;
};

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInTheirOrder) {
  std::vector<std::shared_ptr<HttpExchange>> waiting;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    const std::string body = exchange->request().target + " " + exchange->request().body + "\n";
    if (exchange->request().target == "/later") {
      loop_.After(5ms, [exchange, body] { exchange->Reply({200, {}, body}); });
    } else {
      exchange->Reply({200, {}, body});
    }
  });
  RawClient client(loop_, server_->address());
  client.Send(
      "\r\nPOST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nxyGET /later HTTP/1.1\r\n\r\nPOST /b "
      "HTTP/1.1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  const std::string got = client.Receive(4);
  std::string bodies;
  for (const char* body : {"/a xy\n", "/later \n", "/b abc\n", "/c \n"}) {
    const auto at = got.find(body);
    ASSERT_NE(at, std::string::npos) << got;
    bodies += std::to_string(at) + " ";
    EXPECT_LT(got.rfind(body, at), got.size());
  }
  EXPECT_LT(got.find("/a xy"), got.find("/later"));
  EXPECT_LT(got.find("/later"), got.find("/b abc"));
  EXPECT_LT(got.find("/b abc"), got.find("/c "));
}

TEST_F(HttpTest, WhoReadsNoAnswersIsGivenNoMore) {
  constexpr int kRequests = 2000;
  const std::string body(64 << 10, 'x');
  int served = 0;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    ++served;
    exchange->Reply({200, {}, body + "\n"});
  });
  RawClient client(loop_, server_->address());
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += "GET / HTTP/1.1\r\n\r\n";
  client.Send(requests);
  loop_.After(500ms, [&] { loop_.Stop(); });
  loop_.Run();
  // The kernel's buffers hold some, at most ten megabytes of them.
  EXPECT_GT(served, 0);
  EXPECT_LT(served, kRequests / 2);
  client.Swallow(kRequests * body.size());
  EXPECT_EQ(served, kRequests);
}

// Resident, as the kernel counts.
std::size_t MemoryOfThisProcess() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(HttpTest, WhatWasAnsweredIsNotKeptThoughTheNextRequestHasBegun) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "what is freed stays with the sanitizer";
#endif
  constexpr int kRounds = 1500, kPerRound = 10;
  constexpr std::size_t kMost = 20 << 20;
  Serve([](const std::shared_ptr<HttpExchange>& exchange) { exchange->Reply({200, {}, "\n"}); });
  RawClient client(loop_, server_->address());
  const std::string request = "GET / HTTP/1.1\r\nX-Long: " + std::string(4000, 'x') + "\r\n\r\n";
  std::string round;
  for (int i = 0; i < kPerRound; ++i) round += request;
  // Each ends in the middle of a request, and the next goes on from there.
  const std::size_t half = request.size() / 2;
  client.Send(request.substr(0, half));
  const std::string turned = round.substr(half) + request.substr(0, half);
  const std::size_t before = MemoryOfThisProcess();
  for (int i = 0; i < kRounds; ++i) {
    client.Send(turned);
    client.Receive(kPerRound);
  }
  EXPECT_LT(MemoryOfThisProcess(), before + kMost);
}

base::Duration ProcessorTime() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + base::Duration(now.tv_nsec);
}

TEST_F(HttpTest, WithoutDescriptorsItWaitsAndThenGoesOn) {
  Serve([](const std::shared_ptr<HttpExchange>& exchange) { exchange->Reply({200, {}, ""}); });
  const int client = *StartConnect(server_->address());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(client);
  close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const base::Duration began = ProcessorTime();
  loop_.After(1s, [&] { loop_.Stop(); });
  loop_.Run();
  EXPECT_LT(ProcessorTime() - began, 100ms) << "it asks again and again";
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(Ask({"GET", "/", {{"Host", "h"}}, ""}).ok());
  close(client);
}

TEST_F(HttpTest, ARequestMayComeByteByByteAndAskToGoOn) {
  Serve([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->Reply({200, {}, exchange->request().body + "\n"});
  });
  RawClient client(loop_, server_->address());
  for (const char c :
       std::string("POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")) {
    client.Send(std::string(1, c));
    loop_.After(0ms, [&] { loop_.Stop(); });
    loop_.Run();
  }
  EXPECT_EQ(client.Receive(1), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_TRUE(client.Receive(1).ends_with("\r\n\r\nabc\n"));
}

TEST_F(HttpTest, WhatContradictsItselfIsRefusedAndTheConnectionClosed) {
  Serve([](const std::shared_ptr<HttpExchange>&) { FAIL() << "it is no request"; });
  for (const char* text :
       {"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "\x16\x03\x01"}) {
    RawClient client(loop_, server_->address());
    client.Send(text);
    const std::string got = client.Receive(2);
    EXPECT_TRUE(got.starts_with("HTTP/1.1 400 Bad Request\r\n")) << got;
  }
}

TEST_F(HttpTest, ASilentConnectionIsClosedAndABusyOneIsNot) {
  std::shared_ptr<HttpExchange> kept;
  Serve(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        kept = exchange;
        loop_.After(60ms, [&] { std::exchange(kept, nullptr)->Reply({200, {}, "\n"}); });
      },
      {.idle = 20ms});
  RawClient client(loop_, server_->address());
  client.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.Receive(1).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(client.Receive(1), "");
}

TEST_F(HttpTest, TooLargeBodyIsRefused) {
  HttpServerOptions options;
  options.max_body = 10;
  Serve(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->Reply({200, {}, ""});
      },
      options);
  const auto answer = Ask({"POST", "/", {{"Host", "h"}}, "12345678901"});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->status, 413);
}

TEST_F(HttpTest, StreamIsReadToItsEnd) {
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->Begin({200, {{"Content-Type", "text/event-stream"}}, ""});
    EXPECT_TRUE(exchange->Send("data: 1\n\n"));
    loop_.After(5ms, [exchange] { EXPECT_TRUE(exchange->Send("data: 2\n\n")); });
  });
  const auto answer = Ask({"GET", "/", {{"Host", "h"}}, ""});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->body, "data: 1\n\ndata: 2\n\n");
}

TEST_F(HttpTest, SilenceIsUnreachableAndTheServerLearnsThatTheClientLeft) {
  bool gone = false;
  std::shared_ptr<HttpExchange> kept;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    kept = exchange;
    exchange->OnGone([&] {
      gone = true;
      loop_.Stop();
    });
  });
  const auto answer = Ask({"GET", "/", {{"Host", "h"}}, ""}, 50ms);
  EXPECT_EQ(answer.error().code(), base::ErrorCode::kUnreachable);
  if (!gone) loop_.Run();
  EXPECT_TRUE(gone);
}

TEST_F(HttpTest, RefusedConnectionIsUnreachable) {
  Serve([](const std::shared_ptr<HttpExchange>& exchange) { exchange->Reply({200, {}, ""}); });
  const Address address = server_->address();
  EXPECT_EQ(Listen(address).error().code(), base::ErrorCode::kAlready);
  server_.reset();
  std::optional<base::Result<ports::HttpResponse>> answer;
  const auto call = HttpCall::Start(loop_, {.to = address}, {"GET", "/", {}, ""}, [&](auto result) {
    answer = std::move(result);
    loop_.Stop();
  });
  loop_.Run();
  EXPECT_EQ(answer->error().code(), base::ErrorCode::kUnreachable);
}

TEST(WorkerPoolTest, AllWorkIsDone) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 50; ++i) pool.Run([&] { ++done; });
  }
  EXPECT_EQ(done, 50);
}

}  // namespace
}  // namespace leeward::os
