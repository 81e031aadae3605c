// The lab's S3 in one Region: buckets that live here, their objects with every version, and the
// names of buckets, which are one list for all Regions (s3_names.cc).
//
// What is acknowledged is on the disk (s3_store.h). Versions are known in memory as well, their
// bytes are not. What changes a key is done one after the other.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/flow.h"
#include "lab/services/s3_again.h"
#include "lab/services/s3_bucket.h"
#include "lab/services/s3_checks.h"
#include "lab/services/s3_store.h"

namespace leeward::lab::s3 {

struct Limits {
  std::size_t buckets = 10'000;           // as the quota of an account
  std::size_t deletes = 1000;             // keys of one DeleteObjects
  std::size_t known = 10'000;             // names of other Regions' buckets that are remembered
  std::size_t uploads = 1000;             // in parts, of a bucket, not yet completed
  std::int64_t smallest_part = 5 << 20;   // bytes, of all but the last
  std::int64_t object = 60 << 20;         // bytes, of all parts together
  base::Duration call{3'000'000'000};     // to another Region's S3
  base::Duration tell{1'000'000'000};     // between attempts to tell it what it does not know yet
  base::Duration copy{5'000'000'000};     // of one piece of a replica
  base::Duration measure{1'000'000'000};  // between metrics of a rule
  std::size_t copies = 4;                 // on their way to one Region
  std::int64_t piece = 4 << 20;           // bytes of a replica that go at once
};

class S3 : public Service, public CopiesAgain {
 public:
  explicit S3(Host& host) : host_(host), store_(host.StateDirectory("s3")) {}

  std::string_view name() const override { return "s3"; }
  std::vector<std::string_view> operations() const override;
  bool IsData(std::string_view operation) const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void Hear(const RegionFaults& faults) override {
    control_plane_down_ = faults.control_plane_down;
  }
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  // s3_again.cc
  std::variant<std::vector<AgainTask>, ApiError> WhatToCopy(
      std::string_view bucket, const AgainFilter& filter) const override;
  void CopyAgain(std::string_view bucket, const AgainTask& task,
                 std::function<void(AgainState)> done) override;
  AgainState StateOf(std::string_view bucket, const AgainTask& task) const override;

  Limits limits;

 private:
  using Value = shapes::Value;
  // What an operation is asked of: its bucket is found first.
  using OfBucket = Flow<Answer> (S3::*)(BucketPtr bucket, Value input);
  using OfBucketNow = Answer (S3::*)(Bucket& bucket, const Value& input);
  using OfNone = Flow<Answer> (S3::*)(Value input);
  enum class Plane : std::uint8_t { kData, kControl };
  struct Row {
    std::string_view name;
    Plane plane;
    std::variant<OfBucket, OfBucketNow, OfNone> method;
  };
  static std::span<const Row> Table();
  struct InternalRow {
    std::string_view name;
    OfNone method;
  };
  static std::span<const InternalRow> InternalTable();
  static const Row* RowOf(std::string_view operation);
  static Flow<> AnswerWith(Flow<Answer> work, Reply reply);
  // `caller`: who signed it.
  Flow<Answer> Run(const Row* row, Value input, std::string caller);

  // s3_buckets.cc
  Flow<Answer> CreateBucket(Value input);
  Flow<Answer> MakeBucket(Value input);
  Flow<Answer> MakeHere(std::string name);
  Flow<Answer> DeleteBucket(BucketPtr bucket, Value input);
  Flow<Answer> ListBuckets(Value input);
  Answer HeadBucket(Bucket& bucket, const Value& input);
  Answer GetBucketLocation(Bucket& bucket, const Value& input);
  Answer GetBucketVersioning(Bucket& bucket, const Value& input);
  Flow<Answer> PutBucketVersioning(BucketPtr bucket, Value input);
  Flow<Answer> PutBucketPolicy(BucketPtr bucket, Value input);
  Flow<Answer> DeleteBucketPolicy(BucketPtr bucket, Value input);
  Answer GetBucketPolicy(Bucket& bucket, const Value& input);
  Flow<Problem> SaveBucket(BucketPtr bucket);

  // s3_names.cc
  struct Found {
    BucketPtr bucket;
    ApiError error;  // when there is none
  };
  std::string NamesRegion();
  Await<Answer> AskNames(std::string operation, Value input);
  Flow<Found> FindBucket(std::string name);
  // Whether a bucket's settings may be changed: S3's are, where the names are kept.
  Flow<Problem> AskLeave();
  Flow<Answer> Claim(Value input);
  Flow<Answer> ClaimAgain(Value input);
  Flow<Answer> Disclaim(Value input);
  Flow<Answer> Whose(Value input);
  Flow<Answer> ListNames(Value input);
  Flow<Answer> Leave(Value input);
  Flow<Answer> HasBucket(Value input);
  Flow<Problem> SaveNames();
  Flow<> Announce();

  // s3_objects.cc
  struct Draft {
    std::string key;
    Version version;
    std::string bytes;
    Value conditions;  // IfMatch, IfNoneMatch
  };
  Flow<Answer> PutObject(BucketPtr bucket, Value input);
  Flow<Answer> GetObject(BucketPtr bucket, Value input);
  Flow<Answer> CopyObject(BucketPtr bucket, Value input);
  Flow<Answer> TakeSource(BucketPtr bucket, const Value* input, Draft* draft);
  Answer HeadObject(Bucket& bucket, const Value& input);
  Await<bool> ReckonLater(Draft* draft);
  // The version that a read asks for, or why there is none.
  std::variant<const Version*, ApiError> Wanted(const Bucket& bucket, std::string_view key,
                                                std::string_view id) const;
  Flow<Answer> ReadBytes(BucketPtr bucket, std::string key, Version version, Part part);
  Value Describe(const Bucket& bucket, const Version& version, const Value& input) const;
  static Value DescribeWritten(const Bucket& bucket, const Version& version);

  // s3_write.cc
  // In its turn: checked, written, and known. Answers Id.
  Flow<Answer> Write(BucketPtr bucket, Draft* draft);
  Flow<Answer> WriteInTurn(BucketPtr bucket, Draft* draft);
  Flow<Problem> DropVersion(BucketPtr bucket, std::string key, std::uint64_t number);
  Flow<Answer> DeleteObject(BucketPtr bucket, Value input);
  Flow<Answer> DeleteObjects(BucketPtr bucket, Value input);
  Flow<Answer> DeleteOne(BucketPtr bucket, std::string key, std::string id);
  Flow<Answer> DeleteVersion(BucketPtr bucket, std::string key, std::string id);
  Answer ListObjectsV2(Bucket& bucket, const Value& input);
  Answer ListObjectVersions(Bucket& bucket, const Value& input);
  std::string NewVersionId();
  // Ends when what is named is the caller's; EndTurn hands it on.
  Await<Nothing> Turn(std::string name);
  void EndTurn(const std::string& name);
  static std::string TurnOf(const Bucket& bucket, std::string_view key);
  Value Owner() const;

  // s3_parts.cc
  Flow<Answer> CreateMultipartUpload(BucketPtr bucket, Value input);
  Flow<Answer> UploadPart(BucketPtr bucket, Value input);
  Flow<Answer> UploadInTurn(BucketPtr bucket, const Value* input, Draft* draft);
  Flow<Answer> CompleteMultipartUpload(BucketPtr bucket, Value input);
  Flow<Answer> Complete(BucketPtr bucket, const Value* input, const Upload* upload,
                        const std::vector<UploadedPart>* parts);
  Flow<Problem> DropUpload(BucketPtr bucket, std::string id);
  Flow<Answer> AbortMultipartUpload(BucketPtr bucket, Value input);
  Answer ListParts(Bucket& bucket, const Value& input);
  Answer ListMultipartUploads(Bucket& bucket, const Value& input);
  static Problem CheckPart(const Value& input);
  // Null for one that is not of the key, or being completed.
  static Upload* FindUpload(Bucket& bucket, const Value& input);

  // s3_replication.cc
  Flow<Answer> PutBucketReplication(BucketPtr bucket, Value input);
  Flow<Answer> DeleteBucketReplication(BucketPtr bucket, Value input);
  Answer GetBucketReplication(Bucket& bucket, const Value& input);
  Flow<Problem> PlaceRule(Rule* rule);
  Flow<Answer> KnowBucket(Value input);
  Flow<Answer> TakePiece(Value input);
  Flow<Answer> TakeVersion(Value input);
  Flow<Answer> TakeBytes(Value input, Draft* draft);
  Flow<Answer> TakeMetrics(Value input);

  // s3_copies.cc
  struct Job {
    BucketPtr bucket;
    std::string key;
    std::uint64_t number = 0;  // of the version
    std::int64_t size = 0;
    std::string to;
    std::string rule;
    bool running = false;
  };
  // What is to go to one Region, oldest first.
  struct Lane {
    using Jobs = std::map<std::pair<std::int64_t, std::uint64_t>, Job>;
    Jobs jobs;
    std::size_t workers = 0;
  };
  void Enqueue(const BucketPtr& bucket, const std::string& key, const Version& version);
  void EnqueueAll(const BucketPtr& bucket);
  void StartWorkers(const std::string& region);
  static Lane::Jobs::iterator NextJob(Lane& lane);
  Flow<> WorkOn(std::string region);
  Flow<bool> CopyOnce(std::string region, Job job);
  Flow<Answer> Send(std::string region, Job job, Version version);
  Flow<Problem> Settle(Job job, CopyState state);
  Flow<Problem> SettleInTurn(Job job, CopyState state);
  Flow<> Measure();
  void PublishRule(const Bucket& bucket, const Rule& rule);

  // s3_again.cc
  Flow<> LineUp(BucketPtr bucket, AgainTask task, std::function<void(AgainState)> done);
  Flow<AgainState> LineUpInTurn(BucketPtr bucket, AgainTask task);

  Host& host_;
  Store store_;
  std::map<std::string, BucketPtr, std::less<>> buckets_;
  // In the Region that keeps them: the names of all buckets, {Region, Created} each.
  Value names_ = Value::Struct();

  // Not saved.
  bool control_plane_down_ = false;
  std::set<std::string, std::less<>> making_;              // buckets
  std::map<std::string, std::string, std::less<>> known_;  // names elsewhere: Region
  std::map<std::string, std::deque<std::function<void()>>, std::less<>> turns_;
  std::map<std::string, Lane> lanes_;  // by Region
  std::uint64_t next_job_ = 1;
  using RuleName = std::pair<std::string, std::string>;  // source bucket, rule
  std::map<RuleName, int> failed_;                       // since the metrics were published last
  std::set<RuleName> telling_;
};

}  // namespace leeward::lab::s3

namespace leeward::lab {
std::unique_ptr<Service> MakeS3(Host& host);
}
