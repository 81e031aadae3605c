#include "os/http_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

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
