// Where the lab's S3 keeps buckets on the disk: what is written is there after a kill of the
// process and a loss of power, or the write has failed.
//
//   buckets/<name>/bucket.json                              the bucket itself
//   buckets/<name>/objects/<xx>/<hash of key>.<number>.json  a version: it is there once this is
//   buckets/<name>/objects/<xx>/<hash of key>.<number>.data  its bytes, written before
//   buckets/<name>/uploads/<id>/                             parts, likewise
//
// Every member may be called from any thread. Two callers never write the same version.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/services/s3_bucket.h"

namespace leeward::lab::s3 {

class Store {
 public:
  explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}

  struct Place {
    std::string bucket;
    std::string key;
  };
  // All buckets with their versions. What a write that was not finished left behind is removed.
  base::Result<std::vector<BucketPtr>> Load() const;

  base::Status MakeBucket(const shapes::Value& saved) const;
  base::Status SaveBucket(const shapes::Value& saved) const;
  base::Status RemoveBucket(const std::string& name) const;

  base::Status Put(const Place& place, const Version& version, std::string_view bytes) const;
  // Of a version that is there: what is said of it is replaced.
  base::Status PutRecord(const Place& place, const Version& version) const;
  base::Status Drop(const Place& place, std::uint64_t number) const;
  // `count` bytes from `offset` on. kNotFound when the version is gone.
  base::Result<std::string> Read(const Place& place, const Version& version, std::int64_t offset,
                                 std::int64_t count) const;

  base::Status MakeUpload(const std::string& bucket, const Upload& upload) const;
  base::Status PutPart(const std::string& bucket, const std::string& id, const UploadedPart& part,
                       std::string_view bytes) const;
  void DropPart(const std::string& bucket, const std::string& id, const UploadedPart& part) const;
  base::Result<std::string> ReadParts(const std::string& bucket, const std::string& id,
                                      const std::vector<UploadedPart>& parts) const;
  base::Status DropUpload(const std::string& bucket, const std::string& id) const;

  // The names that this Region answers for, in the one that keeps them.
  base::Status SaveNames(const shapes::Value& names) const;
  base::Result<shapes::Value> LoadNames() const;

  // Bytes of a replica that come in several pieces. At 0 it begins anew; elsewhere it goes on where
  // it ended, or kWrongState.
  base::Status AddPiece(const std::string& upload, std::int64_t offset,
                        std::string_view bytes) const;
  // Puts the pieces together with the last, and forgets them.
  base::Result<std::string> TakePieces(const std::string& upload, std::int64_t offset,
                                       std::string_view last) const;

 private:
  std::filesystem::path BucketPath(const std::string& name) const;
  std::filesystem::path FileOf(const Place& place, std::uint64_t number) const;
  std::filesystem::path UploadPath(const std::string& bucket, const std::string& id) const;
  base::Status LoadUploads(const std::filesystem::path& folder, Bucket* bucket) const;
  std::filesystem::path PiecesOf(const std::string& upload) const;
  base::Result<BucketPtr> LoadOne(const std::filesystem::path& folder) const;

  std::filesystem::path directory_;
};

}  // namespace leeward::lab::s3
