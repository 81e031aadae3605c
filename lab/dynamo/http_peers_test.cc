#include "lab/dynamo/http_peers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "os/http_server.h"

namespace leeward::lab::dynamo {
namespace {

using shapes::Value;

constexpr base::Duration kDeadline = std::chrono::seconds(5);

class HttpPeersTest : public testing::Test {
 protected:
  HttpPeersTest() : socket_(testing::TempDir() + "http-peers-test-" + std::to_string(getpid())) {
    options_.peers["us-east-1"] = {"", 0, socket_};
    options_.internal_token = "t";
  }
  ~HttpPeersTest() override { std::filesystem::remove(socket_); }

  // The next connections to the peer's address arrive here; earlier ones stay where they are.
  std::unique_ptr<os::HttpServer> Serve(int status, std::string body) {
    auto server =
        os::HttpServer::Start(loop_, {"", 0, socket_}, [status, body](const auto& exchange) {
          exchange->Reply({status, {}, body});
        });
    EXPECT_TRUE(server.ok());
    return *std::move(server);
  }
  base::Result<Value> Call(HttpPeers& peers) {
    std::optional<base::Result<Value>> answer;
    peers.Call("us-east-1", "apply", Value::Struct(), kDeadline, [&](base::Result<Value> result) {
      answer = std::move(result);
      loop_.Stop();
    });
    loop_.Run();
    return *answer;
  }

  os::EventLoop loop_;
  std::string socket_;
  ItemsOptions options_;
};

// While a store is replaced, the Region's API answers at its address, and keeps the connections
// that were made to it then.
TEST_F(HttpPeersTest, AConnectionThatReachedNoPeerIsNotUsedAgain) {
  HttpPeers peers(loop_, options_);
  const auto stand_in = Serve(404, "");
  EXPECT_FALSE(Call(peers).ok());
  const auto store = Serve(200, R"({"answer":{"applied":1}})");
  const auto answer = Call(peers);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->Int("applied"), 1);
}

}  // namespace
}  // namespace leeward::lab::dynamo
