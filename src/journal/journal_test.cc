#include "journal/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "journal/record.h"
#include "model/event_json.h"
#include "ports/testing/memory_files.h"

namespace leeward::journal {
namespace {

using model::Event;
using ports::testing::MemoryFiles;

constexpr char kPath[] = "state/journal.lwj";

Event Note(const std::string& text) {
  Event event;
  event.at = base::WallTime{base::Duration(1'000'000'000)};
  event.kind = model::EventKind::kNote;
  event.fields["text"] = text;
  return event;
}

std::unique_ptr<Journal> OpenNew(MemoryFiles& files) {
  base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
  CHECK_MSG(opened.ok(), opened.ok() ? "" : opened.error().message().c_str());
  return std::move(opened->journal);
}

// A journal of five records, and where each record ends.
std::string FiveRecords(std::vector<std::uint64_t>* ends) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  ends->push_back(journal->summary().bytes);
  for (const char* text : {"one", "two", "three", "four", "five"}) {
    CHECK(journal->Append({Note(text)}).ok());
    ends->push_back(journal->summary().bytes);
  }
  return files.Bytes(kPath);
}

std::vector<std::string> Texts(const std::vector<Event>& events) {
  std::vector<std::string> texts;
  texts.reserve(events.size());
  for (const Event& event : events) texts.emplace_back(event.Field("text"));
  return texts;
}

TEST(JournalTest, WhatIsAppendedComesBackInOrderWithNumbers) {
  MemoryFiles files;
  {
    const auto journal = OpenNew(files);
    const auto written = journal->Append({Note("a"), Note("b")});
    ASSERT_TRUE(written.ok());
    EXPECT_EQ((*written)[1].sequence, 2u);
    ASSERT_TRUE(journal->Append({Note("c")}).ok());
  }
  base::Result<Journal::Opened> again = Journal::Open(files, kPath);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(Texts(again->events), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(again->journal->summary().records, 3u);
  EXPECT_EQ(Verify(files, kPath)->last_hash, again->journal->summary().last_hash);
}

TEST(JournalTest, AHashIsFoundAtItsRecordAndAnothersIsNot) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  std::vector<std::string> heads = {journal->summary().last_hash};
  for (const char* text : {"one", "two", "three"}) {
    ASSERT_TRUE(journal->Append({Note(text)}).ok());
    heads.push_back(journal->summary().last_hash);
  }
  for (std::uint64_t i = 0; i < heads.size(); ++i) {
    const auto placed = Find(files, kPath, heads[i]);
    ASSERT_TRUE(placed.ok()) << placed.error().message();
    EXPECT_EQ(placed->record, i);
    EXPECT_EQ(placed->summary.records, 3u);
  }
  EXPECT_FALSE(Find(files, kPath, std::string(64, '0'))->record.has_value());
  EXPECT_FALSE(Find(files, kPath, "")->record.has_value());
  std::string damaged = files.Bytes(kPath);
  damaged[damaged.size() / 2] ^= 1;
  ASSERT_TRUE(files.WriteAtomically("damaged.lwj", damaged).ok());
  EXPECT_EQ(Find(files, "damaged.lwj", heads[1]).error().code(), base::ErrorCode::kCorrupt)
      << "a chain that does not hold vouches for nothing";
}

TEST(JournalTest, AppendIsDurableBeforeItReturns) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  ASSERT_TRUE(journal->Append({Note("kept")}).ok());
  files.LosePower();
  EXPECT_EQ(Texts(Read(files, kPath)->events), (std::vector<std::string>{"kept"}));
}

TEST(JournalTest, OneProcessWritesAtATime) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  EXPECT_EQ(Journal::Open(files, kPath).error().code(), base::ErrorCode::kWrongState);
  EXPECT_TRUE(Read(files, kPath).ok());
}

TEST(JournalTest, CutAnywhereLosesOnlyTheRecordThatWasCut) {
  std::vector<std::uint64_t> ends;
  const std::string whole = FiveRecords(&ends);
  for (std::uint64_t size = 0; size <= whole.size(); ++size) {
    MemoryFiles files;
    files.Put(kPath, whole.substr(0, size));
    base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
    ASSERT_TRUE(opened.ok()) << size << ": " << opened.error().message();
    std::size_t expected = 0;
    while (expected + 1 < ends.size() && ends[expected + 1] <= size) ++expected;
    EXPECT_EQ(opened->events.size(), expected) << size;
    ASSERT_TRUE(opened->journal->Append({Note("after")}).ok());
    EXPECT_EQ(Verify(files, kPath)->records, expected + 1) << size;
    EXPECT_EQ(Verify(files, kPath)->torn_bytes, 0u) << size;
  }
}

// The file grew, but the data from `size` on never arrived.
TEST(JournalTest, NulTailOfTheLastRecordIsTorn) {
  std::vector<std::uint64_t> ends;
  const std::string whole = FiveRecords(&ends);
  for (std::uint64_t size = ends[4]; size < whole.size(); ++size) {
    for (std::size_t more : {0u, 4096u}) {
      MemoryFiles files;
      files.Put(kPath, whole.substr(0, size) + std::string(whole.size() - size + more, '\0'));
      base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
      ASSERT_TRUE(opened.ok()) << size << ": " << opened.error().message();
      EXPECT_EQ(opened->events.size(), 4u) << size;
    }
  }
}

TEST(JournalTest, NulTailThatReachesIntoOlderRecordsIsStillOnlyATail) {
  std::vector<std::uint64_t> ends;
  std::string bytes = FiveRecords(&ends);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(ends[2]),
            bytes.begin() + static_cast<std::ptrdiff_t>(ends[3]), '\0');
  MemoryFiles files;
  files.Put(kPath, bytes);
  EXPECT_EQ(Journal::Open(files, kPath).error().code(), base::ErrorCode::kCorrupt);
}

