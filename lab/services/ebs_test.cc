#include "lab/services/ebs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "lab/core/testing.h"
#include "lab/services/ec2.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/keys_testing.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Two Regions with an EC2 each.
class EbsTest : public testing::Test {
 protected:
  struct Side {
    explicit Side(FakeHostOptions options) : host(std::move(options)) { Begin(); }
    void Begin() {
      if (ec2 != nullptr) killed.push_back(std::move(ec2));
      ec2 = std::make_unique<ec2::Ec2>(host);
      host.Add(*ec2);
      const base::Status started = ec2->Start();
      EXPECT_TRUE(started.ok()) << started.error().message();
    }
    FakeHost host;
    std::unique_ptr<ec2::Ec2> ec2;
    std::vector<std::unique_ptr<ec2::Ec2>> killed;  // the host still has their timers
  };
  EbsTest() { FakeHost::Connect({&a.host, &b.host}); }

  static Answer Do(Side& side, std::string_view operation, Value input) {
    return side.host.CallOperation(*side.ec2, operation, std::move(input));
  }
  static std::string Code(Side& side, std::string_view operation, Value input) {
    const Answer answer = Do(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code;
  }
  static Value Done(Side& side, std::string_view operation, Value input) {
    const Answer answer = Do(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    if (error != nullptr)
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
    return error == nullptr ? std::get<Value>(answer) : Value();
  }
  static Value Ids(const std::string& name, const std::string& id) {
    return Value::Struct({{name, Value(Value::List{Value(id)})}});
  }
  static Value Tag(const std::string& key, const std::string& value) {
    return Value::Struct({{"Key", key}, {"Value", value}});
  }
  static std::string VolumeState(Side& side, const std::string& id) {
    const Answer told = Do(side, "DescribeVolumes", Ids("VolumeIds", id));
    if (IsError(told)) return std::get<ApiError>(told).code;
    return std::string(std::get<Value>(told).Items("Volumes").front().String("State"));
  }
  static Value Snapshot(Side& side, const std::string& id) {
    const Answer told = Do(side, "DescribeSnapshots", Ids("SnapshotIds", id));
    if (IsError(told)) return Value::Struct({{"State", std::get<ApiError>(told).code}});
    return std::get<Value>(told).Items("Snapshots").front();
  }
  static void AwaitVolume(Side& side, const std::string& id, const std::string& state) {
    EXPECT_TRUE(side.host.PumpUntil([&] { return VolumeState(side, id) == state; }, 10s))
        << VolumeState(side, id);
  }
  static std::string Settled(Side& side, const std::string& id) {
    EXPECT_TRUE(
        side.host.PumpUntil([&] { return Snapshot(side, id).String("State") != "pending"; }, 10s));
    return std::string(Snapshot(side, id).String("State"));
  }
  static std::string Make(Side& side, Value more = Value::Struct({{"Size", 1}})) {
    if (!more.Has("AvailabilityZone")) more.Set("AvailabilityZone", side.host.region() + "a");
    std::string id(Done(side, "CreateVolume", std::move(more)).String("VolumeId"));
    AwaitVolume(side, id, "available");
    return id;
  }
  static fs::path Path(Side& side, const std::string& id) {
    return side.host.StateDirectory("ebs") / "volumes" / id;
  }
  static void Write(Side& side, const std::string& id, std::string_view text,
                    std::int64_t block = 0) {
    std::fstream file(Path(side, id), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(block * kBlockBytes);
    file << text;
  }
  static std::string Read(Side& side, const std::string& id, std::size_t bytes,
                          std::int64_t block = 0) {
    std::ifstream file(Path(side, id), std::ios::binary);
    file.seekg(block * kBlockBytes);
    std::string text(bytes, '\0');
    file.read(text.data(), static_cast<std::streamsize>(bytes));
    return text;
  }
  static std::string Take(Side& side, const std::string& volume) {
    std::string id(
        Done(side, "CreateSnapshot", Value::Struct({{"VolumeId", volume}})).String("SnapshotId"));
    EXPECT_EQ(Settled(side, id), "completed");
    return id;
  }
  static Value FromA(const std::string& snapshot) {
    return Value::Struct({{"SourceRegion", "us-east-1"}, {"SourceSnapshotId", snapshot}});
  }
  static std::string Launch(Side& side) {
    const Value images = Done(side, "DescribeImages", Value::Struct());
    const std::string script = "#!/bin/sh\nexec sleep 1000 < /dev/sdf\n";
    const Value made =
        Done(side, "RunInstances",
             Value::Struct({{"ImageId", images.Items("Images").front().String("ImageId")},
                            {"MinCount", 1},
                            {"MaxCount", 1},
                            {"UserData", base::Base64Encode(script)}}));
    std::string id(made.Items("Instances").front().String("InstanceId"));
    EXPECT_TRUE(side.host.PumpUntil([&] { return InstanceState(side, id) == "running"; }, 10s));
    return id;
  }
  static std::string InstanceState(Side& side, const std::string& id) {
    const Value told = Done(side, "DescribeInstances", Ids("InstanceIds", id));
    const Value& reservation = told.Items("Reservations").front();
    return std::string(reservation.Items("Instances").front().Sub("State").String("Name"));
  }
  static Value Attachment(const std::string& volume, const std::string& instance,
                          const std::string& device) {
    return Value::Struct({{"VolumeId", volume}, {"InstanceId", instance}, {"Device", device}});
  }

  Side a{{.region = "us-east-1", .seed = 1}};
  Side b{{.region = "us-west-2", .seed = 2, .block = 10}};
};

TEST_F(EbsTest, AVolumeIsAFileAndItsSnapshotMakesAnotherOne) {
  const std::string id = Make(a);
  EXPECT_THAT(id, StartsWith("vol-"));
  EXPECT_EQ(fs::file_size(Path(a, id)), 1u << 30);
  Write(a, id, "orders", 3);
  const std::string snapshot = Take(a, id);
  Write(a, id, "later!", 3);
  EXPECT_EQ(Snapshot(a, snapshot).String("Progress"), "100%");
  const std::string second = Make(a, Value::Struct({{"SnapshotId", snapshot}}));
  EXPECT_EQ(Read(a, second, 6, 3), "orders");
  EXPECT_EQ(Read(a, id, 6, 3), "later!");
}

TEST_F(EbsTest, WhatCannotBeMadeIsRefusedAsEc2Does) {
  const Value zone = Value::Struct({{"AvailabilityZone", "us-east-1a"}});
  const auto with = [&](const std::string& name, Value value) {
    Value input = zone;
    input.Set("Size", 1);
    return input.Set(name, std::move(value));
  };
  EXPECT_EQ(Code(a, "CreateVolume", zone), "MissingParameter");
  EXPECT_EQ(Code(a, "CreateVolume", Value::Struct({{"Size", 1}})), "MissingParameter");
  EXPECT_EQ(Code(a, "CreateVolume", with("AvailabilityZone", "us-west-2a")),
            "InvalidZone.NotFound");
  EXPECT_EQ(Code(a, "CreateVolume", with("Size", 0)), "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateVolume", with("SnapshotId", "snap-0123456789abcdef0")),
            "InvalidSnapshot.NotFound");
  EXPECT_EQ(Code(a, "CreateVolume", with("SnapshotId", "snap-zzz")), "InvalidSnapshotID.Malformed");
  EXPECT_EQ(Code(a, "CreateVolume", with("Iops", 5000)), "UnsupportedOperation");
  EXPECT_EQ(Code(a, "CreateVolume", with("VolumeType", "io2")), "UnsupportedOperation");
  EXPECT_EQ(Code(a, "CreateSnapshot", Value::Struct({{"VolumeId", "vol-0123456789abcdef0"}})),
            "InvalidVolume.NotFound");
  EXPECT_EQ(Code(a, "CreateSnapshots",
                 Value::Struct({{"InstanceSpecification",
                                 Value::Struct({{"InstanceId", "i-0123456789abcdef0"}})}})),
            "InvalidInstanceID.NotFound");
}

TEST_F(EbsTest, AClientTokenMakesOneVolume) {
  const Value input =
      Value::Struct({{"AvailabilityZone", "us-east-1a"}, {"Size", 1}, {"ClientToken", "again"}});
  const std::string id(Done(a, "CreateVolume", input).String("VolumeId"));
  EXPECT_EQ(Done(a, "CreateVolume", input).String("VolumeId"), id);
  Value other = input;
  other.Set("Size", 2);
  EXPECT_EQ(Code(a, "CreateVolume", other), "IdempotentParameterMismatch");
}

TEST_F(EbsTest, FiltersTagsAndPagesSelect) {
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(Make(a));
  Done(a, "CreateTags",
       Value::Struct({{"Resources", Value(Value::List{Value(ids[2])})},
                      {"Tags", Value(Value::List{Tag("app", "shop")})}}));
  const auto filter = [](const std::string& name, const std::string& value) {
    return Value::Struct(
        {{"Filters", Value(Value::List{Value::Struct(
                         {{"Name", name}, {"Values", Value(Value::List{Value(value)})}})})}});
  };
  const Value found = Done(a, "DescribeVolumes", filter("tag:app", "sh*"));
  ASSERT_EQ(found.Items("Volumes").size(), 1u);
  EXPECT_EQ(found.Items("Volumes").front().String("VolumeId"), ids[2]);
  EXPECT_EQ(Code(a, "DescribeVolumes", filter("colour", "red")), "InvalidParameterValue");
  const Value first = Done(a, "DescribeVolumes", Value::Struct({{"MaxResults", 5}}));
  EXPECT_EQ(first.Items("Volumes").size(), 5u);
  const Value rest =
      Done(a, "DescribeVolumes",
           Value::Struct({{"MaxResults", 5}, {"NextToken", first.String("NextToken")}}));
  EXPECT_EQ(rest.Items("Volumes").size(), 2u);
  EXPECT_FALSE(rest.Has("NextToken"));
  EXPECT_EQ(Code(a, "DescribeVolumes", Value::Struct({{"MaxResults", 4}})),
            "InvalidParameterValue");
  Done(a, "DeleteTags",
       Value::Struct({{"Resources", Value(Value::List{Value(ids[2])})},
                      {"Tags", Value(Value::List{Value::Struct({{"Key", "app"}})})}}));
  EXPECT_TRUE(Done(a, "DescribeVolumes", filter("tag:app", "*")).Items("Volumes").empty());
}

TEST_F(EbsTest, AnInstanceHasItsVolumesByDeviceUntilItLetsThemGo) {
  const std::string volume = Make(a);
  const std::string instance = Launch(a);
  EXPECT_EQ(Code(a, "AttachVolume", Attachment(volume, instance, "/etc/passwd")),
            "InvalidParameterValue");
  Done(a, "AttachVolume", Attachment(volume, instance, "/dev/sdf"));
  EXPECT_EQ(VolumeState(a, volume), "in-use");
  const fs::path device = a.host.StateDirectory("ebs") / "instances" / instance / "dev" / "sdf";
  EXPECT_EQ(fs::read_symlink(device), Path(a, volume));
  std::ifstream script(device.parent_path().parent_path() / "user-data");
  std::ostringstream text;
  text << script.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("< " + device.native()));
  EXPECT_EQ(Code(a, "DeleteVolume", Value::Struct({{"VolumeId", volume}})), "VolumeInUse");
  const std::string second = Make(a);
  EXPECT_EQ(Code(a, "AttachVolume", Attachment(second, instance, "/dev/sdf")),
            "InvalidParameterValue");
  const std::string elsewhere =
      Make(a, Value::Struct({{"Size", 1}, {"AvailabilityZone", "us-east-1b"}}));
  EXPECT_EQ(Code(a, "AttachVolume", Attachment(elsewhere, instance, "/dev/sdg")),
            "InvalidVolume.ZoneMismatch");
  {
    const std::ifstream open(Path(a, volume));
    Done(a, "DetachVolume", Value::Struct({{"VolumeId", volume}}));
    a.host.Advance(2s);
    EXPECT_EQ(VolumeState(a, volume), "in-use") << "it is open";
  }
  AwaitVolume(a, volume, "available");
  Done(a, "DeleteVolume", Value::Struct({{"VolumeId", volume}}));
  AwaitVolume(a, volume, "InvalidVolume.NotFound");
}

TEST_F(EbsTest, ASetIsOfAllAttachedVolumesButTheExcluded) {
  const std::string instance = Launch(a);
  std::vector<std::string> volumes;
  for (const char* device : {"/dev/sdf", "/dev/sdg", "/dev/sdh"}) {
    volumes.push_back(Make(a));
    Done(a, "AttachVolume", Attachment(volumes.back(), instance, device));
    Write(a, volumes.back(), device);
  }
  Value specification = Value::Struct({{"InstanceId", instance}});
  specification.Set("ExcludeDataVolumeIds", Value(Value::List{Value(volumes[1])}));
  const Value made = Done(
      a, "CreateSnapshots",
      Value::Struct({{"InstanceSpecification", specification}, {"CopyTagsFromSource", "volume"}}));
  const Value::List& members = made.Items("Snapshots");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].Sub("StartTime"), members[1].Sub("StartTime"));
  for (const Value& member : members) {
    EXPECT_EQ(Settled(a, std::string(member.String("SnapshotId"))), "completed");
    EXPECT_NE(member.String("VolumeId"), volumes[1]);
  }
  EXPECT_EQ(Code(a, "CreateSnapshots",
                 Value::Struct(
                     {{"InstanceSpecification",
                       Value::Struct({{"InstanceId", instance},
                                      {"ExcludeDataVolumeIds",
                                       Value(Value::List{Value("vol-0123456789abcdef0")})}})}})),
            "InvalidParameterValue");
}

