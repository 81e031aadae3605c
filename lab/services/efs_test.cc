#include "lab/services/efs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "lab/services/ec2_vpc.h"
#include "lab/services/efs_test_world.h"
#include "lab/services/keys_testing.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class EfsTest : public EfsTestBase {
 protected:
  Value MountTargetIn(const std::string& id, int subnet, Value more = Value::Struct()) {
    more.Set("FileSystemId", id);
    more.Set("SubnetId", DefaultSubnets(a.host)[static_cast<std::size_t>(subnet)].id);
    return more;
  }
  std::string Mounted(const std::string& id, Value more = Value::Struct()) {
    const Value target = Done(a, "CreateMountTarget", MountTargetIn(id, 0, std::move(more)));
    std::string name(target.String("MountTargetId"));
    EXPECT_TRUE(world.RunUntil([&] {
      const Value shown = Done(a, "DescribeMountTargets", Of(id));
      return shown.Items("MountTargets").front().String("LifeCycleState") == "available";
    }));
    return name;
  }
  std::string WhyNoMount(const std::string& id, const std::string& root = "/") {
    const auto mounted = a.efs->Mount({id, root, "127.91.0.10"});
    return mounted.ok() ? "mounted" : mounted.error().message();
  }
};

TEST_F(EfsTest, ASizeIsFoundInSlicesAndKeptUntilItIsOldForWhatItTook) {
  a.efs->limits.size_names = 7;
  const std::string id = Make(a);
  const auto size = [&] { return Look(a, id).Sub("SizeInBytes").Int("Value"); };
  for (int i = 0; i < 100; ++i) Write(Tree(a, id) / std::to_string(i % 5) / std::to_string(i), "x");
  EXPECT_TRUE(world.RunUntil([&] { return size() == 100; }));
  a.efs->limits.size_rest = 1'000'000'000;
  Write(Tree(a, id) / "more", "x");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(size(), 100);
  Restart(a);
  EXPECT_EQ(size(), 100);  // as it was saved
  EXPECT_TRUE(world.RunUntil([&] { return size() == 101; }));
}

TEST_F(EfsTest, AFileSystemIsADirectoryThatTasksWriteIn) {
  const std::string id = Make(a, Value::Struct({{"CreationToken", "uploads"}}));
  EXPECT_THAT(id, StartsWith("fs-"));
  EXPECT_TRUE(TaskWrites(Tree(a, id) / "one"));
  Write(Tree(a, id) / "two", "12345");
  EXPECT_TRUE(world.RunUntil([&] { return Look(a, id).Sub("SizeInBytes").Int("Value") == 5; }));
  const Value shown = Look(a, id);
  EXPECT_EQ(shown.String("PerformanceMode"), "generalPurpose");
  EXPECT_EQ(shown.String("ThroughputMode"), "bursting");
  EXPECT_FALSE(shown.Flag("Encrypted", true));
  EXPECT_EQ(shown.Sub("FileSystemProtection").String("ReplicationOverwriteProtection"), "ENABLED");
}

TEST_F(EfsTest, ACreationTokenNamesOneFileSystem) {
  const std::string id = Make(a, Value::Struct({{"CreationToken", "uploads"}}));
  const Answer again = Do(a, "CreateFileSystem", Value::Struct({{"CreationToken", "uploads"}}));
  const auto* error = std::get_if<ApiError>(&again);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, "FileSystemAlreadyExists");
  EXPECT_EQ(error->http_status, 409);
  EXPECT_EQ(error->members.String("FileSystemId"), id);
  EXPECT_NE(Make(b, Value::Struct({{"CreationToken", "uploads"}})), id);
  Done(a, "DeleteFileSystem", Of(id));
  AwaitState(a, id, "gone");
  EXPECT_FALSE(std::filesystem::exists(Tree(a, id)));
  EXPECT_NE(Make(a, Value::Struct({{"CreationToken", "uploads"}})), id);
}

