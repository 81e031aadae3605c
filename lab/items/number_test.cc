#include "lab/items/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::MessageOf;

Number N(std::string_view text) { return std::move(Number::Parse(text)).value(); }
std::string Canonical(std::string_view text) { return N(text).Text(); }

const std::string kNines(38, '9');

TEST(Number, WritesTheCanonicalText) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"0", "0"},
      {"-0", "0"},
      {"0.00", "0"},
      {"+0E5", "0"},
      {"1E3", "1000"},
      {"1e+3", "1000"},
      {"-12.50", "-12.5"},
      {"+007", "7"},
      {".5", "0.5"},
      {"5.", "5"},
      {"1E-3", "0.001"},
      {"123.456E2", "12345.6"},
      {"100", "100"},
      {"0.00012", "0.00012"},
      {"1.0", "1"},
      {"18446744073709551616", "18446744073709551616"},
      {kNines, kNines},
      {"-0." + kNines, "-0." + kNines},
      {"1E125", "1" + std::string(125, '0')},
      {"1E-130", "0." + std::string(129, '0') + "1"},
      {std::string(200, '0') + "1" + std::string(100, '0'), "1" + std::string(100, '0')},
  };
  for (const auto& [text, canonical] : cases) EXPECT_EQ(Canonical(text), canonical) << text;
}

TEST(Number, RefusesWhatIsNoNumber) {
  constexpr auto kMessage = "The parameter cannot be converted to a numeric value";
  EXPECT_EQ(MessageOf(Number::Parse("")), kMessage);
  for (const std::string text : {"abc", "1a", "-", "+", ".", "e5", "1e", "1e+", "1e5.0", "1.2.3",
                                 " 1", "1 ", "NaN", "Infinity", "0x10", "--1", "1,5"}) {
    EXPECT_EQ(MessageOf(Number::Parse(text)), std::string(kMessage) + ": " + text);
  }
}

TEST(Number, RefusesWhatIsOutOfRange) {
  constexpr auto kOver =
      "Number overflow. Attempting to store a number with magnitude larger than supported range";
  constexpr auto kUnder =
      "Number underflow. Attempting to store a number with magnitude smaller than supported range";
  constexpr auto kDigits = "Attempting to store more than 38 significant digits in a Number";
  EXPECT_EQ(MessageOf(Number::Parse("1E126")), kOver);
  EXPECT_EQ(MessageOf(Number::Parse("-1E126")), kOver);
  EXPECT_EQ(MessageOf(Number::Parse("1E99999999999999999999")), kOver);
  EXPECT_EQ(MessageOf(Number::Parse("1E-131")), kUnder);
  EXPECT_EQ(MessageOf(Number::Parse("1E-99999999999999999999")), kUnder);
  EXPECT_EQ(MessageOf(Number::Parse(kNines + "9")), kDigits);
  EXPECT_EQ(MessageOf(Number::Parse("1" + std::string(37, '0') + "1")), kDigits);
  EXPECT_EQ(MessageOf(Number::Parse("1" + std::string(36, '0') + "1")), "");
  EXPECT_EQ(MessageOf(Number::Parse("9." + std::string(37, '9') + "E125")), "");
}

TEST(Number, AddsAndSubtractsExactly) {
  EXPECT_EQ(N("0.1").Plus(N("0.2"))->Text(), "0.3");
  EXPECT_EQ(N("1").Minus(N("1"))->Text(), "0");
  EXPECT_EQ(N("5").Minus(N("7"))->Text(), "-2");
  EXPECT_EQ(N("-5").Plus(N("7"))->Text(), "2");
  EXPECT_EQ(N("-5").Minus(N("-7"))->Text(), "2");
  EXPECT_EQ(N("999").Plus(N("1"))->Text(), "1000");
  EXPECT_EQ(N("0").Minus(N("3"))->Text(), "-3");
  EXPECT_EQ(N(kNines).Plus(N("1"))->Text(), "1" + std::string(38, '0'));
  EXPECT_EQ(N("1E38").Minus(N("1"))->Text(), kNines);
  EXPECT_EQ(N(kNines).Plus(N(kNines)).ok(), false);
  EXPECT_EQ(N("1E20").Plus(N("1E-17"))->Text(), "100000000000000000000.00000000000000001");
}

