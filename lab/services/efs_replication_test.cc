#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lab/services/efs_test_world.h"
#include "lab/services/keys_testing.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class EfsReplicationTest : public EfsTestBase {
 protected:
  static Value To(Value destination) {
    return Value::Struct({{"Destinations", Value::List{std::move(destination)}}});
  }
  static Value ToRegion(const char* region) { return To(Value::Struct({{"Region", region}})); }
  static Value Source(std::string_view id, Value more = Value::Struct()) {
    return more.Set("SourceFileSystemId", id);
  }
  Value Record(Side& side, const std::string& id) {
    const Answer answer = Do(side, "DescribeReplicationConfigurations", Of(id));
    if (IsError(answer)) return Value::Struct();
    return std::get<Value>(answer).Items("Replications").front();
  }
  Value Destination(Side& side, const std::string& id) {
    const Value record = Record(side, id);
    if (record.Items("Destinations").empty()) return Value::Struct({{"Status", "gone"}});
    return record.Items("Destinations").front();
  }
  void AwaitStatus(Side& side, const std::string& id, const std::string& status) {
    EXPECT_TRUE(world.RunUntil([&] { return Destination(side, id).String("Status") == status; }))
        << id << " is " << Destination(side, id).String("Status") << " ("
        << Destination(side, id).String("StatusMessage") << "), not " << status;
  }
  std::string Replicate(const std::string& source, Value ask = ToRegion("us-west-2")) {
    const Value made = Done(a, "CreateReplicationConfiguration", Source(source, std::move(ask)));
    CHECK(made.Items("Destinations").size() == 1);
    std::string id(made.Items("Destinations").front().String("FileSystemId"));
    EXPECT_EQ(made.Items("Destinations").front().String("Status"), "ENABLING");
    AwaitStatus(b, id, "ENABLED");
    AwaitStatus(a, source, "ENABLED");
    return id;
  }
  // Until what is in the source now has arrived.
  void Sync(const std::string& source) {
    const base::WallTime now = world.clock().Now();
    EXPECT_TRUE(world.RunUntil([&] {
      const Value* to = nullptr;
      const Value shown = Destination(b, source);
      to = shown.Find("LastReplicatedTimestamp");
      return to != nullptr && to->time() > now;
    }));
  }
  void Free(Side& side, const std::string& id) {
    Done(side, "UpdateFileSystemProtection",
         Of(id).Set("ReplicationOverwriteProtection", "DISABLED"));
  }
  std::string Protection(Side& side, const std::string& id) {
    return std::string(
        Look(side, id).Sub("FileSystemProtection").String("ReplicationOverwriteProtection"));
  }
  static struct stat StatOf(const std::filesystem::path& path) {
    struct stat now {};
    EXPECT_EQ(lstat(path.c_str(), &now), 0) << path;
    return now;
  }
};

