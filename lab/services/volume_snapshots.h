// EBS, as a Region's other services know it: what keeps backups of volumes makes, copies and
// restores snapshots with it, by the same operations and under the same rules as anybody. Found
// with FindSibling<KeepsVolumes>(host, "ec2").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab {

struct SnapshotSeen {
  std::string state;  // "pending", "completed", "error"
  std::string message;
  std::string volume;
  int gigabytes = 0;
  std::string key;  // ARN; empty: not encrypted
  base::WallTime started;
};

// In ARNs of snapshots there is no account.
inline std::string SnapshotArn(std::string_view region, std::string_view id) {
  return "arn:aws:ec2:" + std::string(region) + "::snapshot/" + std::string(id);
}

class VolumeSnapshots {
 public:
  virtual ~VolumeSnapshots() = default;
  // EC2's CreateSnapshot, CopySnapshot, CreateVolume and DeleteSnapshot with their own inputs and
  // answers. A copy needs no PresignedUrl; a snapshot is made with the tags of its volume where
  // CopyTagsFromSource is "volume".
  virtual void MakeSnapshot(const shapes::Value& input, Reply reply) = 0;
  virtual void CopyIn(const shapes::Value& input, Reply reply) = 0;
  virtual Answer RestoreVolume(const shapes::Value& input) = 0;
  virtual Answer DropSnapshot(const shapes::Value& input) = 0;
  // Nothing for one that is not there.
  virtual std::optional<SnapshotSeen> SeeSnapshot(std::string_view id) const = 0;
};

class KeepsVolumes {
 public:
  virtual ~KeepsVolumes() = default;
  virtual VolumeSnapshots& Volumes() = 0;
};

}  // namespace leeward::lab
