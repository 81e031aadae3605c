#include "steps/kms_keys.h"

namespace leeward::steps {

std::string WhyNotUsable(const Value& described) {
  const Value& metadata = described.Sub("KeyMetadata");
  const std::string_view state = metadata.String("KeyState");
  // A key whose primary is moving works meanwhile.
  if (state == "Enabled" || state == "Updating") return "";
  return "is " + std::string(state.empty() ? "in no known state" : state);
}

Result<std::string> NeedKmsKey(const Work& work, const Region& region, const std::string& key,
                               const std::string& option) {
  const auto told =
      work.CallPatiently(region, "kms", "DescribeKey", Value::Struct({{"KeyId", key}}));
  if (!told.ok() && told.error().code() == base::ErrorCode::kNotFound) {
    return base::NotFound("there is no KMS key '" + key + "' in " + region.str() +
                          ", and keys and aliases are of one Region: make it there, or correct '" +
                          option + "' of " + work.step().component.str());
  }
  if (!told.ok()) return told.error();
  const std::string why = WhyNotUsable(*told);
  if (!why.empty()) {
    return base::WrongState("KMS key '" + key + "' in " + region.str() + " " + why +
                            "; enable it, or name another in '" + option + "' of " +
                            work.step().component.str());
  }
  return std::string(told->Sub("KeyMetadata").String("Arn"));
}

Result<std::string> PresignCopy(const Work& work, const Region& from, std::string_view service,
                                std::string_view operation, const Value& input) {
  constexpr base::Duration kLives = std::chrono::hours(1);
  aws::CallOptions options;
  options.region = from.str();
  options.deadline = work.limits().call;
  options.also = {{"DestinationRegion", work.region().str()}};
  return work.tools().aws.Presign(service, operation, input, options, kLives);
}

}  // namespace leeward::steps