TEST_F(EfsReplicationTest, TheDestinationIsTheSame) {
  const std::string source = Make(a);
  const auto from = Tree(a, source);
  Write(from / "plain", "hello");
  Write(from / "deep/er/file", std::string(20'000, 'x'));
  Write(from / "new\nline \xff", "odd name");
  Write(from / "empty", "");
  Write(from / "closed", "secret");
  std::filesystem::permissions(from / "closed", std::filesystem::perms(0640));
  Write(from / "read-only", "keep");
  std::filesystem::permissions(from / "read-only", std::filesystem::perms(0444));
  std::filesystem::create_symlink("../out/of/here", from / "link");
  std::filesystem::create_hard_link(from / "plain", from / "deep/same");
  {
    std::ofstream sparse(from / "sparse");
    sparse.seekp(8'000'000);
    sparse << "end";
  }
  const gid_t group = getuid() == 0 ? 2345 : getgid();
  ASSERT_EQ(lchown((from / "closed").c_str(), getuid() == 0 ? 1234 : getuid(), group), 0);
  const timespec times[] = {{1000, 5}, {2000, 7}};
  ASSERT_EQ(utimensat(AT_FDCWD, (from / "deep").c_str(), times, 0), 0);

  const std::string id = Replicate(source);
  const auto to = Tree(b, id);
  EXPECT_EQ(Read(to / "plain"), "hello");
  EXPECT_EQ(Read(to / "deep/er/file"), std::string(20'000, 'x'));
  EXPECT_EQ(Read(to / "new\nline \xff"), "odd name");
  EXPECT_EQ(Read(to / "empty"), "");
  EXPECT_EQ(std::filesystem::read_symlink(to / "link"), "../out/of/here");
  EXPECT_EQ(StatOf(to / "plain").st_ino, StatOf(to / "deep/same").st_ino);
  EXPECT_EQ(StatOf(to / "plain").st_mtim.tv_nsec, StatOf(from / "plain").st_mtim.tv_nsec);
  EXPECT_EQ(StatOf(to / "deep").st_mtim.tv_sec, 2000);
  EXPECT_EQ(StatOf(to / "sparse").st_size, 8'000'003);
  EXPECT_EQ(StatOf(to / "sparse").st_blocks, StatOf(from / "sparse").st_blocks);
  EXPECT_EQ(StatOf(to / "closed").st_gid, group);

  // Bits are those of the source once it may be written.
  Done(b, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(b, id, "gone");
  for (const char* name : {"plain", "closed", "read-only", "deep", "deep/er", "."}) {
    EXPECT_EQ(StatOf(to / name).st_mode, StatOf(from / name).st_mode) << name;
  }
}

TEST_F(EfsReplicationTest, ChangesAndDeletionsFollow) {
  const std::string source = Make(a);
  const auto from = Tree(a, source);
  Write(from / "d/one", "1");
  Write(from / "d/two", "2");
  const std::string id = Replicate(source);
  const auto to = Tree(b, id);
  Write(from / "d/one", "3");  // as long as before
  std::filesystem::remove(from / "d/two");
  std::filesystem::create_directories(from / "d/two/inner");
  Write(from / "new", "new");
  Sync(source);
  EXPECT_EQ(Read(to / "d/one"), "3");
  EXPECT_TRUE(std::filesystem::is_directory(to / "d/two/inner"));
  EXPECT_EQ(Read(to / "new"), "new");
  std::filesystem::remove_all(from / "d");
  Sync(source);
  EXPECT_FALSE(std::filesystem::exists(to / "d"));
}

TEST_F(EfsReplicationTest, EverythingOfBeforeTheTimestampHasArrived) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  base::WallTime last{};
  for (int i = 0; i < 20; ++i) {
    Write(Tree(a, source) / "counter", std::to_string(i));
    const base::WallTime written = world.clock().Now();
    EXPECT_TRUE(world.RunUntil([&] {
      const base::WallTime to = Destination(b, id).Find("LastReplicatedTimestamp")->time();
      EXPECT_GE(to, last);
      last = to;
      return to > written;
    }));
    EXPECT_EQ(Read(Tree(b, id) / "counter"), std::to_string(i));
  }
}

TEST_F(EfsReplicationTest, TheTimestampIsByTheSourcesClock) {
  a.host.SetSkew(-1h);
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  const base::WallTime to = Destination(b, id).Find("LastReplicatedTimestamp")->time();
  EXPECT_LT(to, world.clock().Now() - 59min);
  EXPECT_GT(to, world.clock().Now() - 62min);
}

TEST_F(EfsReplicationTest, ASyncAfterAFewChangesLooksAtNothingElse) {
  const std::string source = Make(a);
  const auto from = Tree(a, source);
  for (int i = 0; i < 2000; ++i)
    Write(from / ("d" + std::to_string(i % 20)) / std::to_string(i), "x");
  const std::string id = Replicate(source);
  Sync(source);
  const int before = links.calls["CarryCopy"];
  Write(from / "d7/7", "changed");
  std::filesystem::remove(from / "d8/8");
  Sync(source);
  EXPECT_EQ(Read(Tree(b, id) / "d7/7"), "changed");
  EXPECT_FALSE(std::filesystem::exists(Tree(b, id) / "d8/8"));
  // One answer lets sixteen names cross, so that a look at all of them takes more than a hundred.
  EXPECT_LT(links.calls["CarryCopy"] - before, 60);
  EXPECT_EQ(b.host.reports["efs " + id], "");
}

TEST_F(EfsReplicationTest, WhereChangesCannotBeFollowedEverythingIsLookedAtAndThatIsSaid) {
  most_watches = 1;
  Restart(b);
  const std::string source = Make(a);
  Write(Tree(a, source) / "d/one", "1");
  const std::string id = Replicate(source);
  Write(Tree(a, source) / "d/one", "2");
  Sync(source);
  EXPECT_EQ(Read(Tree(b, id) / "d/one"), "2");
  EXPECT_THAT(b.host.reports["efs " + id], HasSubstr("looks at every file in each round"));
  Done(b, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(b, id, "gone");
  EXPECT_EQ(b.host.reports["efs " + id], "");
}

TEST_F(EfsReplicationTest, ATreeThatIsAnotherByNowIsCopied) {
  const std::string source = Make(a);
  const auto from = Tree(a, source);
  Write(from / "old", "old");
  const std::string id = Replicate(source);
  std::filesystem::rename(from, from.parent_path() / "away");
  Write(from / "new", "new");
  EXPECT_TRUE(world.RunUntil([&] { return Read(Tree(b, id) / "new") == "new"; }));
  EXPECT_TRUE(world.RunUntil([&] { return !std::filesystem::exists(Tree(b, id) / "old"); }));
  AwaitStatus(a, source, "ENABLED");
}

TEST_F(EfsReplicationTest, BothRegionsShowIt) {
  const std::string source = Make(a, Value::Struct({{"ThroughputMode", "elastic"}}));
  const std::string id = Replicate(source);
  for (Side* side : {&a, &b}) {
    for (const std::string& by : {source, id}) {
      const Value record = Record(*side, by);
      EXPECT_EQ(record.String("SourceFileSystemId"), source);
      EXPECT_EQ(record.String("SourceFileSystemRegion"), "us-east-1");
      EXPECT_EQ(record.String("OriginalSourceFileSystemArn"),
                "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/" + source);
      EXPECT_EQ(record.Items("Destinations").front().String("Region"), "us-west-2");
    }
  }
  const Value made = Look(b, id);
  EXPECT_TRUE(made.Flag("Encrypted", false));
  EXPECT_EQ(made.String("ThroughputMode"), "elastic");
  EXPECT_EQ(made.Int("NumberOfMountTargets"), 0);
  EXPECT_FALSE(made.Has("AvailabilityZoneName"));
  EXPECT_EQ(Protection(b, id), "REPLICATING");
  EXPECT_EQ(Protection(a, source), "ENABLED");
  EXPECT_THAT(Refusal(b, "DescribeReplicationConfigurations", Of("fs-0123456789abcdef0")),
              StartsWith("FileSystemNotFound: "));
  EXPECT_THAT(Refusal(a, "DescribeReplicationConfigurations", Of(Make(a))),
              StartsWith("ReplicationNotFound: "));
}

TEST_F(EfsReplicationTest, TheArticlesDestinationIsRefusedAndTheOneItMeantIsMade) {
  const std::string source = Make(a);
  Value destination = Value::Struct({{"Region", "us-west-2"},
                                     {"AvailabilityZoneName", "us-west-2a"},
                                     {"KmsKeyId", "alias/aws/efs"}});
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, To(destination))),
              HasSubstr("alias/aws/efs does not exist in us-west-2"));
  EXPECT_EQ(Done(b, "DescribeFileSystems").Items("FileSystems").size(), 0U);
  destination.Set("KmsKeyId", "alias/aws/elasticfilesystem");
  const std::string one_zone = Replicate(source, To(destination));
  EXPECT_EQ(Look(b, one_zone).String("AvailabilityZoneName"), "us-west-2a");
}

TEST_F(EfsReplicationTest, ADestinationIsEncryptedUnderAKeyOfItsOwnRegion) {
  FakeKeys here(a.host), there(b.host);
  a.host.services["kms"] = &here;
  b.host.services["kms"] = &there;
  const std::string of_a = here.Put("11111111-1111", "alias/shop", true);
  const std::string of_b = there.Put("22222222-2222", "alias/shop", true);
  const std::string source =
      Make(a, Value::Struct({{"Encrypted", true}, {"KmsKeyId", "alias/shop"}}));
  Value destination = Value::Struct({{"Region", "us-west-2"}, {"KmsKeyId", of_a}});
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, To(destination))),
              HasSubstr("is not a key of us-west-2"));
  destination.Set("KmsKeyId", "alias/shop");
  EXPECT_EQ(Look(b, Replicate(source, To(destination))).String("KmsKeyId"), of_b);
  EXPECT_EQ(Look(a, source).String("KmsKeyId"), of_a);
}

