// Policies of buckets. The lab has one account and no IAM: everybody may do everything but what a
// bucket's policy denies them, so that of a policy only its denials count. Pure.
#pragma once

#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/s3_bucket.h"
#include "lab/services/s3_checks.h"

namespace leeward::lab::s3 {

// Of a policy that is put: its form, and what the lab does not evaluate, which is refused by name.
Problem CheckPolicy(std::string_view text, std::string_view bucket);

struct Attempt {
  std::string action;  // "s3:PutObject"
  std::string key;     // empty: on the bucket itself
  std::string caller;  // ARN; empty: S3 itself, replicating
};
// The member of an input that says who signed it, for what asks more than once: no model has it.
inline constexpr std::string_view kCaller = "$Caller";
// What an operation needs, as IAM names it.
std::string ActionOf(std::string_view operation, const shapes::Value& input);
Problem CheckAllowed(const Bucket& bucket, const Attempt& attempt);

}  // namespace leeward::lab::s3