TEST_F(EbsTest, EndingAnInstanceKeepsItsVolumes) {
  const std::string volume = Make(a);
  const std::string instance = Launch(a);
  Done(a, "AttachVolume", Attachment(volume, instance, "/dev/sdf"));
  Done(a, "TerminateInstances", Ids("InstanceIds", instance));
  ASSERT_EQ(a.host.children().size(), 1u);
  EXPECT_EQ(a.host.children().front().signals, std::vector<int>{SIGKILL});
  a.host.EndChild(a.host.children().front().id, {-1, SIGKILL});
  AwaitVolume(a, volume, "available");
  EXPECT_TRUE(a.host.PumpUntil([&] { return InstanceState(a, instance) == "terminated"; }, 10s));
}

TEST_F(EbsTest, ACopyIsInTheOtherRegionAndOutlivesItsSource) {
  const std::string volume = Make(a);
  Write(a, volume, "orders", 2);
  const std::string snapshot = Take(a, volume);
  const std::string copy(Done(b, "CopySnapshot", FromA(snapshot)).String("SnapshotId"));
  EXPECT_EQ(Settled(b, copy), "completed");
  EXPECT_EQ(Snapshot(b, copy).String("VolumeId"), "vol-ffffffff");
  Done(a, "DeleteSnapshot", Value::Struct({{"SnapshotId", snapshot}}));
  const std::string restored = Make(b, Value::Struct({{"SnapshotId", copy}}));
  EXPECT_EQ(Read(b, restored, 6, 2), "orders");
}