TEST_F(EfsReplicationTest, OneReplicationAFileSystem) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, ToRegion("us-west-2"))),
              StartsWith("ReplicationAlreadyExists: "));
  EXPECT_THAT(Refusal(b, "CreateReplicationConfiguration", Source(id, ToRegion("us-east-1"))),
              StartsWith("ReplicationAlreadyExists: "));
  const std::string other = Make(a);
  EXPECT_THAT(
      Refusal(a, "CreateReplicationConfiguration",
              Source(other, To(Value::Struct({{"Region", "us-west-2"}, {"FileSystemId", id}})))),
      StartsWith("ReplicationAlreadyExists: "));
  EXPECT_THAT(Refusal(a, "DeleteFileSystem", Of(source)),
              HasSubstr("because it is in a replication"));
  EXPECT_THAT(Refusal(b, "DeleteFileSystem", Of(id)), HasSubstr("because it is in a replication"));
  EXPECT_THAT(
      Refusal(b, "UpdateFileSystemProtection",
              Of(id).Set("ReplicationOverwriteProtection", "DISABLED")),
      "ReplicationAlreadyExists: ReplicationOverwriteProtection cannot be changed while the "
      "file system is a replication destination.");
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration",
                      Source(other, To(Value::Struct({{"RoleArn", "arn:aws:iam::1:role/x"}})))),
              StartsWith("BadRequest: "));
  EXPECT_THAT(
      Refusal(a, "CreateReplicationConfiguration",
              Source(other, To(Value::Struct({{"FileSystemId",
                                               "arn:aws:elasticfilesystem:us-west-2:999999999999:"
                                               "file-system/fs-0123456789abcdef0"}})))),
      HasSubstr("another account is not served"));
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(other, ToRegion("eu-west-9"))),
              HasSubstr("not a Region of this lab"));
}

