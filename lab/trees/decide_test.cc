#include "lab/trees/decide.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

namespace leeward::lab::trees {
namespace {

Entry File() {
  Entry entry;
  entry.mode = 0644;
  entry.size = 10;
  entry.mtime_ns = 1'000;
  entry.uid = 7;
  entry.gid = 8;
  return entry;
}

Entry Of(Kind kind) {
  Entry entry = File();
  entry.kind = kind;
  return entry;
}

struct DecideCase {
  std::string name;
  Seen seen;
  Doubt doubt = Doubt::kNone;
  std::function<void(Options&)> change = [](Options&) {};
  Action expected = Action::kNothing;
};

Seen Both(Entry source, Entry destination) { return {source, destination}; }

// File() against one that differs in one way.
Seen Against(const std::function<void(Entry&)>& change) {
  Entry destination = File();
  change(destination);
  return {File(), destination};
}

Seen WithTarget(Seen seen, const std::string& target) {
  seen.same_target = target == "same";
  return seen;
}

Seen WithOtherAttributes(Seen seen) {
  seen.same_attributes = false;
  return seen;
}

class DecideTest : public ::testing::TestWithParam<DecideCase> {};

TEST_P(DecideTest, SaysWhatIsToBeDone) {
  Options options;
  GetParam().change(options);
  EXPECT_EQ(Decide(GetParam().seen, GetParam().doubt, options), GetParam().expected);
}

std::string DecideCaseName(const ::testing::TestParamInfo<DecideCase>& info) {
  return info.param.name;
}

const auto kNever = [](Options& o) { o.overwrite = Overwrite::kNever; };
const auto kPreserve = [](Options& o) { o.deletions = Deletions::kPreserve; };
const auto kNoTimes = [](Options& o) { o.times = Keep::kIgnored; };
const auto kNoOwners = [](Options& o) { o.owner = o.group = Keep::kIgnored; };
const auto kNoModes = [](Options& o) { o.permissions = Keep::kIgnored; };
const auto kAll = [](Options& o) { o.transfer = Transfer::kAll; };
const auto kAsIs = [](Options&) {};

INSTANTIATE_TEST_SUITE_P(
    Files, DecideTest,
    ::testing::Values(
        DecideCase{"NothingAnywhere", {}, Doubt::kContent, kAsIs, Action::kNothing},
        DecideCase{"New", {File(), {}}, Doubt::kNone, kAsIs, Action::kTakeContent},
        DecideCase{"Equal", Both(File(), File()), Doubt::kNone, kAsIs, Action::kNothing},
        DecideCase{"EqualButInDoubt", Both(File(), File()), Doubt::kContent, kAsIs,
                   Action::kTakeContent},
        DecideCase{"EqualUnderALighterDoubt", Both(File(), File()), Doubt::kMetadata, kAsIs,
                   Action::kNothing},
        DecideCase{"OtherAttributes", WithOtherAttributes(Both(File(), File())), Doubt::kMetadata,
                   kAsIs, Action::kFixMetadata},
        DecideCase{"EqualButAllIsWanted", Both(File(), File()), Doubt::kNone, kAll,
                   Action::kTakeContent},
        DecideCase{"OtherSize", Against([](Entry& e) { e.size = 9; }), Doubt::kNone, kAsIs,
                   Action::kTakeContent},
        DecideCase{"OlderCopy", Against([](Entry& e) { e.mtime_ns = 999; }), Doubt::kNone, kAsIs,
                   Action::kTakeContent},
        DecideCase{"NewerCopy", Against([](Entry& e) { e.mtime_ns = 1'001; }), Doubt::kNone, kAsIs,
                   Action::kTakeContent},
        DecideCase{"NewerCopyWithoutTimes", Against([](Entry& e) { e.mtime_ns = 1'001; }),
                   Doubt::kNone, kNoTimes, Action::kNothing},
        DecideCase{"OlderCopyWithoutTimes", Against([](Entry& e) { e.mtime_ns = 999; }),
                   Doubt::kNone, kNoTimes, Action::kTakeContent},
        DecideCase{"OtherMode", Against([](Entry& e) { e.mode = 0600; }), Doubt::kNone, kAsIs,
                   Action::kFixMetadata},
        DecideCase{"OtherModeIgnored", Against([](Entry& e) { e.mode = 0600; }), Doubt::kNone,
                   kNoModes, Action::kNothing},
        DecideCase{"OtherOwner", Against([](Entry& e) { e.uid = 1; }), Doubt::kNone, kAsIs,
                   Action::kFixMetadata},
        DecideCase{"OtherGroup", Against([](Entry& e) { e.gid = 1; }), Doubt::kNone, kAsIs,
                   Action::kFixMetadata},
        DecideCase{"OtherOwnersIgnored", Against([](Entry& e) { e.uid = e.gid = 1; }), Doubt::kNone,
                   kNoOwners, Action::kNothing},
        DecideCase{"OtherModeOfAnInodeWithMoreNames", Against([](Entry& e) {
                     e.mode = 0600;
                     e.links = 2;
                   }),
                   Doubt::kNone, kAsIs, Action::kTakeContent},
        DecideCase{"Gone", {{}, File()}, Doubt::kNone, kAsIs, Action::kRemove},
        DecideCase{"GoneAndPreserved", {{}, File()}, Doubt::kNone, kPreserve, Action::kNothing},
        DecideCase{"NewIsNoOverwriting", {File(), {}}, Doubt::kNone, kNever, Action::kTakeContent},
        DecideCase{"NeverOverwritten", Against([](Entry& e) { e.size = 1; }), Doubt::kNone, kNever,
                   Action::kLeave},
        DecideCase{"NeverOverwrittenAndEqual", Both(File(), File()), Doubt::kNone, kNever,
                   Action::kNothing},
        DecideCase{"NeverOverwrittenYetGone", {{}, File()}, Doubt::kNone, kNever, Action::kRemove}),
    DecideCaseName);

INSTANTIATE_TEST_SUITE_P(
    OtherKinds, DecideTest,
    ::testing::Values(
        DecideCase{"NewDirectory",
                   {Of(Kind::kDirectory), {}},
                   Doubt::kNone,
                   kAsIs,
                   Action::kMakeDirectory},
        DecideCase{"DirectoryWhereAFileIs", Both(Of(Kind::kDirectory), File()), Doubt::kNone, kAsIs,
                   Action::kMakeDirectory},
        DecideCase{"DirectoryWhereAFileStays", Both(Of(Kind::kDirectory), File()), Doubt::kNone,
                   kNever, Action::kLeave},
        DecideCase{"FileWhereADirectoryIs", Both(File(), Of(Kind::kDirectory)), Doubt::kNone, kAsIs,
                   Action::kTakeContent},
        DecideCase{"FileWhereADirectoryIsPreserved", Both(File(), Of(Kind::kDirectory)),
                   Doubt::kNone, kPreserve, Action::kLeave},
        DecideCase{"DirectoryWhereAFileIsWithAllPreserved", Both(Of(Kind::kDirectory), File()),
                   Doubt::kNone, kPreserve, Action::kMakeDirectory},
        DecideCase{"DirectoryOfAnotherSize",
                   Both(Of(Kind::kDirectory),
                        [] {
                          Entry e = Of(Kind::kDirectory);
                          e.size = 4096;
                          e.links = 9;
                          return e;
                        }()),
                   Doubt::kContent, kAll, Action::kNothing},
        DecideCase{"NewLink", {Of(Kind::kSymlink), {}}, Doubt::kNone, kAsIs, Action::kMakeSymlink},
        DecideCase{"LinkElsewhere",
                   WithTarget(Both(Of(Kind::kSymlink), Of(Kind::kSymlink)), "other"), Doubt::kNone,
                   kAsIs, Action::kMakeSymlink},
        DecideCase{"SameLink", WithTarget(Both(Of(Kind::kSymlink), Of(Kind::kSymlink)), "same"),
                   Doubt::kContent, kAsIs, Action::kNothing},
        DecideCase{"LinkWithAnotherMode",
                   Both(Of(Kind::kSymlink),
                        [] {
                          Entry e = Of(Kind::kSymlink);
                          e.mode = 0777;
                          return e;
                        }()),
                   Doubt::kNone, kAsIs, Action::kNothing},
        DecideCase{"LinkWhereAFileIs", Both(Of(Kind::kSymlink), File()), Doubt::kNone, kAsIs,
                   Action::kMakeSymlink},
        DecideCase{"Pipe", {Of(Kind::kOther), {}}, Doubt::kNone, kAsIs, Action::kRefuse},
        DecideCase{"PipeWhereAFileWas", Both(Of(Kind::kOther), File()), Doubt::kNone, kAsIs,
                   Action::kRefuseAndRemove},
        DecideCase{"PipeWhereAFileStays", Both(Of(Kind::kOther), File()), Doubt::kNone, kPreserve,
                   Action::kRefuse}),
    DecideCaseName);

// Whatever is to be done changes nothing that the options protect.
TEST(DecideTest, OptionsHoldForEveryPairOfKinds) {
  const auto kinds = {Kind::kFile, Kind::kDirectory, Kind::kSymlink, Kind::kOther};
  for (const Kind source : kinds) {
    for (const Kind destination : kinds) {
      Options never;
      never.overwrite = Overwrite::kNever;
      never.deletions = Deletions::kPreserve;
      const Action action = Decide(Both(Of(source), Of(destination)), Doubt::kContent, never);
      EXPECT_TRUE(action == Action::kNothing || action == Action::kLeave ||
                  action == Action::kRefuse)
          << static_cast<int>(source) << static_cast<int>(destination);
    }
  }
}

TEST(DecideTest, WhatWasTouchedSinceTheLastRoundIsInDoubt) {
  Entry entry = File();
  entry.ctime_ns = 100'000'000'000;
  EXPECT_EQ(DoubtInAWalk(entry, std::nullopt), Doubt::kMetadata);
  EXPECT_EQ(DoubtInAWalk(entry, 100'000'000'000), Doubt::kContent);
  EXPECT_EQ(DoubtInAWalk(entry, 100'500'000'000), Doubt::kContent);  // clocks tick coarsely
  EXPECT_EQ(DoubtInAWalk(entry, 102'000'000'000), Doubt::kNone);
}

TEST(OptionsTest, OnlyWhatChangesTheCopyChangesTheFingerprint) {
  Options options;
  const std::string plain = Fingerprint(options);
  options.entries_a_step = 1;
  options.verify = Verify::kEverything;
  EXPECT_EQ(Fingerprint(options), plain);
  std::set<std::string> seen = {plain};
  for (Keep Options::*member : {&Options::times, &Options::owner, &Options::group,
                                &Options::permissions, &Options::attributes}) {
    Options other;
    other.*member = Keep::kIgnored;
    EXPECT_TRUE(seen.insert(Fingerprint(other)).second);
  }
  Options filtered;
  filtered.filter = Filter::Make("/a", "").value();
  EXPECT_TRUE(seen.insert(Fingerprint(filtered)).second);
}

}  // namespace
}  // namespace leeward::lab::trees