TEST_F(EfsTest, AFileSystemWhoseFilesStayIsNotForgotten) {
  const std::string id = Make(a);
  // Deeper than so many open files reach.
  constexpr rlim_t kFiles = 200;
  std::filesystem::path deep = Tree(a, id);
  for (rlim_t i = 0; i < 2 * kFiles; ++i) deep /= "d";
  std::filesystem::create_directories(deep);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{kFiles, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  Done(a, "DeleteFileSystem", Of(id));
  world.RunFor(300ms);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(Look(a, id).String("LifeCycleState"), "deleting");
  EXPECT_TRUE(std::filesystem::exists(Tree(a, id)));
  AwaitState(a, id, "gone");
  EXPECT_FALSE(std::filesystem::exists(Tree(a, id)));
}

TEST_F(EfsTest, OnlyKeysThatThereAreEncrypt) {
  const auto with = [](const char* key) {
    return Value::Struct({{"Encrypted", true}, {"KmsKeyId", key}});
  };
  EXPECT_THAT(Refusal(a, "CreateFileSystem", with("alias/aws/efs")),
              HasSubstr("BadRequest: The request was rejected because the specified key could not "
                        "be found: alias/aws/efs does not exist in us-east-1"));
  EXPECT_THAT(Refusal(a, "CreateFileSystem",
                      with("arn:aws:kms:us-west-2:123456789012:alias/aws/elasticfilesystem")),
              HasSubstr("is not a key of us-east-1"));
  EXPECT_THAT(Refusal(a, "CreateFileSystem", with("12345678-1234-1234-1234-123456789012")),
              HasSubstr("could not be found"));
  EXPECT_THAT(Refusal(a, "CreateFileSystem", with("alias/aws/rds")),
              HasSubstr("could not be found"));
  EXPECT_THAT(
      Refusal(a, "CreateFileSystem", Value::Struct({{"KmsKeyId", "alias/aws/elasticfilesystem"}})),
      HasSubstr("only when Encrypted is true"));
  const std::string id = Make(a, with("alias/aws/elasticfilesystem"));
  const std::string key(Look(a, id).String("KmsKeyId"));
  EXPECT_THAT(key, StartsWith("arn:aws:kms:us-east-1:123456789012:key/"));
  EXPECT_EQ(Look(a, Make(a, with(key.c_str()))).String("KmsKeyId"), key);
  EXPECT_EQ(Look(a, Make(a, Value::Struct({{"Encrypted", true}}))).String("KmsKeyId"), key);
}

TEST_F(EfsTest, AKeyOfOnesOwnEncryptsWhileItIsEnabled) {
  FakeKeys keys(a.host);
  a.host.services["kms"] = &keys;
  const std::string arn = keys.Put("11111111-1111", "alias/shop", true);
  const auto with = [](std::string_view key) {
    return Value::Struct({{"Encrypted", true}, {"KmsKeyId", key}});
  };
  for (const std::string& name : {std::string("11111111-1111"), std::string("alias/shop"), arn}) {
    EXPECT_EQ(Look(a, Make(a, with(name))).String("KmsKeyId"), arn) << name;
  }
  keys.Put("11111111-1111", "alias/shop", false);
  EXPECT_THAT(Refusal(a, "CreateFileSystem", with("alias/shop")), HasSubstr("is not enabled"));
}

TEST_F(EfsTest, ModesThatDoNotGoTogetherAreRefused) {
  const auto refused = [&](Value input) {
    return Refusal(a, "CreateFileSystem", std::move(input));
  };
  EXPECT_THAT(refused(Value::Struct({{"PerformanceMode", "maxIO"}, {"ThroughputMode", "elastic"}})),
              StartsWith("BadRequest: "));
  EXPECT_THAT(refused(Value::Struct({{"ThroughputMode", "provisioned"}})),
              StartsWith("BadRequest: "));
  EXPECT_THAT(refused(Value::Struct({{"ProvisionedThroughputInMibps", 10.0}})),
              StartsWith("BadRequest: "));
  EXPECT_THAT(refused(Value::Struct(
                  {{"ThroughputMode", "provisioned"}, {"ProvisionedThroughputInMibps", 5000.0}})),
              StartsWith("ThroughputLimitExceeded: "));
  EXPECT_THAT(refused(Value::Struct(
                  {{"AvailabilityZoneName", "us-east-1a"}, {"PerformanceMode", "maxIO"}})),
              StartsWith("BadRequest: "));
  EXPECT_THAT(refused(Value::Struct({{"AvailabilityZoneName", "us-west-2a"}})),
              StartsWith("UnsupportedAvailabilityZone: "));
  EXPECT_EQ(Done(a, "DescribeFileSystems").Items("FileSystems").size(), 0U);
}

TEST_F(EfsTest, AOneZoneFileSystemIsOfItsZoneAndBackedUp) {
  const std::string id = Make(a, Value::Struct({{"AvailabilityZoneName", "us-east-1b"}}));
  EXPECT_EQ(Look(a, id).String("AvailabilityZoneName"), "us-east-1b");
  const auto backup = [&](const std::string& of) {
    return std::string(
        Done(a, "DescribeBackupPolicy", Of(of)).Sub("BackupPolicy").String("Status"));
  };
  EXPECT_EQ(backup(id), "ENABLED");
  EXPECT_EQ(backup(Make(a)), "DISABLED");
  EXPECT_EQ(backup(Make(a, Value::Struct({{"Backup", true}}))), "ENABLED");
  EXPECT_THAT(Refusal(a, "CreateMountTarget", MountTargetIn(id, 0)),
              StartsWith("AvailabilityZonesMismatch: "));
  Done(a, "CreateMountTarget", MountTargetIn(id, 1));
}

TEST_F(EfsTest, ThroughputModesChangeOnceADay) {
  const std::string id = Make(a);
  const auto mode = [&](const char* name) { return Of(id).Set("ThroughputMode", name); };
  EXPECT_EQ(Done(a, "UpdateFileSystem", mode("elastic")).String("LifeCycleState"), "updating");
  AwaitState(a, id, "available");
  EXPECT_EQ(Look(a, id).String("ThroughputMode"), "elastic");
  EXPECT_THAT(Refusal(a, "UpdateFileSystem", mode("bursting")), StartsWith("TooManyRequests: "));
  a.efs->limits.throughput_changes = 0s;
  Done(a, "UpdateFileSystem", mode("provisioned").Set("ProvisionedThroughputInMibps", 64.0));
  AwaitState(a, id, "available");
  a.efs->limits.throughput_changes = std::chrono::hours(24);
  // More is always allowed, less once a day.
  Done(a, "UpdateFileSystem", Of(id).Set("ProvisionedThroughputInMibps", 128.0));
  AwaitState(a, id, "available");
  EXPECT_THAT(Refusal(a, "UpdateFileSystem", Of(id).Set("ProvisionedThroughputInMibps", 32.0)),
              StartsWith("TooManyRequests: "));
  EXPECT_EQ(Look(a, id).Number("ProvisionedThroughputInMibps"), 128.0);
}

TEST_F(EfsTest, CallersSetProtectionOnAndOffOnly) {
  const std::string id = Make(a);
  const auto set = [&](const char* to) { return Of(id).Set("ReplicationOverwriteProtection", to); };
  EXPECT_EQ(Done(a, "UpdateFileSystemProtection", set("DISABLED"))
                .String("ReplicationOverwriteProtection"),
            "DISABLED");
  EXPECT_THAT(Refusal(a, "UpdateFileSystemProtection", set("REPLICATING")),
              StartsWith("BadRequest: "));
  EXPECT_EQ(Look(a, id).Sub("FileSystemProtection").String("ReplicationOverwriteProtection"),
            "DISABLED");
}

TEST_F(EfsTest, MountTargetsStandOneInAZoneAndKeepTheirFileSystem) {
  const std::string id = Make(a);
  EXPECT_THAT(Refusal(a, "CreateMountTarget", Of(id).Set("SubnetId", "subnet-0123456789abcdef0")),
              StartsWith("SubnetNotFound: "));
  EXPECT_THAT(
      Refusal(
          a, "CreateMountTarget",
          MountTargetIn(id, 0, Value::Struct({{"SecurityGroups", Value::List{"sg-0123456789"}}}))),
      StartsWith("SecurityGroupNotFound: "));
  EXPECT_THAT(Refusal(a, "CreateMountTarget",
                      MountTargetIn(id, 0, Value::Struct({{"IpAddress", "172.31.0.9"}}))),
              HasSubstr("IpAddress is not served by this lab"));
  const std::string target = Mounted(id);
  EXPECT_THAT(Refusal(a, "CreateMountTarget", MountTargetIn(id, 0)),
              "MountTargetConflict: mount target already exists in this AZ");
  EXPECT_THAT(Refusal(a, "DeleteFileSystem", Of(id)),
              HasSubstr("cannot be deleted because it has mount targets. You must delete the mount "
                        "targets, and then try again."));
  EXPECT_EQ(Look(a, id).Int("NumberOfMountTargets"), 1);
  const Value of_target = Value::Struct({{"MountTargetId", target}});
  EXPECT_EQ(Done(a, "DescribeMountTargetSecurityGroups", of_target).Items("SecurityGroups").size(),
            1U);
  EXPECT_THAT(Refusal(a, "DescribeMountTargets", Value::Struct()), StartsWith("BadRequest: "));
  Done(a, "DeleteMountTarget", of_target);
  EXPECT_TRUE(world.RunUntil([&] { return Look(a, id).Int("NumberOfMountTargets") == 0; }));
  EXPECT_THAT(Refusal(a, "DeleteMountTarget", of_target), StartsWith("MountTargetNotFound: "));
  Done(a, "DeleteFileSystem", Of(id));
}

TEST_F(EfsTest, NobodyMountsWithoutAWayIn) {
  const std::string id = Make(a);
  EXPECT_THAT(WhyNoMount(id), HasSubstr("Failed to resolve \"" + id + ".efs.us-east-1"));
  EXPECT_THAT(WhyNoMount("fs-0123456789abcdef0"), HasSubstr("Failed to resolve"));
  const std::string target = Mounted(id);
  EXPECT_EQ(WhyNoMount(id), "mounted");
  EXPECT_THAT(WhyNoMount(id, "/inner"), HasSubstr("No such file or directory"));
  std::filesystem::create_directories(Tree(a, id) / "inner");
  std::filesystem::create_directory_symlink("/etc", Tree(a, id) / "out");
  EXPECT_EQ(WhyNoMount(id, "/inner"), "mounted");
  EXPECT_THAT(WhyNoMount(id, "/out"), HasSubstr("No such file or directory"));
  EXPECT_THAT(WhyNoMount(id, "/../.."), HasSubstr("No such file or directory"));

  Call call;
  call.model = shapes::FindModel("ec2");
  call.operation = call.model->FindOperation("CreateSecurityGroup");
  call.input = Value::Struct({{"GroupName", "nobody"}, {"Description", "lets nobody in"}});
  std::string group;
  a.ec2->Handle(call, [&](Answer answer) { group = std::get<Value>(answer).String("GroupId"); });
  Done(a, "ModifyMountTargetSecurityGroups",
       Value::Struct({{"MountTargetId", target}, {"SecurityGroups", Value::List{group}}}));
  EXPECT_THAT(WhyNoMount(id), HasSubstr("Connection timed out"));
  EXPECT_TRUE(a.efs->UsesGroup(group));
}

TEST_F(EfsTest, AccessPointsAreMadeOnceAToken) {
  const std::string id = Make(a);
  const Value ask =
      Of(id)
          .Set("ClientToken", "one")
          .Set("Tags", Value::List{Value::Struct({{"Key", "Name"}, {"Value", "web"}})});
  const Value made = Done(a, "CreateAccessPoint", ask);
  EXPECT_EQ(made.Sub("RootDirectory").String("Path"), "/");
  EXPECT_EQ(made.String("Name"), "web");
  EXPECT_THAT(Refusal(a, "CreateAccessPoint", ask), StartsWith("AccessPointAlreadyExists: "));
  EXPECT_THAT(Refusal(a, "DeleteFileSystem", Of(id)), HasSubstr("it has access points"));
  const Value of_point = Value::Struct({{"AccessPointId", made.String("AccessPointId")}});
  Done(a, "DeleteAccessPoint", of_point);
  EXPECT_TRUE(world.RunUntil([&] {
    return Refusal(a, "DescribeAccessPoints", of_point).starts_with("AccessPointNotFound");
  }));
}

TEST_F(EfsTest, APolicyThatWouldHaveToBeEnforcedIsRefused) {
  const std::string id = Make(a);
  const auto put = [&](const std::string& policy) {
    return Refusal(a, "PutFileSystemPolicy", Of(id).Set("Policy", policy));
  };
  EXPECT_THAT(Refusal(a, "DescribeFileSystemPolicy", Of(id)), StartsWith("PolicyNotFound: "));
  EXPECT_THAT(put("{"), StartsWith("InvalidPolicyException: "));
  EXPECT_THAT(put(R"({"Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}]})"),
              HasSubstr("This lab evaluates no policies"));
  EXPECT_THAT(put(R"({"Statement":{"Effect":"Allow","Principal":"*",)"
                  R"("Action":"elasticfilesystem:ClientMount"}})"),
              HasSubstr("it leaves something out"));
  EXPECT_THAT(
      put(R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*",)"
          R"("Resource":"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/x"}]})"),
      HasSubstr("not this file system"));
  EXPECT_THAT(Refusal(a, "DescribeFileSystemPolicy", Of(id)), StartsWith("PolicyNotFound: "));
  const std::string all =
      R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*"}]})";
  EXPECT_EQ(put(all), "done");
  EXPECT_EQ(Done(a, "DescribeFileSystemPolicy", Of(id)).String("Policy"), all);
  Done(a, "DeleteFileSystemPolicy", Of(id));
  EXPECT_THAT(Refusal(a, "DescribeFileSystemPolicy", Of(id)), StartsWith("PolicyNotFound: "));
}