TEST_F(EfsReplicationTest, TasksReadTheDestinationAndCannotWriteIt) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "d/file", "text");
  std::filesystem::permissions(Tree(a, source) / "d/file", std::filesystem::perms(0666));
  std::filesystem::permissions(Tree(a, source) / "d", std::filesystem::perms(0777));
  const std::string id = Replicate(source);
  const auto to = Tree(b, id);
  EXPECT_FALSE(TaskWrites(to / "d/file"));
  EXPECT_FALSE(TaskWrites(to / "d/new"));
  EXPECT_FALSE(TaskWrites(to / "new"));
  EXPECT_TRUE(TaskCan([&] { return Read(to / "d/file") == "text"; }));
  ASSERT_TRUE(b.efs->See(id).has_value());
  EXPECT_TRUE(b.efs->See(id)->read_only);
  // A sync does not open it.
  Write(Tree(a, source) / "d/more", "more");
  Sync(source);
  EXPECT_FALSE(TaskWrites(to / "d/more"));
  Done(b, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(to / "d/file"));
  EXPECT_TRUE(TaskWrites(to / "d/new"));
  EXPECT_EQ(Protection(b, id), "ENABLED");
  EXPECT_FALSE(b.efs->See(id)->read_only);
}

TEST_F(EfsReplicationTest, ADeleteFromEitherSideEndsBoth) {
  for (Side* caller : {&a, &b}) {
    const std::string source = Make(a);
    const std::string id = Replicate(source);
    Done(*caller, "DeleteReplicationConfiguration", Source(source));
    AwaitStatus(a, source, "gone");
    AwaitStatus(b, id, "gone");
    EXPECT_EQ(Protection(b, id), "ENABLED");
    Write(Tree(a, source) / "late", "late");
    world.RunFor(200ms);
    EXPECT_FALSE(std::filesystem::exists(Tree(b, id) / "late"));
    EXPECT_THAT(
        Refusal(*caller, "DeleteReplicationConfiguration", Source(source)),
        caller == &a ? StartsWith("ReplicationNotFound: ") : StartsWith("FileSystemNotFound: "));
  }
}