TEST(JournalTest, EveryFlippedBitIsRefusedAndNothingIsChanged) {
  std::vector<std::uint64_t> ends;
  const std::string whole = FiveRecords(&ends);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      MemoryFiles files;
      files.Put(kPath, bytes);
      const base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
      ASSERT_FALSE(opened.ok()) << "byte " << at << " bit " << bit;
      ASSERT_EQ(opened.error().code(), base::ErrorCode::kCorrupt);
      ASSERT_EQ(files.Bytes(kPath), bytes);
    }
  }
}

TEST(JournalTest, CorruptionNamesFileRecordOffsetAndWhatToDo) {
  std::vector<std::uint64_t> ends;
  std::string bytes = FiveRecords(&ends);
  bytes[ends[2] + kRecordHeaderBytes + 3] ^= 1;
  MemoryFiles files;
  files.Put(kPath, bytes);
  EXPECT_EQ(Verify(files, kPath).error().message(),
            "journal state/journal.lwj: record 3 at offset " + std::to_string(ends[2]) +
                ": the checksum of its content does not match; nothing was changed: keep a copy, "
                "then move the file "
                "away to start a new journal, or restore it");
}

TEST(JournalTest, RecordsCannotBeLeftOutOrMoved) {
  std::vector<std::uint64_t> ends;
  const std::string whole = FiveRecords(&ends);
  const auto part = [&](std::size_t record) {
    return whole.substr(ends[record - 1], ends[record] - ends[record - 1]);
  };
  const std::string header = whole.substr(0, ends[0]);
  for (const std::string& bytes :
       {header + part(2), header + part(1) + part(3), header + part(2) + part(1),
        header + part(1) + part(1), whole + part(5)}) {
    MemoryFiles files;
    files.Put(kPath, bytes);
    EXPECT_EQ(Verify(files, kPath).error().code(), base::ErrorCode::kCorrupt);
  }
}

TEST(JournalTest, OtherFilesAreRefused) {
  for (const std::string& bytes :
       {std::string("hello, this is a text file\n"), std::string("LEEWARDJ\2\0\0\0\0\0\0\0", 16),
        std::string("LEEWARDX"), std::string("x")}) {
    MemoryFiles files;
    files.Put(kPath, bytes);
    EXPECT_EQ(Journal::Open(files, kPath).error().code(), base::ErrorCode::kCorrupt) << bytes;
    EXPECT_EQ(files.Bytes(kPath), bytes);
  }
  MemoryFiles files;
  EXPECT_EQ(Verify(files, kPath).error().code(), base::ErrorCode::kNotFound);
}

