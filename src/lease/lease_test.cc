// Terms and records: what is refused, and that what is written is read back.
#include <gtest/gtest.h>

#include "lease/record.h"
#include "lease/terms.h"

namespace leeward::lease {
namespace {

using namespace std::chrono_literals;

TEST(TermsTest, DefaultsHoldTogetherForEveryLengthTheSpecAllows) {
  for (const base::Duration ttl :
       {base::Duration(500ms), base::Duration(2s), base::Duration(5min)}) {
    const Terms terms = TermsFor(ttl);
    EXPECT_TRUE(Validate(terms).ok()) << Validate(terms).error().message();
    EXPECT_LT(HolderLimit(terms), ttl);
    EXPECT_LT(FenceAfter(terms) + terms.fence_budget, ttl);
    EXPECT_GT(TakerWait(terms, ttl), ttl);
  }
}

TEST(TermsTest, TwoSecondsAreCountedAsThePageSays) {
  const Terms terms = TermsFor(2s);
  EXPECT_LE(HolderLimit(terms), 1800ms);
  EXPECT_GT(HolderLimit(terms), 1799ms);
  EXPECT_GE(TakerWait(terms, 2s), 2300ms);
  EXPECT_LT(TakerWait(terms, 2s), 2301ms);
  // A clock that ran ten per cent fast counted 10 s while 9.09 s went by.
  EXPECT_LE(SurelyPassed(terms, 10s), 9090ms);
  EXPECT_GE(SurelyPassed(terms, 10s), 8999ms);
  EXPECT_EQ(SurelyPassed(terms, -1s), 0s);
}

TEST(TermsTest, RefusesWhatWouldCloseTheDoorAtOneLostAnswer) {
  Terms terms = TermsFor(2s);
  terms.store_timeout = 600ms;
  const base::Status status = Validate(terms);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message().find("one lost answer"), std::string::npos);
}

TEST(TermsTest, RefusesWhatIsOutOfRange) {
  for (const auto spoil :
       {+[](Terms* t) { t->ttl = 50ms; }, +[](Terms* t) { t->ttl = 1h; },
        +[](Terms* t) { t->drift_ppm = -1; }, +[](Terms* t) { t->drift_ppm = 500'000; },
        +[](Terms* t) { t->margin = -1ms; }, +[](Terms* t) { t->margin = 3s; },
        +[](Terms* t) { t->renew_every = 0ms; }, +[](Terms* t) { t->fence_budget = 0ms; },
        +[](Terms* t) { t->store_timeout = 0ms; }}) {
    Terms terms = TermsFor(2s);
    spoil(&terms);
    EXPECT_FALSE(Validate(terms).ok());
  }
}

Record Sample() {
  return {.epoch = 4,
          .holder = model::Region("us-west-2"),
          .who = "guard-3fa2",
          .ttl = 2s,
          .renewal = 17,
          .guarded = true,
          .released = false,
          .how = How::kExpired,
          .from = model::Region("us-east-1"),
          .from_epoch = 3};
}

TEST(RecordTest, IsReadBackAsWritten) {
  const std::string text = ToJson(Sample());
  EXPECT_EQ(
      text,
      R"({"epoch":4,"holder":"us-west-2","who":"guard-3fa2","ttl_ns":2000000000,"renewal":17,)"
      R"("guarded":true,"released":false,"from":"us-east-1","from_epoch":3,"how":"expired"})");
  const auto read = RecordFromJson(text);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, Sample());
}

TEST(RecordTest, EveryCutIsCorrupt) {
  const std::string text = ToJson(Sample());
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto read = RecordFromJson(text.substr(0, length));
    ASSERT_FALSE(read.ok()) << length;
    EXPECT_EQ(read.error().code(), base::ErrorCode::kCorrupt);
  }
}

TEST(RecordTest, RefusesWhatItDoesNotKnow) {
  const std::string text = ToJson(Sample());
  const auto with = [&](const std::string& part, const std::string& instead) {
    std::string changed = text;
    const auto at = changed.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return changed.replace(at, part.size(), instead);
  };
  for (const std::string& bad :
       {with("\"epoch\":4", "\"epoch\":0"), with("\"epoch\":4", "\"epoch\":-4"),
        with("\"epoch\":4", "\"epoch\":4.5"), with("\"epoch\":4", "\"epoc\":4"),
        with("\"holder\":\"us-west-2\"", "\"holder\":\"\""), with("2000000000", "0"),
        with("2000000000", "9000000000000000000"), with("\"expired\"", "\"guessed\""),
        with("\"epoch\":4", "\"epoch\":4,\"extra\":1"), with("true", "1"),
        with("guard-3fa2", std::string(5000, 'x')), std::string("[]"), std::string("null")}) {
    EXPECT_FALSE(RecordFromJson(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace leeward::lease