TEST_F(EfsReplicationTest, ADeleteOfBothSidesWaitsForTheDarkOneAndALocalOneDoesNot) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "file", "text");
  const std::string id = Replicate(source);
  links.dark.insert("us-east-1");
  std::optional<Answer> both;
  Ask(b, "DeleteReplicationConfiguration", Source(source), both);
  world.RunFor(1s);
  EXPECT_FALSE(both.has_value());
  EXPECT_EQ(Destination(b, id).String("Status"), "ENABLED");
  EXPECT_FALSE(TaskWrites(Tree(b, id) / "by a task"));
  EXPECT_TRUE(world.RunUntil([&] { return both.has_value(); }));
  ASSERT_TRUE(IsError(*both));
  EXPECT_EQ(std::get<ApiError>(*both).code, "InternalServerError");
  EXPECT_EQ(Destination(b, id).String("Status"), "ENABLED");

  Done(b, "DeleteReplicationConfiguration",
       Source(source).Set("DeletionMode", "LOCAL_CONFIGURATION_ONLY"));
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
  EXPECT_EQ(Protection(b, id), "ENABLED");

  // What is left on the other side copies nothing, and goes by itself alone.
  links.dark.clear();
  AwaitStatus(a, source, "ERROR");
  Write(Tree(a, source) / "late", "late");
  world.RunFor(200ms);
  EXPECT_FALSE(std::filesystem::exists(Tree(b, id) / "late"));
  EXPECT_THAT(Refusal(a, "DeleteReplicationConfiguration", Source(source)),
              HasSubstr("LOCAL_CONFIGURATION_ONLY"));
  Done(a, "DeleteReplicationConfiguration",
       Source(source).Set("DeletionMode", "LOCAL_CONFIGURATION_ONLY"));
  AwaitStatus(a, source, "gone");
}

TEST_F(EfsReplicationTest, ALocalDeleteAlsoEndsOneThatWaitsForBoth) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  links.dark.insert("us-east-1");
  std::optional<Answer> both;
  Ask(b, "DeleteReplicationConfiguration", Source(source), both);
  world.RunFor(100ms);
  Done(b, "DeleteReplicationConfiguration",
       Source(source).Set("DeletionMode", "LOCAL_CONFIGURATION_ONLY"));
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
  EXPECT_TRUE(world.RunUntil([&] { return both.has_value(); }));
  world.RunFor(100ms);
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
}

TEST_F(EfsReplicationTest, AWordAboutAnEarlierReplicationEndsNoLaterOne) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  Value word = Value::Struct({{"SourceId", source},
                              {"DestinationId", id},
                              {"Created", base::FormatIso8601(world.clock().Now() - 60s)}});
  std::string code;
  a.efs->HandleInternal("EndReplication", word, [&](Answer answer) {
    if (const auto* error = std::get_if<ApiError>(&answer)) code = error->code;
  });
  EXPECT_EQ(code, "ReplicationNotFound");
  world.RunFor(200ms);
  EXPECT_EQ(Destination(a, source).String("Status"), "ENABLED");
  EXPECT_EQ(Destination(b, id).String("Status"), "ENABLED");
}