// Power is lost after every possible number of bytes of an append that was never synced.
TEST(JournalTest, PowerLossInAnAppendKeepsWhatWasDurable) {
  MemoryFiles sizes;
  const auto reference = OpenNew(sizes);
  ASSERT_TRUE(reference->Append({Note("durable")}).ok());
  const std::uint64_t before = reference->summary().bytes;
  ASSERT_TRUE(reference->Append({Note("lost")}).ok());
  const std::uint64_t first = reference->summary().bytes - before;
  ASSERT_TRUE(reference->Append({Note("lost too")}).ok());
  const std::uint64_t grown = reference->summary().bytes - before;
  for (std::uint64_t kept = 0; kept <= grown; ++kept) {
    MemoryFiles files;
    const auto journal = OpenNew(files);
    ASSERT_TRUE(journal->Append({Note("durable")}).ok());
    files.FailSyncs(1);
    files.FailTruncates(1);
    EXPECT_FALSE(journal->Append({Note("lost"), Note("lost too")}).ok());
    files.LosePower(kept);
    base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
    ASSERT_TRUE(opened.ok()) << kept << ": " << opened.error().message();
    EXPECT_EQ(opened->events.size(), 1u + (kept >= first ? 1u : 0u) + (kept == grown ? 1u : 0u))
        << kept;
    EXPECT_EQ(Texts(opened->events)[0], "durable");
  }
}

TEST(JournalTest, FullDiskLeavesNothingHalfWritten) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  ASSERT_TRUE(journal->Append({Note("first")}).ok());
  const std::string before = files.Bytes(kPath);
  for (std::uint64_t space = 0; space < 150; space += 7) {
    files.SetSpace(space);
    EXPECT_EQ(journal->Append({Note("does not fit")}).error().code(), base::ErrorCode::kExhausted)
        << space;
    EXPECT_EQ(files.Bytes(kPath), before) << space;
  }
  files.SetSpace(std::nullopt);
  ASSERT_TRUE(journal->Append({Note("fits again")}).ok());
  EXPECT_EQ(Texts(Read(files, kPath)->events), (std::vector<std::string>{"first", "fits again"}));
}

TEST(JournalTest, FailedSyncIsAFailedAppend) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  files.FailSyncs(1);
  EXPECT_FALSE(journal->Append({Note("not durable")}).ok());
  ASSERT_TRUE(journal->Append({Note("durable")}).ok());
  EXPECT_EQ(Texts(Read(files, kPath)->events), (std::vector<std::string>{"durable"}));
}

TEST(JournalTest, AfterAnAppendThatCannotBeTakenBackNothingIsAccepted) {
  MemoryFiles files;
  auto journal = OpenNew(files);
  files.SetSpace(20);
  files.FailTruncates(1);
  EXPECT_FALSE(journal->Append({Note("half")}).ok());
  files.SetSpace(std::nullopt);
  EXPECT_EQ(journal->Append({Note("more")}).error().code(), base::ErrorCode::kWrongState);
  journal.reset();
  base::Result<Journal::Opened> opened = Journal::Open(files, kPath);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->cut_bytes, 20u);
}

TEST(JournalTest, FullDiskBeforeTheHeaderIsExhausted) {
  MemoryFiles files;
  files.SetSpace(5);
  EXPECT_EQ(Journal::Open(files, kPath).error().code(), base::ErrorCode::kExhausted);
  EXPECT_EQ(files.Bytes(kPath), "");
}

TEST(JournalTest, HugeEventIsRefusedBeforeAnythingIsWritten) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  const std::string before = files.Bytes(kPath);
  EXPECT_EQ(journal->Append({Note(std::string(kMaxPayloadBytes, 'x'))}).error().code(),
            base::ErrorCode::kExhausted);
  EXPECT_EQ(files.Bytes(kPath), before);
}

// "00000000  4c 45 ...  |LEEWARDJ...|" as hexdump -C writes it.
std::string Dump(const std::string& bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const std::string line = bytes.substr(at, 16);
    std::string offset = std::to_string(at), hex, text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      hex += (i == 8 ? "  " : " ") + base::HexEncode(line.substr(i, 1));
      text += line[i] >= ' ' && line[i] <= '~' ? line[i] : '.';
    }
    hex.resize(49, ' ');
    out += fmt::format("{:>4} {}  |{}|\n", offset, hex, text);
  }
  return out;
}

TEST(JournalTest, TheFormatPageShowsTheseBytes) {
  MemoryFiles files;
  const auto journal = OpenNew(files);
  ASSERT_TRUE(journal->Append({Note("hello")}).ok());
  std::ifstream page("docs/formats/journal.md");
  std::stringstream text;
  text << page.rdbuf();
  EXPECT_NE(text.str().find(Dump(files.Bytes(kPath))), std::string::npos)
      << Dump(files.Bytes(kPath));
  EXPECT_NE(text.str().find(journal->summary().last_hash), std::string::npos)
      << journal->summary().last_hash;
}

}  // namespace
}  // namespace leeward::journal
