#include "probe/watcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "os/clock.h"
#include "os/random.h"
#include "probe/testing/small_servers.h"
#include "probe/testing/sql_addresses.h"

namespace leeward::probe {
namespace {

using testing::BoundSocket;
using testing::HttpServer;
using testing::PostgresServer;
using testing::SqlAddressOf;

model::Target TargetNamed(const std::string& component) {
  return {.region = model::Region("us-east-1"), .component = model::ComponentName(component)};
}

class WatcherTest : public ::testing::Test {
 protected:
  template <typename Condition>
  bool Await(Condition condition) {
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(20);
    while (!condition()) {
      if (clock_.Monotonic() > until) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  }
  Prober MakeProber(decltype(ProbeTarget::how) how) {
    return Prober({TargetNamed("x"), std::move(how)}, standpoint_, resolver_, clock_);
  }

  os::SystemClock clock_;
  os::SystemRandom random_;
  Resolver resolver_{{.servers = {{"127.0.0.1", 9}}}, clock_, random_};
  Standpoint standpoint_{model::ObserverId("b"), model::Region("us-west-2"), "127.78.2.200"};
};

TEST_F(WatcherTest, HungTargetsDelayNobodyAndNothingDrifts) {
  const HttpServer good("127.78.1.1", 0, [](auto&&...) { return 200; });
  const BoundSocket silent(SOCK_STREAM, "127.78.1.2");
  constexpr base::Duration kEvery = std::chrono::milliseconds(50);
  std::map<model::Target, std::vector<model::Observation>> seen;
  std::mutex mutex;
  Watcher watcher({{TargetNamed("good"),
                    HttpProbe{"http://127.78.1.1:" + std::to_string(good.port()) + "/health", ""}},
                   {TargetNamed("hung"),
                    HttpProbe{"http://127.78.1.2:" + std::to_string(silent.port()) + "/", ""}}},
                  standpoint_, {.every = kEvery, .timeout = std::chrono::milliseconds(40)},
                  resolver_, clock_, [&](const model::Observation& observation) {
                    const std::lock_guard lock(mutex);
                    seen[observation.target].push_back(observation);
                  });
  watcher.Start();
  const auto count = [&](const char* name) {
    const std::lock_guard lock(mutex);
    return seen[TargetNamed(name)].size();
  };
  ASSERT_TRUE(Await([&] { return count("good") >= 20 && count("hung") >= 20; }));
  watcher.Stop();
  for (const auto& [target, observations] : seen) {
    const bool is_good = target.component.str() == "good";
    for (std::size_t i = 0; i < observations.size(); ++i) {
      EXPECT_EQ(observations[i].sequence, i + 1);
      EXPECT_EQ(observations[i].observer, standpoint_.observer);
      EXPECT_EQ(observations[i].from, standpoint_.region);
    }
    EXPECT_EQ(observations[5].seen, is_good ? model::Seen::kGood : model::Seen::kBad)
        << observations[5].detail;
    // Whole periods since the first scheduled probe, give or take what a busy machine adds to one.
    const base::Duration whole = observations[19].at - observations[1].at;
    EXPECT_NEAR(base::Seconds(whole), base::Seconds(kEvery) * 18, base::Seconds(kEvery) * 4);
  }
}

TEST_F(WatcherTest, AStatusThatIsNotGoodIsBadAndSaysSo) {
  const HttpServer server("127.78.1.1", 0, [](auto&&...) { return 503; });
  Prober prober =
      MakeProber(HttpProbe{"http://127.78.1.1:" + std::to_string(server.port()) + "/", ""});
  const model::Observation seen = prober.Probe(std::chrono::seconds(2));
  EXPECT_EQ(seen.seen, model::Seen::kBad);
  EXPECT_NE(seen.detail.find("503"), std::string::npos) << seen.detail;
}

TEST_F(WatcherTest, ProbesComeFromTheObserversAddress) {
  const BoundSocket listener(SOCK_STREAM, "127.78.1.3");
  Prober prober = MakeProber(TcpProbe{"127.78.1.3", listener.port()});
  EXPECT_EQ(prober.Probe(std::chrono::seconds(2)).seen, model::Seen::kGood);
  sockaddr_in from{};
  socklen_t size = sizeof(from);
  const int client = ::accept(listener.fd(), reinterpret_cast<sockaddr*>(&from), &size);
  ::close(client);
  char text[INET_ADDRSTRLEN];
  EXPECT_STREQ(::inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)), "127.78.2.200");
}

TEST_F(WatcherTest, ARefusedConnectionIsBad) {
  std::uint16_t port = 0;
  { port = BoundSocket(SOCK_STREAM, "127.78.1.4").port(); }
  Prober prober = MakeProber(TcpProbe{"127.78.1.4", port});
  const model::Observation seen = prober.Probe(std::chrono::seconds(2));
  EXPECT_EQ(seen.seen, model::Seen::kBad);
  EXPECT_NE(seen.detail.find("refused"), std::string::npos) << seen.detail;
}

TEST_F(WatcherTest, ALostSessionAloneIsNotABadStore) {
  auto server = PostgresServer::Primary();
  Prober prober = MakeProber(SqlProbe{SqlAddressOf(*server)});
  EXPECT_EQ(prober.Probe(std::chrono::seconds(10)).detail, "answers, writable");
  server->Sql(
      "postgres",
      "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = 'shop'");
  EXPECT_EQ(prober.Probe(std::chrono::seconds(10)).seen, model::Seen::kGood);
  server->Stop();
  EXPECT_EQ(prober.Probe(std::chrono::seconds(1)).seen, model::Seen::kBad);
  server->Start();
  EXPECT_EQ(prober.Probe(std::chrono::seconds(10)).seen, model::Seen::kGood);
}

TEST_F(WatcherTest, CustomProbesAnswerByTheirStatus) {
  Prober good = MakeProber(CustomProbe{[](base::MonotonicTime) { return base::Ok(); }});
  EXPECT_EQ(good.Probe(std::chrono::seconds(1)).seen, model::Seen::kGood);
  Prober bad = MakeProber(
      CustomProbe{[](base::MonotonicTime) -> base::Status { return base::Unreachable("dark"); }});
  EXPECT_EQ(bad.Probe(std::chrono::seconds(1)).detail, "dark");
}

}  // namespace
}  // namespace leeward::probe