TEST_F(EfsTest, TagsAreReplacedByKey) {
  const auto tag = [](const char* key, const char* value) {
    return Value::Struct({{"Key", key}, {"Value", value}});
  };
  const std::string id = Make(a, Value::Struct({{"Tags", Value::List{tag("Name", "old")}}}));
  const auto of = [&] { return Value::Struct({{"ResourceId", id}}); };
  Done(a, "TagResource", of().Set("Tags", Value::List{tag("Name", "new"), tag("b", "2")}));
  EXPECT_EQ(Look(a, id).String("Name"), "new");
  EXPECT_THAT(Refusal(a, "TagResource", of().Set("Tags", Value::List{tag("aws:x", "1")})),
              StartsWith("BadRequest: "));
  const Value first = Done(a, "ListTagsForResource", of().Set("MaxResults", 1));
  EXPECT_EQ(first.Items("Tags").size(), 1U);
  const Value second = Done(a, "ListTagsForResource",
                            of().Set("MaxResults", 1).Set("NextToken", first.String("NextToken")));
  EXPECT_EQ(second.Items("Tags").front().String("Key"), "b");
  EXPECT_FALSE(second.Has("NextToken"));
  Done(a, "UntagResource", of().Set("TagKeys", Value::List{"Name"}));
  EXPECT_EQ(Done(a, "DescribeTags", Of(id)).Items("Tags").size(), 1U);
  EXPECT_FALSE(Look(a, id).Has("Name"));
}