TEST_F(EfsReplicationTest, TheReverseOverwritesTheWholeTree) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "shared/same", "old");
  const std::string id = Replicate(source);
  Done(b, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(b, id, "gone");
  AwaitStatus(a, source, "gone");
  // After the split each side goes on by itself.
  Write(Tree(a, source) / "only/here", "lost");
  Write(Tree(a, source) / "shared/same", "late");
  Write(Tree(b, id) / "shared/same", "new");
  Write(Tree(b, id) / "after", "after");

  const Value back = To(Value::Struct({{"Region", "us-east-1"}, {"FileSystemId", source}}));
  EXPECT_THAT(Refusal(b, "CreateReplicationConfiguration", Source(id, back)),
              HasSubstr("ConflictException: The replication overwrite protection of file system '" +
                        source + "' is enabled."));
  EXPECT_EQ(Read(Tree(a, source) / "only/here"), "lost");
  // The destination that was made for the source is encrypted, which the source is not.
  EXPECT_TRUE(Look(b, id).Flag("Encrypted", false));
  Free(a, source);
  EXPECT_THAT(Refusal(b, "CreateReplicationConfiguration", Source(id, back)),
              HasSubstr("ConflictException: The source file system is encrypted"));
}

TEST_F(EfsReplicationTest, WhatTheReverseDestroyedIsWrittenDown) {
  const std::string source = Make(a, Value::Struct({{"Encrypted", true}}));
  Write(Tree(a, source) / "shared/same", "old");
  Write(Tree(a, source) / "shared/untouched", "untouched");
  const std::string id = Replicate(source);
  Done(b, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(b, id, "gone");
  AwaitStatus(a, source, "gone");
  Write(Tree(a, source) / "only/he re", "lost");
  Write(Tree(a, source) / "shared/same", "late");
  Write(Tree(b, id) / "shared/same", "new");
  Write(Tree(b, id) / "after", "after");
  Free(a, source);
  Done(b, "CreateReplicationConfiguration",
       Source(id, To(Value::Struct({{"Region", "us-east-1"}, {"FileSystemId", source}}))));
  AwaitStatus(a, id, "ENABLED");
  EXPECT_EQ(Read(Tree(a, source) / "shared/same"), "new");
  EXPECT_EQ(Read(Tree(a, source) / "after"), "after");
  EXPECT_FALSE(std::filesystem::exists(Tree(a, source) / "only"));
  EXPECT_EQ(Protection(a, source), "REPLICATING");
  EXPECT_FALSE(TaskWrites(Tree(a, source) / "by a task"));
  const std::string replaced = Read(Tree(a, source).parent_path() / "replaced");
  EXPECT_THAT(replaced, HasSubstr("removed only/he%20re\n"));
  EXPECT_THAT(replaced, HasSubstr("overwrote shared/same\n"));
  EXPECT_THAT(replaced, Not(HasSubstr("untouched")));
  // What goes later went in the source, and is nobody's loss.
  std::filesystem::remove(Tree(b, id) / "after");
  EXPECT_TRUE(world.RunUntil([&] { return !std::filesystem::exists(Tree(a, source) / "after"); }));
  EXPECT_EQ(Read(Tree(a, source).parent_path() / "replaced"), replaced);
}

TEST_F(EfsReplicationTest, ADestinationInTheSameRegionHasNoLocalSide) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "file", "text");
  const Value made =
      Done(a, "CreateReplicationConfiguration", Source(source, ToRegion("us-east-1")));
  const std::string id(made.Items("Destinations").front().String("FileSystemId"));
  AwaitStatus(a, source, "ENABLED");
  EXPECT_EQ(Read(Tree(a, id) / "file"), "text");
  EXPECT_THAT(Refusal(a, "DeleteReplicationConfiguration",
                      Source(source).Set("DeletionMode", "LOCAL_CONFIGURATION_ONLY")),
              StartsWith("BadRequest: "));
  Done(a, "DeleteReplicationConfiguration", Source(source));
  AwaitStatus(a, source, "gone");
  EXPECT_TRUE(TaskWrites(Tree(a, id) / "by a task"));
}

TEST_F(EfsReplicationTest, NoFileIsEverThereInPartAndACutIsGoneOnFrom) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  links.delay = 5ms;
  const std::string large(400'000, 'L');
  Write(Tree(a, source) / "large", large);
  const auto to = Tree(b, id) / "large";
  const int before = links.calls["CarryCopy"];
  ASSERT_TRUE(world.RunUntil([&] { return links.calls["CarryCopy"] > before + 20; }));
  EXPECT_FALSE(std::filesystem::exists(to));
  links.dark.insert("us-west-2");
  Write(Tree(a, source) / "small", "written in the dark");
  const Value seen = Destination(a, source);
  world.RunFor(600ms);
  EXPECT_FALSE(std::filesystem::exists(to));
  EXPECT_FALSE(std::filesystem::exists(Tree(b, id) / "small"));
  EXPECT_EQ(*Destination(a, source).Find("LastReplicatedTimestamp"),
            *seen.Find("LastReplicatedTimestamp"));
  links.dark.clear();
  links.delay = 0ms;
  Sync(source);
  EXPECT_EQ(Read(to), large);
}