TEST_F(EbsTest, ACopyWaitsWhileItsSourceIsSilentAndGoesOnAfterAKill) {
  const std::string volume = Make(a);
  for (int block = 0; block < 4; ++block) Write(a, volume, "block" + std::to_string(block), block);
  const std::string snapshot = Take(a, volume);
  const std::string copy(Done(b, "CopySnapshot", FromA(snapshot)).String("SnapshotId"));
  b.host.Cut("us-east-1");
  b.host.Advance(60s);
  EXPECT_EQ(Snapshot(b, copy).String("State"), "pending");
  b.Begin();  // the Region's process starts again
  b.host.Mend("us-east-1");
  EXPECT_EQ(Settled(b, copy), "completed");
  const std::string restored = Make(b, Value::Struct({{"SnapshotId", copy}}));
  EXPECT_EQ(Read(b, restored, 6, 3), "block3");
}

TEST_F(EbsTest, ACopyWhoseSourceIsDeletedMeanwhileIsInError) {
  const std::string volume = Make(a);
  Write(a, volume, "orders");
  const std::string snapshot = Take(a, volume);
  const std::string copy(Done(b, "CopySnapshot", FromA(snapshot)).String("SnapshotId"));
  b.host.Cut("us-east-1");
  b.host.Advance(30s);
  Done(a, "DeleteSnapshot", Value::Struct({{"SnapshotId", snapshot}}));
  b.host.Mend("us-east-1");
  EXPECT_EQ(Settled(b, copy), "error");
  EXPECT_THAT(std::string(Snapshot(b, copy).String("StateMessage")), HasSubstr("gone"));
  EXPECT_EQ(Code(b, "CreateVolume",
                 Value::Struct({{"AvailabilityZone", "us-west-2a"}, {"SnapshotId", copy}})),
            "IncorrectState");
}

