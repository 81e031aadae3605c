// Two controllers with journals of their own and one store: who goes on, with what, and who not.
#include "driver/join.h"

#include <gtest/gtest.h>

#include "execute/execute.h"
#include "ports/testing/memory_files.h"
#include "ports/testing/memory_store.h"

namespace leeward::driver {
namespace {

using base::ErrorCode;
using base::Result;
using model::Event;
using model::EventKind;
using ports::testing::MemoryFiles;
using ports::testing::MemoryStore;

constexpr char kPath[] = "journal.lwj";

Event Make(EventKind kind, const std::string& execution,
           std::map<std::string, std::string> fields) {
  Event event;
  event.at = base::WallTime{base::Duration(1'000'000'000)};
  event.kind = kind;
  event.execution = model::ExecutionId(execution);
  event.fields = std::move(fields);
  return event;
}
Event Start(const std::string& execution) {
  return Make(EventKind::kExecutionStarted, execution,
              {{"action", "failover"}, {"actor", "serve:one"}, {"plan", "{}"}});
}
Event Intent(const std::string& execution, const std::string& attempt) {
  return Make(EventKind::kStepIntended, execution, {{"attempt", attempt}});
}
Event End(const std::string& execution, const std::string& outcome) {
  return Make(EventKind::kExecutionFinished, execution, {{"outcome", outcome}});
}

// A controller's disk. Life: its process.
struct Controller {
  Controller(MemoryStore& at, std::string called) : store(at), name(std::move(called)) {}
  MemoryStore& store;
  const std::string name;
  MemoryFiles disk;
  ports::ManualClock clock{base::WallTime{}};
  int numbered = 0;

  struct Life {
    std::unique_ptr<journal::Mirror> mirror;
    journal::Journal::Opened opened;
    Result<std::string> joined = std::string();
    bool Write(std::vector<Event> events) { return opened.journal->Append(std::move(events)).ok(); }
    bool Unfinished() const { return execute::FindUnfinished(opened.events).has_value(); }
  };
  Life Live(bool with_store = true) {
    disk.LosePower();
    auto mirror = std::make_unique<journal::Mirror>(
        store, clock,
        journal::Mirror::Options{.application = model::ApplicationName("shop"),
                                 .writer = name,
                                 .pause = [this](base::Duration wait) {
                                   clock.Advance(wait);
                                   return true;
                                 }});
    auto opened = journal::Journal::Open(disk, kPath);
    CHECK(opened.ok());
    Life life{std::move(mirror), *std::move(opened)};
    if (with_store) life.joined = Join(life.opened, *life.mirror, clock.Now());
    return life;
  }
  std::vector<Event> Records() {
    auto contents = journal::Read(disk, kPath);
    CHECK(contents.ok());
    return contents->events;
  }
};

std::vector<Event> Of(const std::vector<Event>& events, const std::string& execution) {
  std::vector<Event> found;
  for (const Event& event : events) {
    if (event.execution.str() == execution) found.push_back(event);
  }
  return found;
}

struct Pair {
  MemoryStore store;
  Controller one{store, "serve:one"}, other{store, "serve:other"};
};

TEST(JoinTest, AnotherControllerGoesOnFromTheMirror) {
  Pair pair;
  Controller::Life one = pair.one.Live();
  ASSERT_TRUE(one.Write({Start("x"), Intent("x", "1")}));
  Controller::Life other = pair.other.Live();
  ASSERT_TRUE(other.joined.ok()) << other.joined.error().message();
  EXPECT_NE(other.joined->find("2 records of the failover x that serve:one wrote"),
            std::string::npos);
  const auto unfinished = execute::FindUnfinished(other.opened.events);
  ASSERT_TRUE(unfinished);
  EXPECT_EQ(unfinished->execution.str(), "x");
  ASSERT_TRUE(other.Write({Intent("x", "2")}));
  EXPECT_FALSE(one.Write({Intent("x", "3")})) << "it was gone on without";
  ASSERT_TRUE(other.Write({End("x", "done")}));
  EXPECT_TRUE(journal::Verify(pair.other.disk, kPath).ok());
  // The first is started again: it does nothing, says why, and its journal is whole and ended.
  Controller::Life again = pair.one.Live();
  ASSERT_TRUE(again.joined.ok());
  EXPECT_NE(again.joined->find("gone on with by serve:other and is done"), std::string::npos);
  EXPECT_FALSE(again.Unfinished());
  EXPECT_TRUE(journal::Verify(pair.one.disk, kPath).ok());
  EXPECT_EQ(*pair.one.Live().joined, "") << "it is said once";
}

TEST(JoinTest, TheyMayTakeTurns) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live().Write({Start("x"), Intent("x", "1")}));
  ASSERT_TRUE(pair.other.Live().Write({Intent("x", "2")}));
  ASSERT_TRUE(pair.one.Live().Write({Intent("x", "3")}));
  Controller::Life other = pair.other.Live();
  ASSERT_TRUE(other.Write({Intent("x", "4"), End("x", "done")}));
  EXPECT_EQ(Of(pair.one.Records(), "x").size(), 4u);
  EXPECT_EQ(Of(pair.other.Records(), "x").size(), 6u);
}

TEST(JoinTest, AFileThatIsBehindItsMirrorIsFilledUp) {
  Pair pair;
  {
    Controller::Life one = pair.one.Live();
    ASSERT_TRUE(one.Write({Start("x")}));
    pair.one.disk.SetSpace(0);
    EXPECT_FALSE(one.Write({Intent("x", "1")})) << "the store has it, the disk could not";
    pair.one.disk.SetSpace(std::nullopt);
  }
  EXPECT_EQ(Of(pair.one.Records(), "x").size(), 1u);
  Controller::Life one = pair.one.Live();
  ASSERT_TRUE(one.joined.ok());
  EXPECT_EQ(Of(pair.one.Records(), "x").size(), 2u);
  EXPECT_TRUE(one.Write({Intent("x", "2")}));
}

TEST(JoinTest, AnEndThatTheDiskHadNoRoomForIsFilledIn) {
  Pair pair;
  {
    Controller::Life one = pair.one.Live();
    ASSERT_TRUE(one.Write({Start("x")}));
    pair.one.disk.SetSpace(0);
    EXPECT_FALSE(one.Write({Intent("x", "1"), End("x", "done")}));
    pair.one.disk.SetSpace(std::nullopt);
  }
  Controller::Life one = pair.one.Live();
  ASSERT_TRUE(one.joined.ok()) << one.joined.error().message();
  EXPECT_NE(one.joined->find("2 records of the failover x that serve:one wrote"), std::string::npos)
      << *one.joined;
  EXPECT_FALSE(one.Unfinished());
  EXPECT_EQ(Of(pair.one.Records(), "x").size(), 3u) << "its own records, not another's word for it";
  EXPECT_EQ(pair.store.entries.size(), 1u);
  EXPECT_EQ(*pair.one.Live().joined, "") << "it is said once";
}

TEST(JoinTest, CutAtEveryRecordOfTheFetchItIsFetchedAgain) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live().Write({Start("x"), Intent("x", "1"), Intent("x", "2")}));
  for (std::uint64_t space = 17; space < 1200; space += 50) {
    Controller other(pair.store, "serve:other");
    other.disk.SetSpace(space);
    (void)other.Live();
    other.disk.SetSpace(std::nullopt);
    ASSERT_TRUE(other.Live().joined.ok()) << space;
    EXPECT_EQ(Of(other.Records(), "x").size(), 3u) << space;
  }
}

