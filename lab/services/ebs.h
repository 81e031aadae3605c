// EBS in one Region: volumes that are files, snapshots that are maps of blocks, copies that fetch
// the blocks from another Region; and the instances that volumes are attached to. They are
// operations of EC2, which owns this part.
//
// A volume of this Region is `ebs/volumes/<id>` in the Region's state; an instance finds those that
// are attached to it under `ebs/instances/<id>/dev`, by device.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/ebs_blocks.h"
#include "lab/services/flow.h"
#include "lab/services/keys.h"
#include "lab/services/volume_snapshots.h"

namespace leeward::lab::ebs {

struct Limits {
  base::Duration call{20'000'000'000};         // one block from another Region
  base::Duration source_retry{1'000'000'000};  // while a copy's source does not answer
  base::Duration settle{10'000'000};           // of a state that passes by, at --pace fast
  base::Duration settle_aws{5'000'000'000};
  base::Duration snapshot_aws{180'000'000'000};
  base::Duration detach_look{200'000'000};           // between looks whether a device is closed
  base::Duration terminated{3'600'000'000'000};      // an instance that ended is shown for so long
  base::Duration between_snapshots{15'000'000'000};  // of one volume, while one is pending
  base::Duration between_readings{50'000'000};       // of volumes that are written to meanwhile
  int more_readings = 60;
  std::size_t volumes = 1000;
  std::size_t snapshots = 10000;
  std::size_t instances = 100;
  std::size_t copies = 20;  // at once into a Region, as AWS's quota
};

class Ebs : public VolumeSnapshots {
 public:
  explicit Ebs(Host& host);

  static std::span<const OperationRow<Ebs>> Table();
  static bool IsInternal(std::string_view operation);
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply);
  base::Status Start();

  void MakeSnapshot(const shapes::Value& input, Reply reply) override {
    CreateSnapshot(input, std::move(reply));
  }
  void CopyIn(const shapes::Value& input, Reply reply) override {
    CheckCopy(Asker::kService, input, std::move(reply));
  }
  Answer RestoreVolume(const shapes::Value& input) override { return CreateVolume(input); }
  Answer DropSnapshot(const shapes::Value& input) override { return DeleteSnapshot(input); }
  std::optional<SnapshotSeen> SeeSnapshot(std::string_view id) const override;

  Limits limits;

 private:
  using Value = shapes::Value;
  using Records = std::map<std::string, Value, std::less<>>;

  // A snapshot that is being fetched.
  struct Copying {
    std::string region;
    std::string snapshot;
  };
  struct Running {
    ChildId child = 0;
  };
  // Another service may read in the source's Region; a client shows that it may.
  enum class Asker { kClient, kService };
  // One snapshot or a set of them, as asked for.
  struct Wanted {
    std::vector<std::string> volumes;
    Value input;
    Value tags;
    bool as_set = false;
  };

  // ebs_volumes.cc
  Answer CreateVolume(const Value& input);
  Answer DescribeVolumes(const Value& input);
  Answer DeleteVolume(const Value& input);
  Answer AttachVolume(const Value& input);
  Answer DetachVolume(const Value& input);
  std::optional<ApiError> CheckNewVolume(const Value& input, const Value* source) const;
  Flow<> MakeVolume(std::string id);
  Flow<> RemoveVolume(std::string id);
  Flow<> LetGo(std::string id);
  std::optional<Answer> MadeBefore(const std::string& token, const Value& asked) const;
  // The snapshot that a volume is made of; null when of none.
  std::variant<const Value*, ApiError> SourceOf(const Value& input) const;
  Value NewVolume(const Value& input, const Value* source);
  void Encrypt(Value& record, const Value& input, std::string_view source_key) const;
  // There is one key, which AWS manages; it may be named by alias, id or ARN.
  std::string WhyNotEncrypted(const Value& record) const;  // empty: its key can be used
  std::optional<ApiError> CheckAttachable(const Value& input) const;
  std::optional<ApiError> CheckDevice(const Value& input) const;
  base::Status Link(const std::string& instance, const std::string& device,
                    const std::string& volume);
  void Unlink(const std::string& instance, const std::string& device);

  // ebs_snapshots.cc
  void CreateSnapshot(const Value& input, Reply reply);
  void CreateSnapshots(const Value& input, Reply reply);
  Answer DescribeSnapshots(const Value& input);
  Answer DeleteSnapshot(const Value& input);
  std::optional<ApiError> CheckSnapshotable(const std::string& volume) const;
  Flow<> TakeSet(Wanted wanted, Reply reply);
  Value NewSnapshot(const Wanted& wanted, const std::string& volume, base::WallTime started);
  Flow<> Complete(std::string id);

  // ebs_copy.cc
  void CopySnapshot(const Value& input, Reply reply);
  void CheckCopy(Asker asker, const Value& input, Reply reply);
  Flow<> BeginCopy(Asker asker, Value input, Reply reply);
  Flow<> RunCopy(std::string id);
  Flow<base::Status> Fetch(std::string id, Copying from);
  Flow<base::Status> FetchBlock(std::string id, Copying from, std::string digest);
  void DescribeForCopy(const Value& input, Reply reply);
  void ReadForCopy(const Value& input, Reply reply);
  std::optional<ApiError> CheckPresigned(const Value& input) const;
  void Fail(const std::string& id, std::string_view why);

  // ebs_instances.cc
  Answer RunInstances(const Value& input);
  Answer DescribeInstances(const Value& input);
  Answer TerminateInstances(const Value& input);
  Answer DescribeImages(const Value& input);
  std::optional<ApiError> CheckLaunch(const Value& input) const;
  base::Status Boot(const std::string& id);
  void Resume(const std::string& id);  // after the Region was gone
  Flow<> Bury(std::string id);
  void SetInstanceState(const std::string& id, std::string_view state);
  std::vector<std::string> AttachedTo(std::string_view instance) const;

  // ebs.cc
  void GoOn();
  Answer CreateTags(const Value& input);
  Answer DeleteTags(const Value& input);
  Value* FindTagged(std::string_view id);
  base::Duration Paced(base::Duration aws) const;
  std::string NewId(std::string_view prefix);
  std::filesystem::path Directory() const;
  std::filesystem::path VolumePath(std::string_view id) const;
  std::filesystem::path InstancePath(std::string_view id) const;
  void Save();

  Host& host_;
  BlockStore blocks_;
  Records volumes_;    // as DescribeVolumes tells them
  Records snapshots_;  // as DescribeSnapshots tells them
  Records instances_;  // as DescribeInstances tells them
  std::map<std::string, Copying> copying_;
  std::map<std::string, Running> running_;      // by instance
  std::map<std::string, std::string> scripts_;  // user data, by instance
  std::map<std::string, Value> made_by_token_;  // volumes of CreateVolume, by ClientToken
};

}  // namespace leeward::lab::ebs
