#include "decide/consistency.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace leeward::decide {
namespace {

using model::Named;
using model::Place;

base::WallTime At(std::int64_t second) {
  return base::WallTime{std::chrono::seconds(1'000'000 + second)};
}

model::Reference Carts() {
  model::Reference reference;
  reference.name = "orders name their carts";
  reference.from = model::ComponentName("orders");
  reference.to = model::ComponentName("carts");
  reference.key = "{cart}";
  reference.at = "placed_at";
  return reference;
}

LookedAt LookedRow(const std::string& cart, std::int64_t second, Named found) {
  LookedAt row;
  row.row = {{"id", "order of " + cart}, {"cart", cart}};
  row.at = At(second);
  row.naming = NamingOf(Carts(), row.row);
  row.found = found;
  return row;
}

//   0 ────── line 10 ────── to's own point 12 ────── cut 20 ──── the recovery Region's
Reach TenToTwenty() { return {At(10), At(12), At(20), std::chrono::milliseconds(100)}; }

TEST(ConsistencyTest, ARowStandsWhereItWasWritten) {
  const Reach reach = TenToTwenty();
  EXPECT_EQ(PlaceOf(At(9), reach), Place::kBefore);
  EXPECT_EQ(PlaceOf(At(10), reach), Place::kBefore) << "up to the line everything arrived";
  EXPECT_EQ(PlaceOf(At(11), reach), Place::kBeyond);
  EXPECT_EQ(PlaceOf(At(20) + std::chrono::milliseconds(50), reach), Place::kBeyond)
      << "clocks differ";
  EXPECT_EQ(PlaceOf(At(21), reach), Place::kAfter);
  EXPECT_EQ(PlaceOf(std::nullopt, reach), Place::kUnknown);
  EXPECT_EQ(PlaceOf(At(11), {std::nullopt, At(12), At(20), {}}), Place::kUnknown);
}

TEST(ConsistencyTest, WhatIsMissingIsListedWhereverItStands) {
  for (const std::int64_t second : {1, 11, 15, 30}) {
    EXPECT_TRUE(IsListed(LookedRow("a", second, Named::kMissing), TenToTwenty())) << second;
    EXPECT_TRUE(IsListed(LookedRow("a", second, Named::kUnverified), TenToTwenty())) << second;
  }
  LookedAt timeless = LookedRow("a", 1, Named::kMissing);
  timeless.at.reset();
  EXPECT_TRUE(IsListed(timeless, {}));
}

TEST(ConsistencyTest, WhatIsThereIsListedWhereItMayBeOlderThanItsRow) {
  EXPECT_FALSE(IsListed(LookedRow("a", 11, Named::kThere), TenToTwenty()))
      << "its store had it by then";
  EXPECT_TRUE(IsListed(LookedRow("a", 13, Named::kThere), TenToTwenty()));
  EXPECT_FALSE(IsListed(LookedRow("a", 30, Named::kThere), TenToTwenty())) << "written here";
  EXPECT_FALSE(
      IsListed(LookedRow("a", 13, Named::kThere), {std::nullopt, std::nullopt, At(20), {}}));
}

TEST(ConsistencyTest, ARowThatNamesNothingIsCountedAndNotListed) {
  LookedAt row = LookedRow("a", 15, Named::kUnverified);
  row.row["cart"] = std::nullopt;
  row.naming = NamingOf(Carts(), row.row);
  const Judged judged = JudgeReference(Carts(), {row}, TenToTwenty());
  EXPECT_EQ(judged.counts.rows, 1);
  EXPECT_EQ(judged.counts.nameless, 1);
  EXPECT_EQ(judged.counts.unverified, 0);
  EXPECT_TRUE(judged.entries.empty());
}

TEST(ConsistencyTest, KeysAndPathsAreFilledFromColumns) {
  model::Reference reference = Carts();
  reference.range = "of:{id}";
  Naming naming = NamingOf(reference, {{"cart", "c 1"}, {"id", "7"}});
  EXPECT_EQ(naming.kind, Naming::Kind::kKey);
  EXPECT_EQ(naming.key, "c 1");
  EXPECT_EQ(naming.range, "of:7");
  naming = NamingOf(reference, {{"cart", "c 1"}});
  EXPECT_EQ(naming.kind, Naming::Kind::kBad);
  EXPECT_EQ(naming.why, "the rows have no column 'id'");

  reference = Carts();
  reference.get = "/uploads/{file}?small";
  EXPECT_EQ(NamingOf(reference, {{"file", "2026/a b?.jpg"}}).key,
            "/uploads/2026/a%20b%3F.jpg?small");
  for (const char* bad : {"", "..", "../orders/1", "a/./b"})
    EXPECT_EQ(NamingOf(reference, {{"file", bad}}).kind, Naming::Kind::kBad) << bad;
}

// The same by the obvious way: a set of names for each question.
TEST(ConsistencyTest, EveryRowIsCountedOnceAndTheListIsWholeWhateverTheOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<LookedAt> rows;
    std::set<std::string> missing, unverified, old;
    const int count = static_cast<int>(random() % 40);
    for (int i = 0; i < count; ++i) {
      const auto found = static_cast<Named>(random() % 3);
      const auto second = static_cast<std::int64_t>(random() % 30);
      const std::string name = "c" + std::to_string(i);
      rows.push_back(LookedRow(name, second, found));
      if (found == Named::kMissing) missing.insert(name);
      if (found == Named::kUnverified) unverified.insert(name);
      if (found == Named::kThere && second > 12 && second <= 20) old.insert(name);
    }
    std::shuffle(rows.begin(), rows.end(), random);
    const Judged judged = JudgeReference(Carts(), rows, TenToTwenty());
    std::set<std::string> listed_missing, listed_unverified, listed_there;
    for (const model::RepairEntry& entry : judged.entries) {
      std::set<std::string>& into = entry.found == Named::kMissing      ? listed_missing
                                    : entry.found == Named::kUnverified ? listed_unverified
                                                                        : listed_there;
      EXPECT_TRUE(into.insert(entry.names).second) << "twice";
    }
    EXPECT_EQ(listed_missing, missing);
    EXPECT_EQ(listed_unverified, unverified);
    EXPECT_EQ(listed_there, old);
    const model::ReferenceCounts& counts = judged.counts;
    EXPECT_EQ(counts.rows, count);
    EXPECT_EQ(counts.rows, counts.there + counts.missing + counts.unverified);
    EXPECT_EQ(counts.listed, static_cast<std::int64_t>(judged.entries.size()));
    EXPECT_TRUE(std::is_sorted(judged.entries.begin(), judged.entries.end(),
                               [](const auto& a, const auto& b) { return a.at < b.at; }));
  }
}

}  // namespace
}  // namespace leeward::decide
