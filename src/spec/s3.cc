#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::S3;

// An ARN names a bucket of one Region as its name does; the name is what the API takes.
Field<S3> BucketField(const char* key, std::string S3::*bucket, const char* help) {
  Field<S3> field = TextField(key, bucket, kBucketName, Need::kRequired, help);
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, S3& s3) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text.starts_with("arn:") || text.starts_with("s3://")) {
      context.Complain(node, name + " is '" + text + "'", "write the bucket's name alone");
      return;
    }
    read(context, node, name, s3);
  };
  return field;
}

}  // namespace

const Kind& S3Kind() {
  static const Kind kKind = {
      "s3", "an S3 bucket in each Region, each copied to the other", S3{},
      FieldsOf<S3>({BucketField("home-bucket", &S3::home_bucket, "the home Region's bucket"),
                    BucketField("recovery-bucket", &S3::recovery_bucket,
                                "the recovery Region's bucket; names of buckets are the world's, "
                                "so it has another name"),
                    TextField("role", &S3::role, kRoleArn, Need::kRequired,
                              "ARN of the IAM role that S3 assumes to copy, in both directions"),
                    TextField("prefix", &S3::prefix, kKeyPrefix, Need::kOptional,
                              "of the keys that are copied, such as uploads/; default: all"),
                    WordField("replication-time-control", &S3::time_control,
                              model::AllOf<model::TimeControl>(), Need::kOptional,
                              "whether AWS holds the copies to 15 minutes, for which it asks a "
                              "price by the byte; default: on"),
                    TextField("batch-role", &S3::batch_role, kRoleArn, Need::kOptional,
                              "ARN of the IAM role with which S3 Batch Replication copies what was "
                              "there before the rule, or failed; default: that is named only")})};
  return kKind;
}

}  // namespace leeward::spec