TEST_F(EbsTest, AnEncryptedSnapshotIsCopiedByASignedUrlAlone) {
  const std::string volume = Make(a, Value::Struct({{"Size", 1}, {"Encrypted", true}}));
  const std::string snapshot = Take(a, volume);
  EXPECT_TRUE(Snapshot(a, snapshot).Flag("Encrypted", false));
  EXPECT_EQ(Code(b, "CopySnapshot", FromA(snapshot)), "MissingParameter");
  Value forged = FromA(snapshot);
  forged.Set("PresignedUrl",
             "https://ec2.us-east-1.amazonaws.com/?Action=CopySnapshot&SourceRegion="
             "us-east-1&DestinationRegion=us-west-2&SourceSnapshotId=" +
                 snapshot);
  EXPECT_EQ(Code(b, "CopySnapshot", forged), "InvalidParameterValue");
}

TEST_F(EbsTest, TheOneKeyHasThreeNames) {
  const std::string id = Make(a, Value::Struct({{"Size", 1}, {"Encrypted", true}}));
  const Value told = Done(a, "DescribeVolumes", Ids("VolumeIds", id));
  const std::string key(told.Items("Volumes").front().String("KmsKeyId"));
  const auto with = [](const std::string& name) {
    return Value::Struct(
        {{"AvailabilityZone", "us-east-1a"}, {"Size", 1}, {"Encrypted", true}, {"KmsKeyId", name}});
  };
  for (const std::string& name :
       {key, key.substr(key.find('/') + 1), std::string("alias/aws/ebs")}) {
    EXPECT_EQ(Code(a, "CreateVolume", with(name)), "done") << name;
  }
  Value plain = with(key);
  plain.Erase("Encrypted");
  EXPECT_EQ(Code(a, "CreateVolume", plain), "InvalidParameterDependency");
}