TEST(JoinTest, AMirrorThatIsAnotherHistoryIsRefused) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live().Write({Start("x"), Intent("x", "1")}));
  Event start = Start("x");
  start.fields["mirrored"] = "yes";
  ASSERT_TRUE(pair.other.Live(/*with_store=*/false).Write({start, Intent("x", "7")}));
  const Controller::Life other = pair.other.Live();
  ASSERT_FALSE(other.joined.ok());
  EXPECT_EQ(other.joined.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(other.joined.error().message().find("differ from its record 2 on"), std::string::npos);
  EXPECT_EQ(pair.other.Records().size(), 2u) << "nothing was changed";
}

TEST(JoinTest, WhatWasWrittenWithoutTheStoreIsBroughtThereLater) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live().Write({Start("x"), Intent("x", "1")}));
  ASSERT_TRUE(pair.one.Live(/*with_store=*/false).Write({Intent("x", "2"), End("x", "done")}));
  ASSERT_TRUE(pair.one.Live().joined.ok());
  EXPECT_FALSE(pair.other.Live().Unfinished());
  EXPECT_EQ(pair.store.entries.size(), 1u);
}

TEST(JoinTest, AnExecutionThatAnotherBeginningEndedIsOverHereToo) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live().Write({Start("x")}));
  ASSERT_TRUE(pair.other.Live().Write({End("x", "done"), Start("y")}));
  Controller::Life one = pair.one.Live();
  ASSERT_TRUE(one.joined.ok()) << one.joined.error().message();
  const auto unfinished = execute::FindUnfinished(one.opened.events);
  ASSERT_TRUE(unfinished);
  EXPECT_EQ(unfinished->execution.str(), "y");
}

TEST(JoinTest, TwoThatWereBegunApartAreLeftToAPerson) {
  Pair pair;
  ASSERT_TRUE(pair.one.Live(/*with_store=*/false).Write({Start("x")}));
  ASSERT_TRUE(pair.other.Live().Write({Start("y")}));
  const Controller::Life one = pair.one.Live();
  ASSERT_FALSE(one.joined.ok());
  EXPECT_EQ(one.joined.error().code(), ErrorCode::kWrongState);
}

}  // namespace
}  // namespace leeward::driver