TEST(Number, RefusesSumsThatDoNotFit) {
  constexpr auto kDigits = "Attempting to store more than 38 significant digits in a Number";
  EXPECT_EQ(MessageOf(N("1E38").Plus(N("1"))), kDigits);
  EXPECT_EQ(MessageOf(N("2E38").Minus(N("1"))), kDigits);
  EXPECT_EQ(MessageOf(N("1E125").Plus(N("1E-130"))), kDigits);
  EXPECT_EQ(MessageOf(N("1E125").Minus(N("1"))), kDigits);
  const Number most = N("9." + std::string(37, '9') + "E125");
  EXPECT_EQ(MessageOf(most.Plus(most)),
            "Number overflow. Attempting to store a number with magnitude larger than supported "
            "range");
  EXPECT_EQ(most.Minus(most)->Text(), "0");
}

TEST(Number, AddsAsIntegersDo) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<std::int64_t> any(-1'000'000'000'000, 1'000'000'000'000);
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t a = any(random), b = any(random);
    EXPECT_EQ(Number::FromInteger(a).Plus(Number::FromInteger(b))->Text(), std::to_string(a + b));
    EXPECT_EQ(Number::FromInteger(a).Minus(Number::FromInteger(b))->ToInteger(), a - b);
    EXPECT_EQ(Number::FromInteger(a) < Number::FromInteger(b), a < b);
  }
}

TEST(Number, TurnsToIntegersTowardsZero) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(N("12.9").ToInteger(), 12);
  EXPECT_EQ(N("-12.9").ToInteger(), -12);
  EXPECT_EQ(N("0.9").ToInteger(), 0);
  EXPECT_EQ(N("1E3").ToInteger(), 1000);
  EXPECT_EQ(N("1E125").ToInteger(), kMost);
  EXPECT_EQ(N("-1E125").ToInteger(), -kMost - 1);
  EXPECT_EQ(N("9223372036854775807.5").ToInteger(), kMost);
  EXPECT_EQ(Number::FromInteger(kMost).Text(), "9223372036854775807");
  EXPECT_EQ(Number::FromInteger(-kMost - 1).Text(), "-9223372036854775808");
}

const std::vector<std::string>& Ascending() {
  static const std::vector<std::string> all = {
      "-9.9E125", "-1E125",   "-1234", "-1201", "-120.5",  "-120",
      "-12",      "-1.1",     "-1",    "-0.5",  "-1E-130", "0",
      "1E-130",   "1.5E-130", "0.009", "0.01",  "0.1",     "0.99",
      "1",        "1.1",      "9",     "10",    "12",      "100",
      "120",      "121",      "12345", "1E20",  "1E125",   "9." + std::string(37, '9') + "E125"};
  return all;
}

TEST(Number, ComparesByValueAndSoDoKeys) {
  for (std::size_t i = 0; i < Ascending().size(); ++i) {
    for (std::size_t j = 0; j < Ascending().size(); ++j) {
      const Number a = N(Ascending()[i]), b = N(Ascending()[j]);
      EXPECT_EQ(a < b, i < j) << Ascending()[i] << " " << Ascending()[j];
      EXPECT_EQ(a == b, i == j);
      std::string key_a, key_b;
      a.AppendKey(key_a);
      b.AppendKey(key_b);
      EXPECT_EQ(key_a < key_b, i < j) << Ascending()[i] << " " << Ascending()[j];
    }
  }
}

TEST(Number, ReadsBackItsKey) {
  for (const std::string& text : Ascending()) {
    std::string key;
    N(text).AppendKey(key);
    key += "rest";
    std::string_view in = key;
    const auto back = Number::ReadKey(in);
    ASSERT_TRUE(back.ok()) << text;
    EXPECT_EQ(back->Text(), Canonical(text));
    EXPECT_EQ(in, "rest");
    for (std::size_t cut = 0; cut < key.size() - 4; ++cut) {
      std::string_view part = std::string_view(key).substr(0, cut);
      EXPECT_FALSE(Number::ReadKey(part).ok());
    }
  }
  std::string_view bad("\x03\xFF\x65\x70\x00", 5);
  EXPECT_FALSE(Number::ReadKey(bad).ok());
}

TEST(Number, CountsDigitsAndBytes) {
  EXPECT_EQ(N("0").digits(), 0);
  EXPECT_EQ(N("0").Size(), 1U);
  EXPECT_EQ(N("100").digits(), 1);
  EXPECT_EQ(N("100").Size(), 2U);
  EXPECT_EQ(N("-1234.5").digits(), 5);
  EXPECT_EQ(N("-1234.5").Size(), 4U);
  EXPECT_EQ(N(kNines).Size(), 20U);
}

}  // namespace
}  // namespace leeward::lab::items
