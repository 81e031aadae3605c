#include "probe/dns.h"

#include <gtest/gtest.h>

#include "os/clock.h"
#include "os/random.h"
#include "probe/http.h"
#include "probe/testing/small_servers.h"

namespace leeward::probe {
namespace {

using testing::BoundSocket;
using testing::DnsServerOfOne;

class DnsTest : public ::testing::Test {
 protected:
  base::Result<DnsAnswer> Ask(const std::vector<DnsServer>& servers,
                              base::Duration patience = std::chrono::seconds(5)) {
    const Resolver resolver({.servers = servers, .attempt = std::chrono::milliseconds(100)}, clock_,
                            random_);
    return resolver.Resolve("shop.example.test", clock_.Monotonic() + patience);
  }
  os::SystemClock clock_;
  os::SystemRandom random_;
};

TEST_F(DnsTest, AnswersAddressAndTtl) {
  const DnsServerOfOne server({.address = "127.2.0.9", .ttl = 7});
  const auto answer = Ask({{"127.0.0.1", server.port()}});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->addresses, std::vector<std::string>{"127.2.0.9"});
  EXPECT_EQ(answer->ttl, std::chrono::seconds(7));
}

TEST_F(DnsTest, AnAnswerWithAnotherIdIsNotBelieved) {
  const DnsServerOfOne server(
      {.address = "127.2.0.9", .id = DnsServerOfOne::Reply::Id::kWrongFirst});
  const auto answer = Ask({{"127.0.0.1", server.port()}});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->addresses, std::vector<std::string>{"127.2.0.9"});
}

TEST_F(DnsTest, ATruncatedAnswerIsFetchedOverTcp) {
  const DnsServerOfOne server(
      {.address = "127.2.0.9", .length = DnsServerOfOne::Reply::Length::kTruncatedOverUdp});
  const auto answer = Ask({{"127.0.0.1", server.port()}});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->addresses, std::vector<std::string>{"127.2.0.9"});
}

TEST_F(DnsTest, ASilentServerIsPassedOver) {
  const BoundSocket silent(SOCK_DGRAM, "127.0.0.1");
  const DnsServerOfOne server({.address = "127.2.0.9"});
  EXPECT_TRUE(Ask({{"127.0.0.1", silent.port()}, {"127.0.0.1", server.port()}}).ok());
  const base::MonotonicTime begin = clock_.Monotonic();
  const auto nothing = Ask({{"127.0.0.1", silent.port()}}, std::chrono::milliseconds(150));
  EXPECT_EQ(nothing.error().code(), base::ErrorCode::kUnreachable);
  EXPECT_LT(clock_.Monotonic() - begin, std::chrono::seconds(1));
}

TEST_F(DnsTest, NoSuchNameNoAddressAndFailureAreToldApart) {
  DnsServerOfOne server({.address = "", .rcode = 3});
  EXPECT_EQ(Ask({{"127.0.0.1", server.port()}}).error().code(), base::ErrorCode::kNotFound);
  server.Set({.address = "", .rcode = 0});
  EXPECT_EQ(Ask({{"127.0.0.1", server.port()}}).error().code(), base::ErrorCode::kNotFound);
  server.Set({.address = "", .rcode = 2});
  EXPECT_EQ(Ask({{"127.0.0.1", server.port()}}).error().code(), base::ErrorCode::kService);
}

TEST_F(DnsTest, LiteralsNeedNoServer) {
  const Resolver resolver({.servers = {{"127.0.0.1", 9}}}, clock_, random_);
  const auto answer = resolver.Resolve("127.9.9.9", clock_.Monotonic() + std::chrono::seconds(1));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->addresses, std::vector<std::string>{"127.9.9.9"});
}

TEST(ParseDnsServerTest, ReadsAddressesAndPorts) {
  EXPECT_EQ(ParseDnsServer("127.0.0.1:5353")->port, 5353);
  EXPECT_EQ(ParseDnsServer("127.0.0.1")->port, 53);
  EXPECT_EQ(ParseDnsServer("[::1]:5353")->address, "::1");
  EXPECT_EQ(ParseDnsServer("::1")->port, 53);
  for (const char* wrong : {"", "host", "host:53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000",
                            "127.0.0.1:5x", "[::1]"}) {
    EXPECT_FALSE(ParseDnsServer(wrong).ok()) << wrong;
  }
}

TEST(HostOfTest, ReadsHostAndPort) {
  EXPECT_EQ(HostOf("http://shop.example.test:8080/x")->host, "shop.example.test");
  EXPECT_EQ(HostOf("http://shop.example.test:8080/x")->port, 8080);
  EXPECT_EQ(HostOf("https://shop.example.test")->port, 443);
  EXPECT_FALSE(HostOf("nonsense").ok());
}

}  // namespace
}  // namespace leeward::probe
