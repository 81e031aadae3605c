// Steps of the component kind `kms`, and what they share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

Result<StepOutcome> KmsCheckSource(const Work& work);
Result<StepOutcome> KmsReplicate(const Work& work);
Result<StepOutcome> KmsReady(const Work& work);

// A key as one Region tells of it.
struct KeyTold {
  std::string id, arn, state;
  bool multi_region = false;
  std::string primary_region;  // of a multi-Region key
  bool Usable() const;
};
KeyTold ReadKey(const Value& described);
// `key` is an alias or an id; nullopt: there is none in the Region.
Result<std::optional<KeyTold>> FindKey(const Work& work, const Region& region,
                                       const std::string& key);
// kNotFound without one; kWrongState when it is no multi-Region key, or cannot be used.
Result<KeyTold> NeedMultiRegionKey(const Work& work, const Region& region, const std::string& key);

// "KMS key alias/shop in us-east-1"
std::string KeyPlace(const std::string& key, const Region& region);

}  // namespace leeward::steps
