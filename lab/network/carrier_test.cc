#include "lab/network/carrier.h"

#include <errno.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "base/testing/scratch_folder.h"
#include "lab/network/filter.h"
#include "os/clock.h"
#include "os/socket.h"

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;  // NOLINT

TEST(TopologyTest, FaultsBlockWhatTheyShould) {
  Topology topology(40, {"us-east-1", "us-west-2"});
  EXPECT_EQ(topology.PartyOf(*ParseIpv4("127.40.0.9")), "us-east-1");
  EXPECT_EQ(topology.PartyOf(*ParseIpv4("127.40.254.9")), "global");
  EXPECT_EQ(topology.PartyOf(*ParseIpv4("127.0.0.1")), "outside");
  EXPECT_EQ(topology.Delay("us-east-1", "us-west-2"), 30ms);
  EXPECT_EQ(topology.Delay("outside", "us-west-2"), 0ms);
  topology.Cut("us-east-1", "us-west-2", Directions::kOneWay);
  EXPECT_TRUE(topology.Blocked("us-east-1", "us-west-2"));
  EXPECT_FALSE(topology.Blocked("us-west-2", "us-east-1"));
  EXPECT_FALSE(topology.Reachable("us-west-2", "us-east-1"));
  topology.SetSilence("us-west-2", Silence::kDark);
  EXPECT_TRUE(topology.Blocked("outside", "us-west-2"));
  EXPECT_FALSE(topology.Blocked("us-west-2", "us-west-2"));
  topology.SetSilence("us-west-2", Silence::kKilled);
  EXPECT_TRUE(topology.Blocked("us-west-2", "us-west-2"));
  topology.Heal("us-west-2");
  EXPECT_FALSE(topology.Blocked("us-east-1", "us-west-2"));
}

TEST(PacketRulesTest, FirstSourceThenIngressDecides) {
  PacketRules rules;
  rules.sources = {{*Cidr::Parse("127.2.254.0/24"), true}, {*Cidr::Parse("127.2.0.0/16"), false}};
  rules.ingress = {*Cidr::Parse("127.0.0.0/8")};
  EXPECT_TRUE(rules.Passes(*ParseIpv4("127.2.254.1")));
  EXPECT_FALSE(rules.Passes(*ParseIpv4("127.2.1.1")));
  EXPECT_TRUE(rules.Passes(*ParseIpv4("127.0.0.1")));
  rules.ingress.clear();
  EXPECT_FALSE(rules.Passes(*ParseIpv4("127.0.0.1")));
  EXPECT_FALSE(Cidr::Parse("127.0.0.0/33").ok());
}

// A carrier in a thread of its own between a client and a backend here. Blocks 250 and 251 of
// loopback are beyond those a lab takes.
class CarrierTest : public testing::TestWithParam<Silencing> {
 protected:
  CarrierTest()
      : carrier_(loop_, clock_, Topology(250, {"us-east-1", "us-west-2"}),
                 {.silencing = GetParam()}) {
    const os::Address backend{"", 0, directory_ + "/backend"};
    listening_ = *os::Listen(backend);
    thread_ = std::thread([this] { loop_.Run(); });
    port_ = FreePort("127.250.0.10");
    InLoop([&] {
      carrier_.Hello("us-east-1");
      EXPECT_TRUE(
          carrier_.Publish("us-east-1", {"db", "127.250.0.10", port_, backend.path, ""}).ok());
    });
  }
  ~CarrierTest() override {
    loop_.Stop();
    thread_.join();
    for (const int socket : sockets_) close(socket);
    close(listening_);
  }

