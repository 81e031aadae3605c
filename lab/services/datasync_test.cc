#include "lab/services/datasync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lab/services/ec2_vpc.h"
#include "lab/services/efs_test_world.h"

namespace leeward::lab::datasync {
namespace {

using efs::EfsTestBase;
using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

TEST(DataSyncFilterTest, PatternsMatchFilesAndFoldersWithAllInThem) {
  EXPECT_TRUE(Matches("/a", "/a"));
  EXPECT_TRUE(Matches("/a", "/a/b/c"));
  EXPECT_FALSE(Matches("/a", "/ab"));
  EXPECT_TRUE(Matches("/x|/a", "/a"));
  EXPECT_TRUE(Matches("*.tmp", "/deep/er/x.tmp"));
  EXPECT_TRUE(Matches("*/cache", "/deep/cache/file"));
  EXPECT_FALSE(Matches("/a/*.gz", "/a/x.txt"));
  EXPECT_TRUE(Matches("/a/*.gz", "/a/x.gz"));
  EXPECT_FALSE(Wanted("/a/*.gz", "")("/a/x.txt"));
  EXPECT_TRUE(Leads("/a/b/c", "")("/a"));
  EXPECT_FALSE(Leads("/a/b/c", "")("/b"));
  EXPECT_FALSE(Leads("/a/b/c", "/a")("/a"));
  EXPECT_EQ(Wanted("", ""), nullptr);
}

TEST(DataSyncOptionsTest, WhatDoesNotGoTogetherIsRefused) {
  const auto refused = [](std::initializer_list<std::pair<std::string, Value>> options) {
    const Problem problem = CheckOptions(Value::Struct(options));
    return problem ? problem->message : "taken";
  };
  EXPECT_EQ(refused({}), "taken");
  EXPECT_THAT(refused({{"PreserveDeletedFiles", "REMOVE"}, {"TransferMode", "ALL"}}),
              HasSubstr("cannot be REMOVE"));
  EXPECT_THAT(refused({{"PreserveDevices", "PRESERVE"}}), HasSubstr("Amazon EFS"));
  EXPECT_THAT(refused({{"Atime", "NONE"}}), HasSubstr("go together"));
  EXPECT_EQ(refused({{"Atime", "NONE"}, {"Mtime", "NONE"}}), "taken");
  EXPECT_THAT(refused({{"Uid", "NAME"}}), HasSubstr("not supported"));
  EXPECT_THAT(refused({{"SecurityDescriptorCopyFlags", "OWNER_DACL"}}), HasSubstr("SMB"));
  EXPECT_THAT(refused({{"BytesPerSecond", 0}}), HasSubstr("at least 1"));
  // Those of the article.
  EXPECT_EQ(refused({{"VerifyMode", "POINT_IN_TIME_CONSISTENT"},
                     {"OverwriteMode", "ALWAYS"},
                     {"PreserveDeletedFiles", "REMOVE"},
                     {"PreserveDevices", "NONE"},
                     {"PosixPermissions", "PRESERVE"},
                     {"BytesPerSecond", 125829120},
                     {"TaskQueueing", "ENABLED"},
                     {"LogLevel", "TRANSFER"},
                     {"TransferMode", "CHANGED"}}),
            "taken");
}

class DataSyncTest : public EfsTestBase {
 protected:
  DataSyncTest() {
    Begin(a, a_sync);
    Begin(b, b_sync);
    source = Ready(a);
    destination = Ready(b);
  }
  ~DataSyncTest() override {
    a.host.Kill();
    b.host.Kill();
    a_sync.reset();
    b_sync.reset();
  }
  void Begin(Side& side, std::unique_ptr<DataSync>& sync) {
    sync = std::make_unique<DataSync>(side.host);
    sync->limits.call = 3s;
    sync->limits.poll = 20ms;
    sync->limits.look = 20ms;
    sync->limits.lost = 10s;
    sync->pull.call = 3s;
    sync->pull.bytes = 4096;
    side.host.services["datasync"] = sync.get();
    EXPECT_TRUE(sync->Start().ok());
  }
  DataSync& SyncOf(Side& side) { return &side == &a ? *a_sync : *b_sync; }

