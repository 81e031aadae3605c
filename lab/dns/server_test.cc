#include "lab/dns/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/dns/answer.h"
#include "lab/dns/packet.h"

namespace leeward::lab {
namespace {

using ::testing::HasSubstr;

constexpr int kPatienceMillis = 5000;

// "shop.z.test" type A as a packet; `flags` is the third byte.
std::string Packet(std::string_view labels, RrType type, unsigned char flags = 1,
                   std::string_view additional = "") {
  std::string packet("\x12\x34", 2);
  packet += static_cast<char>(flags);
  packet += std::string("\0\0\1\0\0\0\0\0", 8);
  packet += static_cast<char>(additional.empty() ? 0 : 1);
  packet += std::string(labels);
  packet += '\0';
  packet += std::string("\0", 1) + static_cast<char>(type) + std::string("\0\1", 2);
  return packet + std::string(additional);
}
constexpr std::string_view kShop = "\4ShOp\1z\4test";
// OPT, 4096 bytes, version 0.
const std::string kEdns("\0\0\x29\x10\0\0\0\0\0\0\0", 11);

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = DnsServer::Start({"127.0.0.1", 0}, 7);
    ASSERT_TRUE(started.ok()) << started.error().message();
    server_ = *std::move(started);
    Publish({"1.2.3.4"});
  }

  void Publish(std::vector<std::string> values) {
    auto zone = std::make_shared<Zone>();
    zone->name = "z.test.";
    RecordSet soa;
    soa.name = "z.test.";
    soa.type = RrType::kSoa;
    soa.ttl = 900;
    soa.values = {"ns.z.test. host.z.test. 1 7200 900 1209600 86400"};
    RecordSet shop;
    shop.name = "shop.z.test.";
    shop.ttl = 5;
    shop.values = std::move(values);
    zone->sets[{SortKey(soa.name), soa.type}] = {soa};
    zone->sets[{SortKey(shop.name), shop.type}] = {shop};
    auto world = std::make_shared<World>();
    world->zones["z.test."] = zone;
    server_->Publish(world);
  }