TEST_F(EfsReplicationTest, ADestinationThatWasKilledGoesOn) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  for (int i = 0; i < 200; ++i) {
    Write(Tree(a, source) / ("f" + std::to_string(i)), std::string(1000, 'f'));
  }
  const auto to = Tree(b, id);
  ASSERT_TRUE(world.RunUntil([&] { return std::filesystem::exists(to / "f150"); }));
  EXPECT_FALSE(std::filesystem::exists(to / "f99"));  // by its name the last one
  Restart(b);
  EXPECT_FALSE(TaskWrites(Tree(b, id) / "by a task"));
  Sync(source);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(Read(to / ("f" + std::to_string(i))).size(), 1000U) << i;
  }
  for (const char* name : {"made", "trash"}) {
    EXPECT_TRUE(std::filesystem::is_empty(to.parent_path() / "incoming" / name)) << name;
  }
}

TEST_F(EfsReplicationTest, ADeleteThatWasInterruptedIsFinished) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "file", "text");
  const std::string id = Replicate(source);
  b.host.SetPace(Pace::kAws);
  Done(b, "DeleteReplicationConfiguration", Source(source));
  EXPECT_EQ(Destination(b, id).String("Status"), "DELETING");
  world.RunFor(100ms);
  EXPECT_FALSE(TaskWrites(Tree(b, id) / "by a task"));
  b.host.SetPace(Pace::kFast);
  Restart(b);
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
}

TEST_F(EfsReplicationTest, ADestinationWhoseSourceNeverHeardOfItGoes) {
  const std::string source = Make(a);
  links.refusing.insert("JoinReplication");
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, ToRegion("us-west-2"))),
              StartsWith("InternalServerError: "));
  EXPECT_TRUE(
      world.RunUntil([&] { return Done(b, "DescribeFileSystems").Items("FileSystems").empty(); }));
  EXPECT_EQ(Done(b, "DescribeReplicationConfigurations").Items("Replications").size(), 0U);
  links.refusing.clear();
  Replicate(source);
}

TEST_F(EfsReplicationTest, WhatIsLeftOfAReplicationIsInTheWayOfTheSourcesNextOne) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  const Value alone = Source(source).Set("DeletionMode", "LOCAL_CONFIGURATION_ONLY");
  Done(a, "DeleteReplicationConfiguration", alone);
  AwaitStatus(a, source, "gone");
  AwaitStatus(b, id, "ERROR");
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, ToRegion("us-west-2"))),
              AllOf(StartsWith("ReplicationAlreadyExists: "), HasSubstr(id)));
  EXPECT_EQ(Done(b, "DescribeFileSystems").Items("FileSystems").size(), 1U);
  Done(b, "DeleteReplicationConfiguration", alone);
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
  Replicate(source);
}

TEST_F(EfsReplicationTest, ADestinationIsNotSaidToBeFreeBeforeItIs) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "file", "text");
  const std::string id = Replicate(source);
  const auto folder = Tree(b, id).parent_path();
  std::filesystem::rename(folder / "tree", folder / "away");
  Done(b, "DeleteReplicationConfiguration", Source(source));
  EXPECT_TRUE(world.RunUntil([&] {
    const Value seen = Destination(b, id);
    return seen.String("Status") == "DELETING" && seen.String("StatusMessage") != "";
  }));
  EXPECT_EQ(Protection(b, id), "REPLICATING");
  std::filesystem::rename(folder / "away", folder / "tree");
  AwaitStatus(b, id, "gone");
  EXPECT_TRUE(TaskWrites(Tree(b, id) / "by a task"));
}