// EC2 asks KMS when it has answered already.
TEST_F(EbsTest, AKeyOfOnesOwnIsToldByStates) {
  FakeKeys keys(a.host);
  a.host.Add(keys);
  const std::string arn = keys.Put("11111111-1111", "alias/shop", true);
  const auto with = [](std::string_view key) {
    return Value::Struct(
        {{"AvailabilityZone", "us-east-1a"}, {"Size", 1}, {"Encrypted", true}, {"KmsKeyId", key}});
  };
  const auto state = [&](const std::string& id) {
    EXPECT_TRUE(a.host.PumpUntil([&] { return VolumeState(a, id) != "creating"; }, 10s));
    return Done(a, "DescribeVolumes", Ids("VolumeIds", id)).Items("Volumes").front();
  };
  const std::string id(Done(a, "CreateVolume", with("alias/shop")).String("VolumeId"));
  EXPECT_EQ(state(id).String("State"), "available");
  EXPECT_EQ(state(id).String("KmsKeyId"), arn);
  const std::string snapshot = Take(a, id);
  EXPECT_EQ(Snapshot(a, snapshot).String("KmsKeyId"), arn);
  const std::string restored(
      Done(a, "CreateVolume",
           Value::Struct({{"AvailabilityZone", "us-east-1a"}, {"SnapshotId", snapshot}}))
          .String("VolumeId"));
  EXPECT_EQ(state(restored).String("KmsKeyId"), arn);
  keys.Put("11111111-1111", "alias/shop", false);
  for (const char* key : {"alias/shop", "alias/mine", "alias/aws/rds"}) {
    const std::string failed(Done(a, "CreateVolume", with(key)).String("VolumeId"));
    EXPECT_EQ(state(failed).String("State"), "error") << key;
  }
}