  static std::string ReadSome(int fd) {
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, kPatienceMillis) != 1) return {};
    std::string buffer(70'000, '\0');
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
    buffer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return buffer;
  }

  Fd Connect(int type) const {
    Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  std::string AskUdp(const std::string& packet) const {
    const Fd fd = Connect(SOCK_DGRAM);
    EXPECT_EQ(send(fd.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
    return ReadSome(fd.get());
  }

  std::unique_ptr<DnsServer> server_;
};

std::vector<std::string> Addresses(std::size_t count) {
  std::vector<std::string> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = "10.0.0." + std::to_string(i);
  return values;
}

int RcodeOf(const std::string& packet) { return packet.at(3) & 0xf; }
int AnswersIn(const std::string& packet) { return packet.at(7); }
bool IsTruncated(const std::string& packet) { return (packet.at(2) & 2) != 0; }

TEST_F(ServerTest, AnswersOverUdpWithTheCaseThatWasAsked) {
  const std::string response = AskUdp(Packet(kShop, RrType::kA));
  ASSERT_GE(response.size(), 12U);
  EXPECT_EQ(response.substr(0, 2), "\x12\x34");
  EXPECT_EQ(response[2] & 0x84, 0x84);  // an answer, authoritative
  EXPECT_EQ(RcodeOf(response), 0);
  EXPECT_EQ(AnswersIn(response), 1);
  EXPECT_THAT(response, HasSubstr(std::string(kShop)));
  EXPECT_THAT(response, HasSubstr("\1\2\3\4"));
}

TEST_F(ServerTest, PublishedWorldIsInTheVeryNextAnswer) {
  for (int i = 1; i < 100; ++i) {
    Publish({"10.0.0." + std::to_string(i)});
    const std::string expected{'\x0a', '\0', '\0', static_cast<char>(i)};
    ASSERT_THAT(AskUdp(Packet(kShop, RrType::kA)), HasSubstr(expected));
  }
}

TEST_F(ServerTest, LargeAnswerIsCutOverUdpAndWholeOverTcp) {
  Publish(Addresses(100));
  const std::string plain = AskUdp(Packet(kShop, RrType::kA));
  EXPECT_TRUE(IsTruncated(plain));
  EXPECT_LE(plain.size(), 512U);
  EXPECT_EQ(AnswersIn(plain), 0);

  const Fd fd = Connect(SOCK_STREAM);
  const std::string packet = Packet(kShop, RrType::kA);
  // Two questions in one write: both are answered.
  const std::string framed = std::string("\0", 1) + static_cast<char>(packet.size()) + packet;
  const std::string both = framed + framed;
  ASSERT_EQ(send(fd.get(), both.data(), both.size(), 0), static_cast<ssize_t>(both.size()));
  std::string got;
  while (got.size() < std::size_t{2} * (1600 + 2)) {
    const std::string more = ReadSome(fd.get());
    ASSERT_FALSE(more.empty()) << got.size();
    got += more;
  }
  EXPECT_EQ(AnswersIn(got.substr(2)), 100);
}

TEST_F(ServerTest, EdnsRaisesTheLimit) {
  Publish(Addresses(50));
  EXPECT_TRUE(IsTruncated(AskUdp(Packet(kShop, RrType::kA))));
  const std::string response = AskUdp(Packet(kShop, RrType::kA, 1, kEdns));
  EXPECT_FALSE(IsTruncated(response));
  EXPECT_EQ(AnswersIn(response), 50);
}

TEST_F(ServerTest, RefusesWhatItDoesNotDo) {
  EXPECT_EQ(RcodeOf(AskUdp(Packet("\3foo\5other", RrType::kA))), 5);
  EXPECT_EQ(RcodeOf(AskUdp(Packet("\4none\1z\4test", RrType::kA))), 3);
  EXPECT_EQ(RcodeOf(AskUdp(Packet(kShop, RrType::kA, 0x28))), 4);  // opcode UPDATE
  EXPECT_EQ(RcodeOf(AskUdp(std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0", 12) + "\77junk")), 1);
}

TEST_F(ServerTest, SilentToAnswersAndNoise) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(ParseQuery("short")));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(ParseQuery(Packet(kShop, RrType::kA, 0x81))));
}

TEST_F(ServerTest, EveryCutOfAQueryIsHandled) {
  const std::string whole = Packet(kShop, RrType::kA, 1, kEdns);
  for (std::size_t size = 12; size < whole.size(); ++size) {
    const ParsedQuery parsed = ParseQuery(whole.substr(0, size));
    EXPECT_TRUE(std::holds_alternative<std::string>(parsed)) << size;
  }
}

TEST_F(ServerTest, TakenPortIsAnError) {
  const auto second = DnsServer::Start({"127.0.0.1", server_->port()}, 7);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message(), HasSubstr("cannot listen on UDP"));
}

TEST(RecordDataTest, FollowsTheType) {
  EXPECT_TRUE(IsValidRecordData(RrType::kA, "1.2.3.4"));
  EXPECT_FALSE(IsValidRecordData(RrType::kA, "lb.example.com"));
  EXPECT_TRUE(IsValidRecordData(RrType::kAaaa, "::1"));
  EXPECT_TRUE(IsValidRecordData(RrType::kMx, "10 mail.example.com"));
  EXPECT_FALSE(IsValidRecordData(RrType::kMx, "mail.example.com"));
  EXPECT_TRUE(IsValidRecordData(RrType::kTxt, "\"hello there\" \"x\""));
  EXPECT_TRUE(IsValidRecordData(RrType::kSrv, "1 2 80 a.example.com"));
  EXPECT_FALSE(IsValidRecordData(RrType::kA, "1.2.3.4\nx. IN A 1.1.1.1"));
}

}  // namespace
}  // namespace leeward::lab