TEST_F(EfsReplicationTest, AFileThatGrowsFasterThanItIsCopiedHoldsNothingUp) {
  const std::string source = Make(a);
  const auto growing = Tree(a, source) / "growing";
  Write(growing, std::string(50'000, 'g'));
  const std::string id = Replicate(source);
  const auto copy = Tree(b, id) / "growing";
  const int first = links.calls["CarryCopy"];
  constexpr int kEnough = 1000;  // calls, when a tenth of them would do
  int seen = first;
  std::ofstream out(growing, std::ios::binary | std::ios::app);
  out << 'g' << std::flush;
  EXPECT_TRUE(world.RunUntil([&] {
    if (seen != links.calls["CarryCopy"]) {
      seen = links.calls["CarryCopy"];
      out << std::string(2 * window, 'g') << std::flush;
    }
    return seen > first + kEnough || std::filesystem::file_size(copy) > 50'000;
  }));
  ASSERT_TRUE(out.good());
  EXPECT_LE(seen, first + kEnough);
  EXPECT_EQ(Read(copy), std::string(std::filesystem::file_size(copy), 'g'));
  EXPECT_LT(std::filesystem::file_size(copy), std::filesystem::file_size(growing));
}

TEST_F(EfsReplicationTest, WithADarkDestinationNothingIsMade) {
  const std::string source = Make(a);
  links.dark.insert("us-west-2");
  EXPECT_THAT(Refusal(a, "CreateReplicationConfiguration", Source(source, ToRegion("us-west-2"))),
              "InternalServerError: EFS in us-west-2 does not answer.");
  links.dark.clear();
  EXPECT_THAT(Refusal(a, "DescribeReplicationConfigurations", Of(source)),
              StartsWith("ReplicationNotFound: "));
  Replicate(source);
}

TEST_F(EfsReplicationTest, WhatItCannotDoIsSaid) {
  const std::string source = Make(a);
  Write(Tree(a, source) / "file", "text");
  const std::string id = Replicate(source);
  const auto folder = Tree(b, id).parent_path();
  std::filesystem::rename(folder / "tree", folder / "away");
  Write(folder / "tree", "not a directory");
  AwaitStatus(b, id, "ERROR");
  EXPECT_NE(Destination(b, id).String("StatusMessage"), "");
  AwaitStatus(a, source, "ERROR");
  std::filesystem::remove(folder / "tree");
  std::filesystem::rename(folder / "away", folder / "tree");
  AwaitStatus(b, id, "ENABLED");
  AwaitStatus(a, source, "ENABLED");
}

TEST_F(EfsReplicationTest, TheLagIsAMetricOfTheSourcesRegion) {
  const std::string source = Make(a);
  const std::string id = Replicate(source);
  const auto lag = [&](Side& side) {
    Call call;
    call.model = shapes::FindModel("cloudwatch");
    call.operation = call.model->FindOperation("GetMetricStatistics");
    const auto dimension = [](const char* name, const std::string& value) {
      return Value::Struct({{"Name", name}, {"Value", value}});
    };
    call.input =
        Value::Struct({{"Namespace", "AWS/EFS"},
                       {"MetricName", "TimeSinceLastSync"},
                       {"Dimensions", Value::List{dimension("FileSystemId", source),
                                                  dimension("DestinationFileSystemId", id)}},
                       {"StartTime", world.clock().Now() - 60s},
                       {"EndTime", world.clock().Now() + 60s},
                       {"Period", 60},
                       {"Statistics", Value::List{"Maximum"}}});
    std::optional<double> value;
    side.cloudwatch->Handle(call, [&](Answer answer) {
      for (const Value& point : std::get<Value>(answer).Items("Datapoints")) {
        value = std::max(value.value_or(0), point.Number("Maximum"));
      }
    });
    return value;
  };
  EXPECT_TRUE(world.RunUntil([&] { return lag(a).has_value(); }));
  EXPECT_LT(*lag(a), 5.0);
  EXPECT_FALSE(lag(b).has_value());
  links.dark.insert("us-west-2");
  EXPECT_TRUE(world.RunUntil([&] { return *lag(a) > 1.5; }));
}

}  // namespace
}  // namespace leeward::lab::efs
