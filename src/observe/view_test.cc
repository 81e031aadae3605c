#include "observe/view.h"

#include <gtest/gtest.h>

namespace leeward::observe {
namespace {

View Example() {
  View view;
  view.who = "observer-1";
  view.from = model::Region("eu-west-1");
  view.sequence = 17;
  view.at = {base::Duration(1'795'421'000'000'000'000)};
  view.looks = {
      {{model::Region("us-east-1"), model::Signal::kStore, model::ComponentName("orders")},
       model::Health::kDown,
       3,
       12,
       "connect timed out, 3 in a row"},
      {{model::Region("us-east-1"), model::Signal::kControlPlane, {}},
       model::Health::kUp,
       0,
       12,
       "answers"}};
  return view;
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(ViewTest, IsReadAsItWasWritten) {
  const base::Result<View> read = ViewFromJson(ToJson(Example()));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, Example());
}

TEST(ViewTest, AReasonIsCutAndBytesThatAreNoTextAreReplaced) {
  View view = Example();
  view.looks[0].reason = std::string(5000, '\xff');
  const base::Result<View> read = ViewFromJson(ToJson(view));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_LT(read->looks[0].reason.size(), 512u);
}

TEST(ViewTest, EveryTornViewIsRefused) {
  const std::string whole = ToJson(Example());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ViewFromJson(whole.substr(0, size)).ok()) << size;
  }
}

TEST(ViewTest, WhatIsUnknownMissingTwiceOrOutOfRangeIsRefused) {
  const std::string good = ToJson(Example());
  const std::pair<std::string, std::string> changes[] = {
      {"\"v\":1", "\"v\":2"},
      {"\"v\":1", "\"v\":1,\"more\":0"},
      {"\"v\":1,", ""},
      {"\"sequence\":17", "\"sequence\":-1"},
      {"\"sequence\":17", "\"sequence\":17.5"},
      {"\"sequence\":17", "\"sequence\":18446744073709551615"},
      {"\"sequence\":17", "\"sequence\":17,\"sequence\":17"},
      {"\"who\":\"observer-1\"", "\"who\":\"\""},
      {"\"from\":\"eu-west-1\"", "\"from\":7"},
      {"\"at\":\"2026", "\"at\":\"when"},
      {"\"health\":\"down\"", "\"health\":\"unknown\""},
      {"\"health\":\"down\"", "\"health\":\"dead\""},
      {"\"health\":\"down\"", "\"health\":\"down\",\"health\":\"up\""},
      {"\"signal\":\"store\"", "\"signal\":\"rumour\""},
      {"\"failures\":3,", ""},
      {"\"probes\":12", "\"probes\":\"12\""},
  };
  for (const auto& [what, with] : changes) {
    const base::Result<View> read = ViewFromJson(Replaced(good, what, with));
    EXPECT_FALSE(read.ok()) << with;
    if (!read.ok()) {
      EXPECT_EQ(read.error().code(), base::ErrorCode::kCorrupt);
    }
  }
  EXPECT_FALSE(ViewFromJson(good + good).ok());
  EXPECT_FALSE(ViewFromJson(std::string(1u << 20, ' ') + good).ok());
}

TEST(ViewTest, OneTargetCannotBeThereTwice) {
  View view = Example();
  view.looks[1] = view.looks[0];
  EXPECT_FALSE(ViewFromJson(ToJson(view)).ok());
}

}  // namespace
}  // namespace leeward::observe