  static std::uint16_t FreePort(const std::string& host) {
    const int socket = *os::Listen({host, 0, ""});
    const std::uint16_t port = os::LocalAddress(socket).port;
    close(socket);
    return port;
  }
  void InLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  static bool Wait(int socket, short what, base::Duration limit) {
    pollfd wait{socket, what, 0};
    return poll(&wait, 1, static_cast<int>(base::Millis(limit))) == 1;
  }
  // A connection of `source`'s making; -1 when it was not made within the limit, 0 when it was
  // refused.
  int Connect(const std::string& source, base::Duration limit = 2s,
              const std::string& host = "127.250.0.10") {
    const os::Address to{host, port_, ""};
    const int socket = *os::StartConnect(to, source);
    sockets_.push_back(socket);
    if (!Wait(socket, POLLOUT, limit)) return -1;
    return os::ConnectOutcome(socket, to).ok() ? socket : 0;
  }
  // The same, and lets go of it: for asking often, where few files may be open.
  int Ask(base::Duration limit = 2s) {
    const int outcome = Connect("", limit);
    close(sockets_.back());
    sockets_.pop_back();
    return outcome;
  }
  int AcceptBackend() {
    if (!Wait(listening_, POLLIN, 5s)) return -1;
    const int socket = accept(listening_, nullptr, nullptr);
    sockets_.push_back(socket);
    return socket;
  }
  static std::string Receive(int socket, base::Duration limit = 5s) {
    if (!Wait(socket, POLLIN, limit)) return "<silence>";
    char buffer[100];
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got < 0) return errno == ECONNRESET ? "<reset>" : strerror(errno);
    return got == 0 ? "<end>" : std::string(buffer, static_cast<std::size_t>(got));
  }

  os::EventLoop loop_;
  os::SystemClock clock_;
  Carrier carrier_;
  std::thread thread_;
  const base::testing::ScratchFolder scratch_{"leeward-carrier-XXXXXX"};
  const std::string directory_ = scratch_.path();
  std::uint16_t port_ = 0;
  int listening_ = -1;
  std::vector<int> sockets_;
};

TEST_P(CarrierTest, ServerIsToldWhoConnectsBeforeTheClientSaysAnything) {
  InLoop([&] {
    EXPECT_TRUE(carrier_
                    .Publish("us-east-1", {"db", "127.250.0.10", port_, directory_ + "/backend", "",
                                           Origin::kTold})
                    .ok());
  });
  const int client = Connect("127.251.0.77");
  ASSERT_GT(client, 0);
  const int backend = AcceptBackend();
  const std::string greeting = Receive(backend);
  EXPECT_EQ(greeting.find("PROXY TCP4 127.251.0.77 127.250.0.10 "), 0u) << greeting;
  ASSERT_GE(greeting.size(), 2u);
  EXPECT_EQ(greeting.substr(greeting.size() - 2), "\r\n");
  ASSERT_EQ(send(client, "hello", 5, 0), 5);
  EXPECT_EQ(Receive(backend), "hello");
}

TEST_P(CarrierTest, CarriesBothWaysAndTheEnd) {
  const int client = Connect("");
  ASSERT_GT(client, 0);
  const int backend = AcceptBackend();
  ASSERT_EQ(send(client, "ask", 3, 0), 3);
  EXPECT_EQ(Receive(backend), "ask");
  ASSERT_EQ(send(backend, "answer", 6, 0), 6);
  EXPECT_EQ(Receive(client), "answer");
  shutdown(client, SHUT_WR);
  EXPECT_EQ(Receive(backend), "<end>");
  shutdown(backend, SHUT_WR);
  EXPECT_EQ(Receive(client), "<end>");
}

TEST_P(CarrierTest, AnotherRegionIsAsFarAwayAsInTheWorld) {
  const auto start = clock_.Monotonic();
  const int client = Connect("127.251.0.1");
  ASSERT_GT(client, 0);
  ASSERT_EQ(send(client, "ask", 3, 0), 3);
  const int backend = AcceptBackend();
  EXPECT_EQ(Receive(backend), "ask");
  const auto asked = clock_.Monotonic() - start;  // handshake and one trip: 90 ms
  EXPECT_GE(base::Millis(asked), 85);
  ASSERT_EQ(send(backend, "answer", 6, 0), 6);
  const auto sent = clock_.Monotonic();
  EXPECT_EQ(Receive(client), "answer");
  EXPECT_GE(base::Millis(clock_.Monotonic() - sent), 28);
}

TEST_P(CarrierTest, NothingBehindItIsARefusal) {
  close(listening_);
  listening_ = -1;
  const auto start = clock_.Monotonic();
  while (Ask() != 0) ASSERT_LT(base::Seconds(clock_.Monotonic() - start), 5);
}

