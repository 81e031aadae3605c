#include "lab/services/ecs_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/core/testing.h"
#include "lab/services/ecs.h"
#include "lab/services/file_systems.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace std::chrono_literals;

// One file system, at a directory that need not be there.
class OneFileSystem : public Service, public FileSystems {
 public:
  std::string_view name() const override { return "efs"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply /*reply*/) override {}
  base::Status Start() override { return base::Ok(); }
  base::Result<std::filesystem::path> Mount(const MountAsked& asked) const override {
    if (asked.file_system != "fs-1")
      return base::NotFound("Failed to resolve " + asked.file_system);
    return std::filesystem::path("/state/fs-1/tree" + (asked.root == "/" ? "" : asked.root));
  }
  std::optional<FileSystemSeen> See(std::string_view /*id*/) const override { return std::nullopt; }
};

class EcsVolumesTest : public ::testing::Test {
 protected:
  EcsVolumesTest() {
    host_.Add(efs_);
    host_.Add(ecs_);
    EXPECT_TRUE(ecs_.Start().ok());
    host_.CallOperation(ecs_, "CreateCluster", Value::Struct({{"clusterName", "shop"}}));
  }
  static Value Volume(Value efs) {
    return Value::Struct({{"name", "uploads"}, {"efsVolumeConfiguration", std::move(efs)}});
  }
  static Value Efs(const char* id = "fs-1") { return Value::Struct({{"fileSystemId", id}}); }
  static Value Definition(Value volume, Value container) {
    container.Set("name", "web").Set("image", "shop:1");
    if (!container.Has("command")) container.Set("command", Value::List{"/bin/sleep", "1000"});
    if (!container.Has("mountPoints")) {
      container.Set("mountPoints", Value::List{Value::Struct({{"sourceVolume", "uploads"},
                                                              {"containerPath", "/mnt/uploads"}})});
    }
    return Value::Struct({{"family", "web"},
                          {"volumes", Value::List{std::move(volume)}},
                          {"containerDefinitions", Value::List{std::move(container)}}});
  }
  std::string Register(Value definition) {
    const Answer answer =
        host_.CallOperation(ecs_, "RegisterTaskDefinition", std::move(definition));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }
  // The stopped reason; empty for a task that runs.
  std::string Run() {
    const auto run = std::get<Value>(host_.CallOperation(
        ecs_, "RunTask", Value::Struct({{"cluster", "shop"}, {"taskDefinition", "web"}})));
    const std::string arn(run.Items("tasks").front().String("taskArn"));
    host_.Advance(1s);
    const auto shown = std::get<Value>(host_.CallOperation(
        ecs_, "DescribeTasks", Value::Struct({{"cluster", "shop"}, {"tasks", Value::List{arn}}})));
    return std::string(shown.Items("tasks").front().String("stoppedReason"));
  }
  static Value Environment(const char* name, const char* value) {
    return Value::Struct(
        {{"environment", Value::List{Value::Struct({{"name", name}, {"value", value}})}}});
  }

  FakeHost host_;
  OneFileSystem efs_;
  Ecs ecs_{host_};
};

TEST_F(EcsVolumesTest, TheDirectoryTakesThePlaceOfTheContainersPath) {
  Value container = Environment("UPLOADS", "/mnt/uploads");
  container.Set("command", Value::List{"/bin/sleep", "--to=/mnt/uploads/new", "/mnt/uploads2"});
  ASSERT_EQ(Register(Definition(Volume(Efs()), std::move(container))), "done");
  EXPECT_EQ(Run(), "");
  ASSERT_EQ(host_.children().size(), 1U);
  const ChildSpec& spec = host_.children().front().spec;
  EXPECT_THAT(spec.environment, Contains(Pair("UPLOADS", "/state/fs-1/tree")));
  EXPECT_THAT(spec.argv, ElementsAre("/bin/sleep", "--to=/state/fs-1/tree/new", "/mnt/uploads2"));
}

TEST_F(EcsVolumesTest, ARootDirectoryIsPartOfIt) {
  ASSERT_EQ(Register(Definition(Volume(Efs().Set("rootDirectory", "/inner")),
                                Environment("UPLOADS", "/mnt/uploads/x"))),
            "done");
  EXPECT_EQ(Run(), "");
  EXPECT_THAT(host_.children().front().spec.environment,
              Contains(Pair("UPLOADS", "/state/fs-1/tree/inner/x")));
}

