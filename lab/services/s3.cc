#include "lab/services/s3.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/bytes.h"
#include "lab/services/s3_policy.h"

namespace leeward::lab::s3 {

std::span<const S3::Row> S3::Table() {
  static constexpr auto kTable = std::to_array<Row>({
      {"AbortMultipartUpload", Plane::kData, &S3::AbortMultipartUpload},
      {"CompleteMultipartUpload", Plane::kData, &S3::CompleteMultipartUpload},
      {"CopyObject", Plane::kData, &S3::CopyObject},
      {"CreateBucket", Plane::kControl, &S3::CreateBucket},
      {"CreateMultipartUpload", Plane::kData, &S3::CreateMultipartUpload},
      {"DeleteBucket", Plane::kControl, &S3::DeleteBucket},
      {"DeleteBucketPolicy", Plane::kControl, &S3::DeleteBucketPolicy},
      {"DeleteBucketReplication", Plane::kControl, &S3::DeleteBucketReplication},
      {"DeleteObject", Plane::kData, &S3::DeleteObject},
      {"DeleteObjects", Plane::kData, &S3::DeleteObjects},
      {"GetBucketLocation", Plane::kData, &S3::GetBucketLocation},
      {"GetBucketPolicy", Plane::kData, &S3::GetBucketPolicy},
      {"GetBucketReplication", Plane::kData, &S3::GetBucketReplication},
      {"GetBucketVersioning", Plane::kData, &S3::GetBucketVersioning},
      {"GetObject", Plane::kData, &S3::GetObject},
      {"HeadBucket", Plane::kData, &S3::HeadBucket},
      {"HeadObject", Plane::kData, &S3::HeadObject},
      {"ListBuckets", Plane::kData, &S3::ListBuckets},
      {"ListMultipartUploads", Plane::kData, &S3::ListMultipartUploads},
      {"ListObjectVersions", Plane::kData, &S3::ListObjectVersions},
      {"ListObjectsV2", Plane::kData, &S3::ListObjectsV2},
      {"ListParts", Plane::kData, &S3::ListParts},
      {"PutBucketPolicy", Plane::kControl, &S3::PutBucketPolicy},
      {"PutBucketReplication", Plane::kControl, &S3::PutBucketReplication},
      {"PutBucketVersioning", Plane::kControl, &S3::PutBucketVersioning},
      {"PutObject", Plane::kData, &S3::PutObject},
      {"UploadPart", Plane::kData, &S3::UploadPart},
  });
  return kTable;
}

std::span<const S3::InternalRow> S3::InternalTable() {
  static constexpr auto kTable = std::to_array<InternalRow>({
      {"Claim", &S3::Claim},
      {"ClaimAgain", &S3::ClaimAgain},
      {"Disclaim", &S3::Disclaim},
      {"HasBucket", &S3::HasBucket},
      {"KnowBucket", &S3::KnowBucket},
      {"Leave", &S3::Leave},
      {"ListNames", &S3::ListNames},
      {"MakeBucket", &S3::MakeBucket},
      {"TakeMetrics", &S3::TakeMetrics},
      {"TakePiece", &S3::TakePiece},
      {"TakeVersion", &S3::TakeVersion},
      {"Whose", &S3::Whose},
  });
  return kTable;
}

std::vector<std::string_view> S3::operations() const {
  std::vector<std::string_view> names;
  for (const Row& row : Table()) names.push_back(row.name);
  return names;
}

const S3::Row* S3::RowOf(std::string_view operation) {
  for (const Row& row : Table()) {
    if (row.name == operation) return &row;
  }
  return nullptr;
}

bool S3::IsData(std::string_view operation) const {
  const Row* row = RowOf(operation);
  return row != nullptr && row->plane == Plane::kData;
}

Flow<> S3::AnswerWith(Flow<Answer> work, Reply reply) {
  Answer answer = co_await work;
  reply(std::move(answer));
}

void S3::Handle(const Call& call, Reply reply) {
  const Row* row = RowOf(call.operation->name);
  CHECK_MSG(row != nullptr, std::string(call.operation->name).c_str());
  AnswerWith(Run(row, call.input, call.caller_arn), std::move(reply)).Detach();
}

void S3::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  for (const InternalRow& row : InternalTable()) {
    if (row.name == operation)
      return AnswerWith((this->*row.method)(input), std::move(reply)).Detach();
  }
  Service::HandleInternal(operation, input, std::move(reply));
}

Flow<Answer> S3::Run(const Row* row, Value input, std::string caller) {
  if (auto problem = CheckCaller(input, host_.account())) co_return *problem;
  if (const auto* none = std::get_if<OfNone>(&row->method)) {
    Answer answer = co_await (this->**none)(std::move(input));
    co_return answer;
  }
  Found found = co_await FindBucket(std::string(input.String("Bucket")));
  if (found.bucket == nullptr) co_return found.error;
  const Attempt attempt{ActionOf(row->name, input), std::string(input.String("Key")), caller};
  if (auto problem = CheckAllowed(*found.bucket, attempt)) co_return *problem;
  input.Set(kCaller, caller);
  if (const auto* now = std::get_if<OfBucketNow>(&row->method))
    co_return (this->**now)(*found.bucket, input);
  Flow<Answer> work = (this->*std::get<OfBucket>(row->method))(found.bucket, std::move(input));
  Answer answer = co_await work;
  co_return answer;
}

base::Status S3::Start() {
  ASSIGN_OR_RETURN(names_, store_.LoadNames());
  ASSIGN_OR_RETURN(const std::vector<BucketPtr> buckets, store_.Load());
  for (const BucketPtr& bucket : buckets) {
    buckets_.emplace(bucket->name, bucket);
    EnqueueAll(bucket);
  }
  Announce().Detach();
  Measure().Detach();
  return base::Ok();
}

// As an account's canonical id looks.
shapes::Value S3::Owner() const {
  return Value::Struct({{"ID", base::Sha256Hex(host_.account())}});
}

}  // namespace leeward::lab::s3

namespace leeward::lab {

std::unique_ptr<Service> MakeS3(Host& host) { return std::make_unique<s3::S3>(host); }

}  // namespace leeward::lab