TEST_P(CarrierTest, DarkIsSilenceAndHealingGoesOn) {
  const int client = Connect("");
  ASSERT_GT(client, 0);
  const int backend = AcceptBackend();
  InLoop([&] { carrier_.SetSilence("us-east-1", Silence::kDark); });
  ASSERT_EQ(send(client, "ask", 3, 0), 3);
  EXPECT_EQ(Receive(backend, 300ms), "<silence>");
  EXPECT_EQ(Connect("", 300ms), -1);
  EXPECT_GT(Connect("127.250.0.77"), 0) << "inside the dark Region all goes on";
  InLoop([&] { carrier_.Heal("us-east-1"); });
  EXPECT_EQ(Receive(backend), "ask");
}

TEST_P(CarrierTest, KilledRegionIsSilentThenResetsWhatItForgot) {
  const int client = Connect("");
  ASSERT_GT(client, 0);
  const int backend = AcceptBackend();
  InLoop([&] { carrier_.SetSilence("us-east-1", Silence::kKilled); });
  close(backend);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), backend));
  EXPECT_EQ(Receive(client, 300ms), "<silence>");
  EXPECT_EQ(Connect("", 300ms), -1);
  InLoop([&] { carrier_.Heal("us-east-1"); });
  EXPECT_EQ(Receive(client), "<reset>");
}

TEST_P(CarrierTest, IngressIsSilenceForOthers) {
  InLoop([&] { EXPECT_TRUE(carrier_.SetIngress("us-east-1", "db", {"127.251.0.0/16"}).ok()); });
  EXPECT_EQ(Connect("", 300ms), -1);
  EXPECT_GT(Connect("127.251.0.1"), 0);
}

TEST_P(CarrierTest, LinkCarriesAsItsRegionAndStopsWhenCut) {
  const std::string near = "127.251.0.20";
  InLoop([&] {
    EXPECT_TRUE(carrier_.Link({"us-west-2", near, port_, "127.250.0.10", port_}).ok());
  });
  const int client = Connect("", 2s, near);
  ASSERT_GT(client, 0);
  const int backend = AcceptBackend();
  InLoop([&] { carrier_.Cut("us-east-1", "us-west-2", Directions::kOneWay); });
  ASSERT_EQ(send(client, "ask", 3, 0), 3);
  EXPECT_EQ(Receive(backend), "ask") << "the other direction goes on";
  ASSERT_EQ(send(backend, "answer", 6, 0), 6);
  EXPECT_EQ(Receive(client, 300ms), "<silence>");
  EXPECT_EQ(Connect("", 300ms, near), -1);
  InLoop([&] { carrier_.Heal(""); });
  EXPECT_EQ(Receive(client), "answer");
}

TEST_P(CarrierTest, AnAddressThatIsTakenIsNamed) {
  InLoop([&] {
    const auto taken = carrier_.Publish(
        "us-east-1", {"other", "127.250.0.10", port_, directory_ + "/backend", ""});
    EXPECT_EQ(taken.ok() ? base::ErrorCode::kInvalid : taken.error().code(),
              base::ErrorCode::kAlready);
  });
}

TEST_P(CarrierTest, AnAddressComesAndGoesWithItsBackend) {
  for (int life = 0; life < 3; ++life) {
    close(listening_);
    const auto start = clock_.Monotonic();
    while (Ask() != 0) ASSERT_LT(base::Seconds(clock_.Monotonic() - start), 5);
    listening_ = *os::Listen({"", 0, directory_ + "/backend"});
    while (Ask() <= 0) ASSERT_LT(base::Seconds(clock_.Monotonic() - start), 5);
    InLoop([&] { carrier_.SetSilence("us-east-1", Silence::kDark); });
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask(50ms), -1);
    InLoop([&] { carrier_.Heal("us-east-1"); });
  }
}

// Full queues work for everybody; filters where the kernel lets this user have them.
std::vector<Silencing> Ways() {
  if (SilencingHere() == Silencing::kFullQueues) return {Silencing::kFullQueues};
  return {Silencing::kFullQueues, Silencing::kFilters};
}
INSTANTIATE_TEST_SUITE_P(Silencing, CarrierTest, testing::ValuesIn(Ways()),
                         [](const testing::TestParamInfo<Silencing>& way) {
                           return way.param == Silencing::kFilters ? "Filters" : "FullQueues";
                         });

}  // namespace
}  // namespace leeward::lab
