#include "journal/mirror.h"

#include <gtest/gtest.h>

#include "journal/journal.h"
#include "ports/testing/memory_files.h"
#include "ports/testing/memory_store.h"

namespace leeward::journal {
namespace {

using base::ErrorCode;
using model::Event;
using model::EventKind;
using ports::testing::MemoryFiles;
using ports::testing::MemoryStore;

constexpr char kPath[] = "journal.lwj";
constexpr char kKey[] = "leeward/shop/journal";

Event Make(EventKind kind, const std::string& execution,
           std::map<std::string, std::string> fields) {
  Event event;
  event.at = base::WallTime{base::Duration(1'000'000'000)};
  event.kind = kind;
  event.execution = model::ExecutionId(execution);
  event.fields = std::move(fields);
  return event;
}
Event Start(const std::string& execution, const std::string& plan = "{}") {
  return Make(EventKind::kExecutionStarted, execution,
              {{"action", "failover"}, {"actor", "serve:one"}, {"plan", plan}});
}
Event Intent(const std::string& execution, const std::string& attempt) {
  return Make(EventKind::kStepIntended, execution, {{"attempt", attempt}});
}
Event End(const std::string& execution, const std::string& outcome) {
  return Make(EventKind::kExecutionFinished, execution, {{"outcome", outcome}});
}

// A controller: a journal on a disk of its own, mirrored.
struct Controller {
  Controller(MemoryStore& store, const std::string& name)
      : mirror(store, clock,
               {.application = model::ApplicationName("shop"),
                .writer = name,
                .pause = [this](base::Duration wait) {
                  clock.Advance(wait);
                  return !stopped;
                }}) {
    auto opened = Journal::Open(disk, kPath);
    CHECK(opened.ok() && mirror.Look().ok());
    journal = std::move(opened->journal);
    journal->MirrorTo(mirror);
  }
  base::Status Write(std::vector<Event> events) {
    const auto written = journal->Append(std::move(events));
    return written.ok() ? base::Ok() : base::Status(written.error());
  }
  std::uint64_t records() const { return journal->summary().records; }

  bool stopped = false;
  ports::ManualClock clock{base::WallTime{}};
  MemoryFiles disk;
  Mirror mirror;
  std::unique_ptr<Journal> journal;
};

// What another controller finds.
base::Result<std::vector<Event>> Found(MemoryStore& store) {
  Controller other(store, "serve:other");
  return other.mirror.Fetch();
}
std::string Why(MemoryStore& store) {
  ports::ManualClock clock{base::WallTime{}};
  Mirror mirror(store, clock,
                {.application = model::ApplicationName("shop"),
                 .writer = "serve:other",
                 .pause = [](base::Duration) { return true; }});
  const auto head = mirror.Look();
  if (!head.ok()) return head.error().message();
  const auto events = mirror.Fetch();
  if (events.ok()) return "";
  EXPECT_EQ(events.error().code(), ErrorCode::kCorrupt);
  return events.error().message();
}
bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// An execution of several chunks.
void WriteMuch(Controller& one) {
  ASSERT_TRUE(one.Write({Start("x", std::string(3 * kMirrorChunk, 'p')), Intent("x", "1")}).ok());
  for (int i = 2; i < 6; ++i) ASSERT_TRUE(one.Write({Intent("x", std::to_string(i))}).ok());
}

TEST(MirrorTest, WhatOneWroteAnotherReads) {
  MemoryStore store;
  Controller one(store, "serve:one");
  Event verdict = Make(EventKind::kVerdict, "", {{"region", "us-east-1"}});
  ASSERT_TRUE(one.Write({verdict}).ok());
  EXPECT_EQ(store.writes, 0);
  WriteMuch(one);
  const auto found = Found(store);
  ASSERT_TRUE(found.ok()) << found.error().message();
  const auto local = Read(one.disk, kPath);
  ASSERT_TRUE(local.ok());
  ASSERT_EQ(found->size(), 7u);
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_EQ((*found)[i].kind, local->events[i].kind);
    EXPECT_EQ((*found)[i].fields, local->events[i].fields);
    EXPECT_EQ((*found)[i].sequence, local->events[i].sequence);
  }
  EXPECT_EQ((*found)[1].Field(kMirroredField), "yes");
  for (const auto& [key, entry] : store.entries) EXPECT_LT(entry.value.size(), 64u << 10) << key;
}

TEST(MirrorTest, ARecordOfTheUsualSizeIsOneWrite) {
  MemoryStore store;
  Controller one(store, "serve:one");
  ASSERT_TRUE(one.Write({Start("x"), Intent("x", "1")}).ok());
  ASSERT_TRUE(one.Write({Intent("x", "2")}).ok());
  EXPECT_EQ(store.writes, 2);
}

TEST(MirrorTest, OnlyMovesAreMirrored) {
  MemoryStore store;
  Controller one(store, "serve:one");
  Event protect = Start("p");
  protect.fields["action"] = "protect";
  ASSERT_TRUE(one.Write({protect, Intent("p", "1"), End("p", "done")}).ok());
  EXPECT_EQ(store.writes, 0);
}

TEST(MirrorTest, WhatTheStoreDoesNotTakeIsNotInTheFileEither) {
  MemoryStore store;
  Controller one(store, "serve:one");
  ASSERT_TRUE(one.Write({Start("x")}).ok());
  store.away = true;
  const base::Status lost = one.Write({Intent("x", "1")});
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(one.records(), 1u);
  store.away = false;
  EXPECT_TRUE(one.Write({Intent("x", "1")}).ok());
  EXPECT_EQ(Found(store)->size(), 2u);
}

TEST(MirrorTest, AStopEndsTheWaitForTheStore) {
  MemoryStore store;
  Controller one(store, "serve:one");
  ASSERT_TRUE(one.Write({Start("x")}).ok());
  store.away = one.stopped = true;
  EXPECT_EQ(one.Write({Intent("x", "1")}).error().code(), ErrorCode::kCancelled);
}

TEST(MirrorTest, ALostCallIsMadeAgainAndALostAnswerIsNotWrittenTwice) {
  MemoryStore store;
  Controller one(store, "serve:one");
  store.lost_calls = 2;
  ASSERT_TRUE(one.Write({Start("x")}).ok());
  store.lost_answers = 1;
  const base::Status written = one.Write({Intent("x", "1")});
  ASSERT_TRUE(written.ok()) << written.error().message();
  ASSERT_TRUE(one.Write({Intent("x", "2")}).ok());
  EXPECT_EQ(Found(store)->size(), 3u);
}

TEST(MirrorTest, WhoWasGoneOnWithoutWritesNothingMore) {
  MemoryStore store;
  Controller one(store, "serve:one");
  ASSERT_TRUE(one.Write({Start("x"), Intent("x", "1")}).ok());
  {
    Controller other(store, "serve:other");
    ASSERT_TRUE(other.Write({Intent("x", "2")}).ok());
    const base::Status stale = one.Write({Intent("x", "3")});
    ASSERT_FALSE(stale.ok());
    EXPECT_EQ(stale.error().code(), ErrorCode::kCancelled);
    EXPECT_TRUE(Has(stale.error().message(), "serve:other went on with execution x"));
    ASSERT_TRUE(other.Write({End("x", "done")}).ok());
  }
  // Cut down since, and even then.
  const base::Status stale = one.Write({Intent("x", "3")});
  EXPECT_EQ(stale.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(one.records(), 2u);
}

TEST(MirrorTest, AnExecutionThatIsOverIsCutDownToItsHead) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  EXPECT_GT(store.entries.size(), 3u);
  ASSERT_TRUE(one.Write({End("x", "failed")}).ok());
  EXPECT_GT(store.entries.size(), 3u) << "it can be gone on with";
  ASSERT_TRUE(one.Write({End("x", "done")}).ok());
  ASSERT_EQ(store.entries.size(), 1u);
  EXPECT_LT(store.entries.at(kKey).value.size(), 512u);
  Controller other(store, "serve:other");
  const auto head = other.mirror.Look();
  ASSERT_TRUE(head.ok() && *head);
  EXPECT_EQ((*head)->outcome, "done");
  EXPECT_EQ((*head)->writer, "serve:one");
  EXPECT_TRUE((*head)->cut());
  ASSERT_TRUE(other.Write({Start("y")}).ok());
  EXPECT_EQ(Found(store)->size(), 1u);
}

TEST(MirrorTest, WhatACrashLeftOfAnEndedOneIsGoneWithTheNext) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  std::vector<Event> end = {End("x", "done")};
  ASSERT_TRUE(one.mirror.Put(end).ok());  // and no more
  Controller other(store, "serve:other");
  ASSERT_TRUE(other.Write({Start("y")}).ok());
  EXPECT_EQ(store.entries.size(), 1u);
}

TEST(MirrorTest, AGapIsRefusedByName) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  ASSERT_EQ(Why(store), "");
  for (const auto& [key, entry] : std::map(store.entries.begin(), store.entries.end())) {
    if (key == kKey) continue;
    store.entries.erase(key);
    const std::string why = Why(store);
    EXPECT_TRUE(Has(why, "is missing") && Has(why, "execution x")) << why;
    store.entries[key] = entry;
  }
}

TEST(MirrorTest, EveryChangedByteIsFound) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  for (auto& [key, entry] : store.entries) {
    const std::string whole = entry.value;
    const std::size_t stride = key == kKey ? 1 : 997;
    for (std::size_t at = 0; at < whole.size(); at += stride) {
      entry.value[at] = static_cast<char>(entry.value[at] ^ 1);
      EXPECT_TRUE(Has(Why(store), "is broken")) << key << " byte " << at;
      entry.value = whole;
      if (key != kKey) continue;
      entry.value.resize(at);
      EXPECT_TRUE(Has(Why(store), "is broken")) << key << " cut at " << at;
      entry.value = whole;
    }
  }
}

TEST(MirrorTest, ADamagedChunkIsMendedByWhoBringsItAnew) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  for (auto& [key, entry] : store.entries) {
    if (key != kKey) entry.value[5] ^= 1;
  }
  store.entries.erase(kKey);
  auto local = Read(one.disk, kPath);
  ASSERT_TRUE(local.ok() && one.mirror.Look().ok());
  ASSERT_TRUE(one.mirror.Put(local->events).ok());
  EXPECT_EQ(Why(store), "");
}

TEST(MirrorTest, ChunksInAnotherOrderAreRefused) {
  MemoryStore store;
  Controller one(store, "serve:one");
  WriteMuch(one);
  auto first = store.entries.begin();
  while (first->first == kKey) ++first;
  auto second = std::next(first);
  ASSERT_NE(second, store.entries.end());
  std::swap(first->second.value, second->second.value);
  EXPECT_TRUE(Has(Why(store), "does not have the hash"));
}

}  // namespace
}  // namespace leeward::journal
