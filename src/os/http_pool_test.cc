#include "os/http_pool.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/http_server.h"

namespace leeward::os {
namespace {

using namespace std::chrono_literals;  // NOLINT

class HttpPoolTest : public testing::Test {
 protected:
  void Serve(HttpServer::Handler handler, HttpServerOptions options = {}) {
    auto server = HttpServer::Start(loop_, {"127.0.0.1", 0, ""}, std::move(handler), options);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(*server);
  }
  base::Result<ports::HttpResponse> Ask(HttpPool& pool, std::string_view body,
                                        std::string_view method = "POST") {
    std::optional<base::Result<ports::HttpResponse>> answer;
    const ports::Headers headers{{"Host", "h"}, {"Connection", "close"}};
    const auto call =
        pool.Start({.to = server_->address(), .deadline = 5s}, {method, "/", headers, body},
                   [&](base::Result<ports::HttpResponse> result) {
                     answer = std::move(result);
                     loop_.Stop();
                   });
    loop_.Run();
    return *answer;
  }

  EventLoop loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpPoolTest, OneConnectionCarriesOneRequestAfterTheOther) {
  std::vector<std::string> seen;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    seen.emplace_back(exchange->request().Header("Connection"));
    exchange->Reply({200, {}, exchange->request().body});
  });
  HttpPool pool(loop_);
  for (int i = 0; i < 5; ++i) {
    const auto answer = Ask(pool, "body " + std::to_string(i));
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->body, "body " + std::to_string(i));
    EXPECT_EQ(pool.idle(), 1U);
  }
  EXPECT_EQ(seen, std::vector<std::string>(5));
  EXPECT_EQ(Ask(pool, "", "HEAD")->status, 200);
  EXPECT_EQ(pool.idle(), 1U);
}

TEST_F(HttpPoolTest, RequestsAtTheSameTimeHaveConnectionsOfTheirOwn) {
  std::vector<std::shared_ptr<HttpExchange>> waiting;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    waiting.push_back(exchange);
    if (waiting.size() < 3) return;
    for (const auto& each : std::exchange(waiting, {}))
      each->Reply({200, {}, each->request().body});
  });
  HttpPool pool(loop_, {.max_idle = 2});
  int answers = 0;
  std::vector<std::unique_ptr<HttpCall>> calls;
  calls.reserve(3);
  const ports::Headers headers{{"Host", "h"}};
  for (int i = 0; i < 3; ++i) {
    calls.push_back(pool.Start({.to = server_->address(), .deadline = 5s},
                               {"POST", "/", headers, std::to_string(i)},
                               [&, i](const auto& result) {
                                 ASSERT_TRUE(result.ok());
                                 EXPECT_EQ(result->body, std::to_string(i));
                                 if (++answers == 3) loop_.Stop();
                               }));
  }
  loop_.Run();
  EXPECT_EQ(answers, 3);
  EXPECT_EQ(pool.idle(), 2U);
}

TEST_F(HttpPoolTest, AConnectionTheServerClosesIsNotUsedAgain) {
  Serve(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->Reply({200, {}, "x"});
      },
      {.idle = 20ms});
  HttpPool pool(loop_);
  ASSERT_TRUE(Ask(pool, "a").ok());
  ASSERT_EQ(pool.idle(), 1U);
  while (pool.idle() > 0) {
    loop_.After(5ms, [&] { loop_.Stop(); });
    loop_.Run();
  }
  EXPECT_TRUE(Ask(pool, "b").ok());
}

TEST_F(HttpPoolTest, ADroppedCallTakesItsConnectionAlong) {
  bool gone = false;
  std::shared_ptr<HttpExchange> kept;
  Serve([&](const std::shared_ptr<HttpExchange>& exchange) {
    kept = exchange;
    exchange->OnGone([&] {
      gone = true;
      loop_.Stop();
    });
    loop_.Stop();
  });
  HttpPool pool(loop_);
  const ports::Headers headers{{"Host", "h"}};
  auto call = pool.Start({.to = server_->address(), .deadline = 5s}, {"GET", "/", headers, ""},
                         [](const auto&) { FAIL() << "it was dropped"; });
  loop_.Run();
  call.reset();
  loop_.Run();
  EXPECT_TRUE(gone);
  EXPECT_EQ(pool.idle(), 0U);
}

TEST_F(HttpPoolTest, AConnectionThatBreaksUnderARequestFailsIt) {
  Serve([&](const std::shared_ptr<HttpExchange>&) {});  // dropped: closed
  HttpPool pool(loop_);
  const auto answer = Ask(pool, "a");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), base::ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace leeward::os
