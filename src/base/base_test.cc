#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/split.h"
#include "base/time.h"

namespace leeward::base {
namespace {

TEST(SplitTest, EveryPartCounts) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(Split("", ','), Parts{""});
  EXPECT_EQ(Split("a", ','), Parts{"a"});
  EXPECT_EQ(Split(",a,,b,", ','), (Parts{"", "a", "", "b", ""}));
}

TEST(BytesTest, DigestsMatchPublishedValues) {
  // FIPS 180-2 appendix B.1, RFC 4231 case 2, RFC 3720 appendix B.4.
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(AsView(HmacSha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
}

// Bit by bit, as the standard defines it.
std::uint32_t SlowCrc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return crc ^ 0xFFFFFFFFu;
}

TEST(BytesTest, ChecksumsDoNotDependOnHowManyBytesAreTakenAtOnce) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  std::string bytes;
  for (int length = 0; length < 70; ++length) {
    EXPECT_EQ(Crc32c(bytes), SlowCrc32c(bytes)) << length;
    bytes += static_cast<char>(length * 37 + 200);
  }
}

TEST(BytesTest, EncodingsReadBackAndRefuseGarbage) {
  const std::string bytes("\x00\xff\x10 a", 5);
  EXPECT_EQ(*Base64Decode(Base64Encode(bytes)), bytes);
  EXPECT_EQ(*HexDecode(HexEncode(bytes)), bytes);
  EXPECT_EQ(*PercentDecode(PercentEncode(bytes)), bytes);
  EXPECT_FALSE(Base64Decode("a===").ok());
  EXPECT_FALSE(HexDecode("0g").ok());
  EXPECT_FALSE(PercentDecode("%4").ok());
  EXPECT_EQ(*PercentDecode("%41"), "A");
  EXPECT_EQ(PercentEncode("a/b c", "/"), "a/b%20c");
}

TEST(TimeTest, FormatsReadBack) {
  const WallTime time = *ParseIso8601("2026-11-23T08:20:53.123Z");
  EXPECT_EQ(FormatIso8601(time), "2026-11-23T08:20:53.123Z");
  EXPECT_EQ(FormatAmzDate(time), "20261123T082053Z");
  EXPECT_EQ(FormatHttpDate(time), "Mon, 23 Nov 2026 08:20:53 GMT");
  EXPECT_EQ(*ParseAmzDate("20261123T082053Z"), time - 123ms);
  EXPECT_EQ(*ParseHttpDate("Mon, 23 Nov 2026 08:20:53 GMT"), time - 123ms);
  EXPECT_EQ(*ParseIso8601("2026-11-23T09:20:53.123+01:00"), time);
}

TEST(TimeTest, NonsenseDatesAreRefused) {
  for (const char* text :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T08:20:53", "x"}) {
    EXPECT_FALSE(ParseIso8601(text).ok()) << text;
    EXPECT_FALSE(ParseAmzDate(text).ok()) << text;
    EXPECT_FALSE(ParseHttpDate(text).ok()) << text;
  }
}

TEST(TimeTest, DurationsNeedAUnit) {
  EXPECT_EQ(*ParseDuration("1m30s"), 90s);
  EXPECT_EQ(*ParseDuration("500ms"), 500ms);
  EXPECT_EQ(FormatDuration(90s), "90s");
  EXPECT_EQ(FormatDuration(1500ms), "1500ms");
  EXPECT_EQ(*ParseDuration("8000000000s"), 8'000'000'000s);
  for (const Duration longest : {Duration::max(), Duration(60'159'901'705ms)}) {
    EXPECT_EQ(ParseDuration(FormatDuration(longest)).value(), longest);
  }
  EXPECT_FALSE(ParseDuration("9223372036854775808ns").ok());
  EXPECT_FALSE(ParseDuration("99999999999999999999999s").ok());
  EXPECT_EQ(HumanDuration(Duration::max()), "2562047 h 47 min");
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5parsecs", "99999999999d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

}  // namespace
}  // namespace leeward::base