TEST_F(EcsVolumesTest, TheLongestPathThatIsNamedCountsAndNoneTwice) {
  Value inner = Volume(Efs().Set("rootDirectory", "/inner"));
  inner.Set("name", "inner");
  const auto point = [](const char* volume, const char* path) {
    return Value::Struct({{"sourceVolume", volume}, {"containerPath", path}});
  };
  Value container = Environment("INNER", "/mnt/uploads/inner/x");
  container.Set("command", Value::List{"/bin/sleep", "/mnt/uploads/y", "--log=/state/log"});
  container.Set("mountPoints",
                Value::List{point("uploads", "/mnt/uploads"), point("inner", "/mnt/uploads/inner"),
                            point("inner", "/state")});
  Value definition = Definition(Volume(Efs()), std::move(container));
  definition.Set("volumes", Value::List{Volume(Efs()), std::move(inner)});
  ASSERT_EQ(Register(std::move(definition)), "done");
  EXPECT_EQ(Run(), "");
  ASSERT_EQ(host_.children().size(), 1U);
  const ChildSpec& spec = host_.children().front().spec;
  EXPECT_THAT(spec.environment, Contains(Pair("INNER", "/state/fs-1/tree/inner/x")));
  EXPECT_THAT(spec.argv,
              ElementsAre("/bin/sleep", "/state/fs-1/tree/y", "--log=/state/fs-1/tree/inner/log"));
}

TEST_F(EcsVolumesTest, ATaskWithoutAWayToItsFilesDoesNotStart) {
  ASSERT_EQ(Register(Definition(Volume(Efs("fs-2")), Environment("UPLOADS", "/mnt/uploads"))),
            "done");
  EXPECT_EQ(Run(),
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS "
            "volumes: stderr: Failed to resolve fs-2");
  EXPECT_TRUE(host_.children().empty());
}

TEST_F(EcsVolumesTest, APathThatNothingNamesIsSaid) {
  ASSERT_EQ(Register(Definition(Volume(Efs()), Environment("UPLOADS", "/mnt/other"))), "done");
  EXPECT_THAT(Run(), HasSubstr("this lab mounts nothing at /mnt/uploads"));
  EXPECT_TRUE(host_.children().empty());
}

TEST_F(EcsVolumesTest, WhatCannotBeMadeSoIsRefusedByName) {
  const auto refused = [&](Value efs) {
    return Register(Definition(Volume(std::move(efs)), Environment("UPLOADS", "/mnt/uploads")));
  };
  EXPECT_THAT(refused(Efs().Set("transitEncryption", "ENABLED")),
              HasSubstr("EFSVolumeConfiguration.transitEncryption is not served by this lab."));
  EXPECT_THAT(refused(Efs().Set("authorizationConfig", Value::Struct({{"iam", "ENABLED"}}))),
              HasSubstr("EFSVolumeConfiguration.authorizationConfig is not served"));
  EXPECT_THAT(refused(Value::Struct()), HasSubstr("fileSystemId should not be null"));
  EXPECT_THAT(Register(Definition(Value::Struct({{"name", "uploads"},
                                                 {"host", Value::Struct({{"sourcePath", "/"}})}}),
                                  Environment("UPLOADS", "/mnt/uploads"))),
              HasSubstr("Volume.host is not served"));
  const auto with_point = [&](Value point) {
    return Register(
        Definition(Volume(Efs()), Value::Struct({{"mountPoints", Value::List{std::move(point)}}})));
  };
  EXPECT_EQ(with_point(Value::Struct({{"sourceVolume", "none"}, {"containerPath", "/mnt"}})),
            "ClientException: Unknown volume 'none'.");
  EXPECT_THAT(with_point(Value::Struct({{"sourceVolume", "uploads"}, {"containerPath", "mnt"}})),
              HasSubstr("must be an absolute path"));
  EXPECT_THAT(with_point(Value::Struct(
                  {{"sourceVolume", "uploads"}, {"containerPath", "/mnt"}, {"readOnly", true}})),
              HasSubstr("MountPoint.readOnly is not served"));
}

}  // namespace
}  // namespace leeward::lab
