#include "lab/core/testing.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;  // NOLINT

TEST(FakeHostTest, TimersRunInOrderAtTheirTime) {
  FakeHost host;
  std::vector<std::pair<int, std::int64_t>> ran;
  const auto start = host.clock().Monotonic();
  const auto note = [&](int id) {
    ran.emplace_back(id, base::Millis(host.clock().Monotonic() - start));
  };
  host.After(200ms, [&] { note(2); });
  host.After(100ms, [&] {
    note(1);
    host.After(50ms, [&] { note(3); });
  });
  host.Advance(120ms);
  EXPECT_EQ(ran, (std::vector<std::pair<int, std::int64_t>>{{1, 100}}));
  host.Advance(1s);
  EXPECT_EQ(ran, (std::vector<std::pair<int, std::int64_t>>{{1, 100}, {3, 150}, {2, 200}}));
}

TEST(FakeHostTest, BlockingWorkIsDoneByThePump) {
  FakeHost host;
  std::string order;
  host.RunBlocking([&] { order += "w"; }, [&] { order += "d"; });
  EXPECT_EQ(order, "");
  EXPECT_TRUE(host.PumpUntil([&] { return order == "wd"; }, 5s));
}

TEST(FakeHostTest, RealChildrenRunAndEndWithTheHost) {
  FakeHost host(
      {.time = FakeHostOptions::Time::kReal, .children = FakeHostOptions::Children::kReal});
  const auto directory = host.StateDirectory("ecs");
  std::optional<ExitStatus> exit;
  const auto child = host.Spawn({.argv = {"/bin/sh", "-c", "echo hello $NAME; exit 3"},
                                 .environment = {{"NAME", "lab"}},
                                 .directory = directory,
                                 .log = directory / "log"},
                                [&](ExitStatus status) { exit = status; });
  ASSERT_TRUE(child.ok()) << child.error().message();
  ASSERT_TRUE(host.PumpUntil([&] { return exit.has_value(); }, 10s));
  EXPECT_EQ(exit->code, 3);
  std::ostringstream log;
  log << std::ifstream(directory / "log").rdbuf();
  EXPECT_EQ(log.str(), "hello lab\n");
  EXPECT_FALSE(host.Spawn({.argv = {"/no/such/program"}}, [](ExitStatus) {}).ok());
}

TEST(FakeHostTest, SignalledChildTellsItsSignal) {
  FakeHost host(
      {.time = FakeHostOptions::Time::kReal, .children = FakeHostOptions::Children::kReal});
  std::optional<ExitStatus> exit;
  const auto child =
      host.Spawn({.argv = {"/bin/sleep", "100"}}, [&](ExitStatus status) { exit = status; });
  ASSERT_TRUE(child.ok());
  host.Signal(*child, SIGTERM);
  ASSERT_TRUE(host.PumpUntil([&] { return exit.has_value(); }, 10s));
  EXPECT_EQ(exit->signal, SIGTERM);
}

class Echo : public Service {
 public:
  std::string_view name() const override { return "echo"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call&, Reply reply) override { reply(shapes::Value::Struct()); }
  base::Status Start() override { return base::Ok(); }
  void HandleInternal(std::string_view operation, const shapes::Value& input,
                      Reply reply) override {
    reply(shapes::Value::Struct({{"operation", std::string(operation)}, {"input", input}}));
  }
};

TEST(FakeHostTest, RegionsCallEachOtherUntilCut) {
  FakeHost a({.region = "us-east-1"});
  FakeHost b({.region = "us-west-2", .block = 10});
  FakeHost::Connect({&a, &b});
  Echo echo;
  b.Add(echo);
  std::optional<Answer> answer;
  const auto call = [&] {
    answer.reset();
    a.CallRegion("us-west-2", "echo", "Say", "hi", 2s,
                 [&](Answer given) { answer = std::move(given); });
    return a.PumpUntil([&] { return answer.has_value(); }, 5s);
  };
  ASSERT_TRUE(call());
  EXPECT_EQ(std::get<shapes::Value>(*answer).String("input"), "hi");
  a.Cut("us-west-2");
  ASSERT_TRUE(call());
  EXPECT_EQ(std::get<ApiError>(*answer).code, "RequestTimeout");
}

TEST(FakeNetworkTest, RemembersWhatItWasTold) {
  FakeNetwork network(9);
  const std::string address = network.AddressFor("rds:orders");
  EXPECT_EQ(address, network.AddressFor("rds:orders"));
  EXPECT_NE(address, network.AddressFor("rds:other"));
  network.Publish({.name = "rds:orders", .address = address, .port = 5432, .backend = "/tmp/s"});
  network.SetIngress("rds:orders", {"127.2.0.0/16"});
  EXPECT_EQ(network.endpoints.at("rds:orders").port, 5432);
  EXPECT_EQ(network.ingress.at("rds:orders").front(), "127.2.0.0/16");
  EXPECT_EQ(network.Link("us-west-2", "127.10.0.10", 5432),
            network.Link("us-west-2", "127.10.0.10", 5432));
  network.Withdraw("rds:orders");
  EXPECT_TRUE(network.endpoints.empty());
}

}  // namespace
}  // namespace leeward::lab