  Answer Sync(Side& side, std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("datasync");
    CHECK(call.model != nullptr);
    call.operation = call.model->FindOperation(operation);
    CHECK_MSG(call.operation != nullptr, std::string(operation).c_str());
    call.input = std::move(input);
    std::optional<Answer> answer;
    SyncOf(side).Handle(call, [&answer](Answer given) { answer = std::move(given); });
    EXPECT_TRUE(world.RunUntil([&] { return answer.has_value(); })) << operation;
    CHECK(answer.has_value());
    return *answer;
  }
  Value Synced(Side& side, std::string_view operation, Value input = Value::Struct()) {
    const Answer answer = Sync(side, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  std::string Refused(Side& side, std::string_view operation, Value input) {
    const Answer answer = Sync(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }

  // A file system with a mount target.
  std::string Ready(Side& side) {
    std::string id = Make(side);
    Done(side, "CreateMountTarget", Of(id).Set("SubnetId", DefaultSubnets(side.host)[0].id));
    EXPECT_TRUE(world.RunUntil([&] { return side.efs->See(id)->has_mount_target; }));
    return id;
  }
  Value LocationOf(Side& side, const std::string& id) {
    const std::string prefix = "arn:aws:ec2:" + side.host.region() + ":123456789012:";
    return Value::Struct(
        {{"EfsFilesystemArn",
          "arn:aws:elasticfilesystem:" + side.host.region() + ":123456789012:file-system/" + id},
         {"Ec2Config",
          Value::Struct({{"SubnetArn", prefix + "subnet/" + DefaultSubnets(side.host)[0].id},
                         {"SecurityGroupArns", Value::List{prefix + "security-group/" +
                                                           DefaultSecurityGroupId(side.host)}}})}});
  }
  std::string Location(Side& side, const std::string& id, const char* folder = "/") {
    return std::string(
        Synced(side, "CreateLocationEfs", LocationOf(side, id).Set("Subdirectory", folder))
            .String("LocationArn"));
  }
  Value TaskOf(Value more = Value::Struct()) {
    return more.Set("SourceLocationArn", Location(a, source))
        .Set("DestinationLocationArn", Location(b, destination));
  }
  std::string Task(Side& side, Value more = Value::Struct()) {
    return std::string(Synced(side, "CreateTask", TaskOf(std::move(more))).String("TaskArn"));
  }
  static Value Options(std::initializer_list<std::pair<std::string, Value>> options) {
    return Value::Struct({{"Options", Value::Struct(options)}});
  }
  std::string Begun(Side& side, const std::string& task) {
    return std::string(Synced(side, "StartTaskExecution", Value::Struct({{"TaskArn", task}}))
                           .String("TaskExecutionArn"));
  }
  Value Shown(Side& side, const std::string& execution) {
    return Synced(side, "DescribeTaskExecution", Value::Struct({{"TaskExecutionArn", execution}}));
  }
  Value Ended(Side& side, const std::string& execution) {
    EXPECT_TRUE(world.RunUntil([&] {
      const Value shown = Shown(side, execution);
      return shown.String("Status") == "SUCCESS" || shown.String("Status") == "ERROR";
    })) << Shown(side, execution).String("Status");
    return Shown(side, execution);
  }
  Value Run(Side& side, const std::string& task) { return Ended(side, Begun(side, task)); }
  std::filesystem::path From() { return Tree(a, source); }
  std::filesystem::path To() { return Tree(b, destination); }
  // In which executions put files together.
  int ScratchFolders() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(To().parent_path())) {
      count += entry.path().filename().native().starts_with("datasync-") ? 1 : 0;
    }
    return count;
  }

  std::unique_ptr<DataSync> a_sync;
  std::unique_ptr<DataSync> b_sync;
  std::string source;
  std::string destination;
};

TEST_F(DataSyncTest, ATaskInEitherRegionCopiesAndVerifies) {
  Write(From() / "d/one", std::string(10'000, '1'));
  Write(From() / "two", "2");
  Write(To() / "extra", "extra");
  std::filesystem::permissions(From() / "two", std::filesystem::perms(0640));
  for (Side* side : {&a, &b}) {
    const std::string task = Task(*side);
    const Value done = Run(*side, task);
    EXPECT_EQ(done.String("Status"), "SUCCESS") << shapes::ToJson(done);
    EXPECT_EQ(Read(To() / "d/one"), std::string(10'000, '1'));
    EXPECT_EQ(Read(To() / "extra"), "extra");
    EXPECT_EQ(done.Int("FilesTransferred"), side == &a ? 2 : 0);
    EXPECT_EQ(done.Int("FilesVerified"), 2);
    EXPECT_EQ(done.Sub("FilesListed").Int("AtSource"), 2);
    EXPECT_EQ(done.Sub("Result").String("VerifyStatus"), "SUCCESS");
    struct stat now {};
    ASSERT_EQ(lstat((To() / "two").c_str(), &now), 0);
    EXPECT_EQ(now.st_mode & 0777U, 0640U);
  }
  EXPECT_TRUE(TaskWrites(To() / "by a task"));
}

TEST_F(DataSyncTest, OptionsDoWhatTheySay) {
  Write(From() / "kept", "new");
  Write(From() / "changed", "from");
  Write(To() / "changed", "theirs");
  Write(To() / "extra", "extra");
  const std::string never =
      Task(b, Options({{"OverwriteMode", "NEVER"}, {"VerifyMode", "ONLY_FILES_TRANSFERRED"}}));
  Value done = Run(b, never);
  EXPECT_EQ(done.String("Status"), "SUCCESS");
  EXPECT_EQ(done.Int("FilesSkipped"), 1);
  EXPECT_EQ(done.Int("FilesVerified"), 1);
  EXPECT_EQ(Read(To() / "changed"), "theirs");
  EXPECT_EQ(Read(To() / "kept"), "new");

  const std::string remove =
      Task(b, Options({{"PreserveDeletedFiles", "REMOVE"}, {"VerifyMode", "NONE"}}));
  done = Run(b, remove);
  EXPECT_EQ(done.String("Status"), "SUCCESS");
  EXPECT_EQ(done.Int("FilesDeleted"), 1);
  EXPECT_EQ(done.Int("FilesVerified"), 0);
  EXPECT_FALSE(std::filesystem::exists(To() / "extra"));
  EXPECT_EQ(Read(To() / "changed"), "from");

  const std::string all = Task(b, Options({{"TransferMode", "ALL"}}));
  EXPECT_EQ(Run(b, all).Int("FilesTransferred"), 2);
}

TEST_F(DataSyncTest, WhatVerificationFindsDifferentIsAnError) {
  Write(From() / "file", "from");
  Write(To() / "file", "to__");
  const auto time = std::filesystem::last_write_time(From() / "file");
  std::filesystem::last_write_time(To() / "file", time);  // as long and as old: not transferred
  const Value done = Run(b, Task(b));
  EXPECT_EQ(done.String("Status"), "ERROR");
  EXPECT_EQ(done.Sub("Result").String("ErrorCode"), "VerificationFailed");
  EXPECT_EQ(done.Sub("Result").String("VerifyStatus"), "ERROR");
  EXPECT_EQ(done.Sub("FilesFailed").Int("Verify"), 1);
}

TEST_F(DataSyncTest, FiltersLeaveTheRestAlone) {
  for (const char* name : {"a/x.txt", "a/x.tmp", "b/y.txt", "top.txt"}) Write(From() / name, name);
  Write(To() / "b/theirs", "theirs");
  Write(To() / "a/gone", "gone");
  const auto filter = [](const char* pattern) {
    return Value::List{Value::Struct({{"FilterType", "SIMPLE_PATTERN"}, {"Value", pattern}})};
  };
  const std::string task = Task(b, Options({{"PreserveDeletedFiles", "REMOVE"}})
                                       .Set("Includes", filter("/a"))
                                       .Set("Excludes", filter("*.tmp")));
  const Value done = Run(b, task);
  EXPECT_EQ(done.String("Status"), "SUCCESS") << shapes::ToJson(done);
  EXPECT_EQ(Read(To() / "a/x.txt"), "a/x.txt");
  EXPECT_FALSE(std::filesystem::exists(To() / "a/x.tmp"));
  EXPECT_FALSE(std::filesystem::exists(To() / "top.txt"));
  EXPECT_FALSE(std::filesystem::exists(To() / "a/gone"));
  EXPECT_EQ(Read(To() / "b/theirs"), "theirs");
  EXPECT_THAT(Refused(b, "CreateTask", TaskOf(Value::Struct({{"Includes", filter("a")}}))),
              HasSubstr("must start with a slash"));
}

TEST_F(DataSyncTest, AReplicationsDestinationIsNotWritten) {
  Done(b, "UpdateFileSystemProtection",
       Of(destination).Set("ReplicationOverwriteProtection", "DISABLED"));
  const std::string task = Task(b);
  Done(a, "CreateReplicationConfiguration",
       Value::Struct(
           {{"SourceFileSystemId", source},
            {"Destinations", Value::List{Value::Struct(
                                 {{"Region", "us-west-2"}, {"FileSystemId", destination}})}}}));
  const Value done = Run(b, task);
  EXPECT_EQ(done.String("Status"), "ERROR");
  EXPECT_THAT(std::string(done.Sub("Result").String("ErrorDetail")),
              HasSubstr("the destination of an EFS replication configuration, which makes it a "
                        "read-only file system"));
}

TEST_F(DataSyncTest, AReplicationEndsAnExecutionIntoItsDestination) {
  for (int i = 0; i < 50; ++i) Write(From() / std::to_string(i), std::string(5000, 'x'));
  Done(b, "UpdateFileSystemProtection",
       Of(destination).Set("ReplicationOverwriteProtection", "DISABLED"));
  const std::string execution = Begun(b, Task(b, Options({{"BytesPerSecond", 100'000}})));
  EXPECT_TRUE(
      world.RunUntil([&] { return Shown(b, execution).String("Status") == "TRANSFERRING"; }));
  const std::string other = Make(a);
  Done(a, "CreateReplicationConfiguration",
       Value::Struct(
           {{"SourceFileSystemId", other},
            {"Destinations", Value::List{Value::Struct(
                                 {{"Region", "us-west-2"}, {"FileSystemId", destination}})}}}));
  const Value done = Ended(b, execution);
  EXPECT_EQ(done.Sub("Result").String("ErrorCode"), "OpNotPermitted");
  EXPECT_THAT(std::string(done.Sub("Result").String("ErrorDetail")),
              HasSubstr("read-only file system"));
  EXPECT_TRUE(world.RunUntil([&] { return std::filesystem::is_empty(To()); }));
}

TEST_F(DataSyncTest, TheArticlesScheduleIsRefusedAndAnHourlyOneRuns) {
  const auto every = [](const char* rate) {
    return Value::Struct({{"Schedule", Value::Struct({{"ScheduleExpression", rate}})}});
  };
  EXPECT_THAT(Refused(a, "CreateTask", TaskOf(every("rate(5 minutes)"))),
              HasSubstr("InvalidRequestException: The schedule is not valid: a task cannot be "
                        "scheduled at an interval of less than 1 hour."));
  const std::string task = Task(b, every("rate(1 hour)"));
  const Value shown = Synced(b, "DescribeTask", Value::Struct({{"TaskArn", task}}));
  EXPECT_EQ(shown.Sub("Schedule").String("Status"), "ENABLED");
  world.RunFor(200ms);
  EXPECT_EQ(Synced(b, "ListTaskExecutions").Items("TaskExecutions").size(), 0U);
}

TEST_F(DataSyncTest, OneExecutionATaskAndItCanBeCancelled) {
  for (int i = 0; i < 50; ++i) Write(From() / std::to_string(i), std::string(5000, 'x'));
  links.delay = 10ms;
  const std::string task = Task(b, Options({{"BytesPerSecond", 20'000}}));
  const std::string execution = Begun(b, task);
  EXPECT_TRUE(
      world.RunUntil([&] { return Shown(b, execution).String("Status") == "TRANSFERRING"; }));
  EXPECT_EQ(Synced(b, "DescribeTask", Value::Struct({{"TaskArn", task}})).String("Status"),
            "RUNNING");
  EXPECT_THAT(Refused(b, "StartTaskExecution", Value::Struct({{"TaskArn", task}})),
              HasSubstr("under way"));
  EXPECT_THAT(Refused(b, "DeleteTask", Value::Struct({{"TaskArn", task}})), HasSubstr("under way"));
  Synced(b, "CancelTaskExecution", Value::Struct({{"TaskExecutionArn", execution}}));
  const Value done = Ended(b, execution);
  EXPECT_EQ(done.Sub("Result").String("ErrorCode"), "Cancelled");
  EXPECT_LT(done.Int("FilesTransferred"), 50);
  for (const auto& entry : std::filesystem::directory_iterator(To())) {
    EXPECT_EQ(entry.file_size(), 5000U);
  }
  EXPECT_EQ(Synced(b, "DescribeTask", Value::Struct({{"TaskArn", task}})).String("Status"),
            "AVAILABLE");
}

TEST_F(DataSyncTest, ACancelThatComesTooLateEndsTheExecutionToo) {
  Write(From() / "file", "text");
  b_sync->limits.lost = 60s;
  links.refusing.insert("StateOfCopy");  // nobody hears that it has ended
  const std::string execution = Begun(b, Task(b));
  EXPECT_TRUE(
      world.RunUntil([&] { return Read(To() / "file") == "text" && ScratchFolders() == 0; }));
  Synced(b, "CancelTaskExecution", Value::Struct({{"TaskExecutionArn", execution}}));
  const Value done = Ended(b, execution);
  EXPECT_EQ(done.Sub("Result").String("ErrorCode"), "Cancelled");
  EXPECT_EQ(done.Int("FilesTransferred"), 1);
}

TEST_F(DataSyncTest, AFolderThatBecomesALinkLeadsNowhere) {
  const auto outside = world.root() / "outside";
  Write(outside / "theirs", "theirs");
  Write(From() / "file", "text");
  std::filesystem::create_directory(To() / "in");
  const std::string task(Synced(b, "CreateTask",
                                Options({{"PreserveDeletedFiles", "REMOVE"}})
                                    .Set("SourceLocationArn", Location(a, source))
                                    .Set("DestinationLocationArn", Location(b, destination, "/in")))
                             .String("TaskArn"));
  links.delay = 100ms;
  const std::string execution = Begun(b, task);
  ASSERT_TRUE(world.RunUntil([&] { return links.calls["ListTree"] > 0; }));
  std::filesystem::rename(To() / "in", To() / "away");
  std::filesystem::create_directory_symlink(outside, To() / "in");
  const Value done = Ended(b, execution);
  EXPECT_EQ(done.String("Status"), "ERROR") << shapes::ToJson(done);
  EXPECT_EQ(Read(outside / "theirs"), "theirs");
  EXPECT_FALSE(std::filesystem::exists(outside / "file"));
}

TEST_F(DataSyncTest, AnExecutionWhoseProcessWasKilledIsAnErrorAndLeavesNothing) {
  for (int i = 0; i < 50; ++i) Write(From() / std::to_string(i), std::string(5000, 'x'));
  const std::string task = Task(b, Options({{"BytesPerSecond", 20'000}}));
  const std::string execution = Begun(b, task);
  EXPECT_TRUE(
      world.RunUntil([&] { return Shown(b, execution).String("Status") == "TRANSFERRING"; }));
  b.host.Kill();
  b_sync.reset();
  EXPECT_EQ(ScratchFolders(), 1);
  Restart(b);
  Begin(b, b_sync);
  EXPECT_EQ(ScratchFolders(), 0);
  EXPECT_EQ(Shown(b, execution).Sub("Result").String("ErrorCode"), "Interrupted");
  const std::string quick = Task(b);
  EXPECT_EQ(Run(b, quick).String("Status"), "SUCCESS");
}

TEST_F(DataSyncTest, ADarkSourceIsAnError) {
  Write(From() / "file", "text");
  const std::string task = Task(b);
  links.dark.insert("us-east-1");
  const Value done = Run(b, task);
  EXPECT_EQ(done.String("Status"), "ERROR");
  EXPECT_EQ(done.Sub("Result").String("ErrorCode"), "NetworkTimeout");
  links.dark.clear();
  EXPECT_EQ(Run(b, task).String("Status"), "SUCCESS");
}

TEST_F(DataSyncTest, LocationsAreOfTheirOwnRegionAndTasksOfOneOfTheirs) {
  EXPECT_THAT(Refused(a, "CreateLocationEfs", LocationOf(b, destination)),
              HasSubstr("is not a file system of us-east-1"));
  EXPECT_THAT(Refused(a, "CreateLocationEfs", LocationOf(a, "fs-0123456789abcdef0")),
              HasSubstr("does not exist"));
  EXPECT_THAT(Refused(a, "CreateLocationEfs", LocationOf(a, Make(a))),
              HasSubstr("has no mount target"));
  EXPECT_THAT(
      Refused(a, "CreateLocationEfs", LocationOf(a, source).Set("InTransitEncryption", "TLS1_2")),
      HasSubstr("not served by this lab"));
  const std::string here = Location(a, source);
  EXPECT_THAT(Refused(b, "CreateTask",
                      Value::Struct({{"SourceLocationArn", here},
                                     {"DestinationLocationArn", Location(a, source, "/x")}})),
              HasSubstr("Neither location is in us-west-2"));
  EXPECT_THAT(Refused(a, "CreateTask",
                      Value::Struct({{"SourceLocationArn", here},
                                     {"DestinationLocationArn",
                                      "arn:aws:datasync:us-west-2:123456789012:location/"
                                      "loc-0123456789abcdef0"}})),
              HasSubstr("is not found"));
  EXPECT_EQ(Synced(a, "DescribeLocationEfs", Value::Struct({{"LocationArn", here}}))
                .String("LocationUri"),
            "efs://us-east-1." + source + "/");
  const std::string task = Task(b);
  EXPECT_THAT(Refused(a, "CreateTask", TaskOf(Value::Struct({{"TaskMode", "ENHANCED"}}))),
              HasSubstr("Enhanced mode"));
  EXPECT_EQ(Synced(b, "ListTasks").Items("Tasks").size(), 1U);
  Synced(b, "DeleteTask", Value::Struct({{"TaskArn", task}}));
  EXPECT_THAT(Refused(b, "DescribeTask", Value::Struct({{"TaskArn", task}})),
              StartsWith("InvalidRequestException: "));
}

}  // namespace
}  // namespace leeward::lab::datasync