// As when the disk is full: what cannot be written is said, and nothing half done is shown.
TEST_F(EbsTest, ADiskThatTakesNothingIsToldByStatesAndErrors) {
  const std::string volume = Make(a);
  Write(a, volume, "orders");
  const std::string whole = Take(a, volume);
  const fs::path blocks_of_b = b.host.StateDirectory("ebs") / "blocks";
  fs::remove_all(blocks_of_b);
  std::ofstream(blocks_of_b) << "in the way";
  const std::string copy(Done(b, "CopySnapshot", FromA(whole)).String("SnapshotId"));
  EXPECT_EQ(Settled(b, copy), "error");
  EXPECT_THAT(std::string(Snapshot(b, copy).String("StateMessage")), HasSubstr("cannot create"));
  const fs::path blocks_of_a = a.host.StateDirectory("ebs") / "blocks";
  fs::rename(blocks_of_a, blocks_of_a.native() + "-away");
  std::ofstream(blocks_of_a) << "in the way";
  Write(a, volume, "newer!");
  EXPECT_EQ(Code(a, "CreateSnapshot", Value::Struct({{"VolumeId", volume}})), "InternalError");
  const Value listed = Done(a, "DescribeSnapshots", Value::Struct());
  EXPECT_EQ(listed.Items("Snapshots").size(), 1u);
  const Value made =
      Done(a, "CreateVolume",
           Value::Struct({{"AvailabilityZone", "us-east-1a"}, {"SnapshotId", whole}}));
  AwaitVolume(a, std::string(made.String("VolumeId")), "error");
}

TEST_F(EbsTest, ASourceThatIsAbsentOrSilentIsSaidAtOnce) {
  EXPECT_EQ(Code(b, "CopySnapshot", FromA("snap-0123456789abcdef0")), "InvalidSnapshot.NotFound");
  const std::string snapshot = Take(a, Make(a));
  b.host.Cut("us-east-1");
  EXPECT_EQ(Code(b, "CopySnapshot", FromA(snapshot)), "ServiceUnavailable");
}

TEST_F(EbsTest, VolumesAndSnapshotsOutliveTheProcess) {
  const std::string volume = Make(a);
  Write(a, volume, "orders");
  const std::string snapshot = Take(a, volume);
  const std::string instance = Launch(a);
  Done(a, "AttachVolume", Attachment(volume, instance, "/dev/sdf"));
  a.Begin();
  EXPECT_EQ(VolumeState(a, volume), "in-use");
  EXPECT_EQ(InstanceState(a, instance), "running");
  EXPECT_EQ(a.host.children().size(), 2u) << "its script runs again";
  const std::string restored = Make(a, Value::Struct({{"SnapshotId", snapshot}}));
  EXPECT_EQ(Read(a, restored, 6), "orders");
}

TEST_F(EbsTest, AnotherServiceMakesSnapshotsByTheSameRules) {
  const std::string volume = Make(a);
  auto* keeper = dynamic_cast<KeepsVolumes*>(a.host.Find("ec2"));
  ASSERT_NE(keeper, nullptr);
  std::string id;
  keeper->Volumes().MakeSnapshot(Value::Struct({{"VolumeId", volume}}), [&](Answer answer) {
    id = std::get<Value>(answer).String("SnapshotId");
  });
  ASSERT_TRUE(a.host.PumpUntil([&] { return !id.empty(); }, 10s));
  EXPECT_EQ(Settled(a, id), "completed");
  EXPECT_EQ(keeper->Volumes().SeeSnapshot(id)->volume, volume);
  EXPECT_FALSE(keeper->Volumes().SeeSnapshot("snap-0123456789abcdef0").has_value());
}

}  // namespace
}  // namespace leeward::lab::ebs