TEST_F(EfsTest, FileSystemsAreListedInPages) {
  for (int i = 0; i < 5; ++i) Make(a);
  std::set<std::string> seen;
  Value ask = Value::Struct({{"MaxItems", 2}});
  for (int page = 0; page < 3; ++page) {
    const Value answer = Done(a, "DescribeFileSystems", ask);
    for (const Value& each : answer.Items("FileSystems")) {
      seen.insert(std::string(each.String("FileSystemId")));
    }
    EXPECT_EQ(answer.Has("NextMarker"), page < 2);
    ask.Set("Marker", answer.String("NextMarker"));
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_THAT(Refusal(a, "DescribeFileSystems", Value::Struct({{"Marker", "made up"}})),
              StartsWith("BadRequest: "));
}

TEST_F(EfsTest, EverythingIsThereAgainAfterTheProcessDied) {
  const std::string id = Make(
      a, Value::Struct(
             {{"CreationToken", "uploads"}, {"Encrypted", true}, {"ThroughputMode", "elastic"}}));
  Mounted(id);
  Done(a, "CreateAccessPoint", Of(id).Set("ClientToken", "one"));
  Done(a, "PutLifecycleConfiguration",
       Of(id).Set("LifecyclePolicies",
                  Value::List{Value::Struct({{"TransitionToIA", "AFTER_30_DAYS"}})}));
  Write(Tree(a, id) / "kept", "kept");
  const Value before = Look(a, id);
  Restart(a);
  const Value after = Look(a, id);
  for (const char* name : {"CreationToken", "Encrypted", "KmsKeyId", "ThroughputMode",
                           "PerformanceMode", "NumberOfMountTargets"}) {
    ASSERT_TRUE(before.Has(name)) << name;
    ASSERT_TRUE(after.Has(name)) << name;
    EXPECT_EQ(*before.Find(name), *after.Find(name)) << name;
  }
  EXPECT_EQ(Done(a, "DescribeAccessPoints", Of(id)).Items("AccessPoints").size(), 1U);
  EXPECT_EQ(Done(a, "DescribeLifecycleConfiguration", Of(id))
                .Items("LifecyclePolicies")
                .front()
                .String("TransitionToIA"),
            "AFTER_30_DAYS");
  EXPECT_EQ(Read(Tree(a, id) / "kept"), "kept");
  EXPECT_EQ(WhyNoMount(id), "mounted");
}

TEST_F(EfsTest, StatesTakeTheirTimeAtAwsPace) {
  a.host.SetPace(Pace::kAws);
  const Value made = Done(a, "CreateFileSystem");
  EXPECT_EQ(made.String("LifeCycleState"), "creating");
  const std::string id(made.String("FileSystemId"));
  world.RunFor(100ms);
  EXPECT_EQ(Look(a, id).String("LifeCycleState"), "creating");
  EXPECT_THAT(Refusal(a, "UpdateFileSystem", Of(id).Set("ThroughputMode", "elastic")),
              StartsWith("IncorrectFileSystemLifeCycleState: "));
}

}  // namespace
}  // namespace leeward::lab::efs
