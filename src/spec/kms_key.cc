// Names of KMS keys: which mean a key in either Region, and which cannot.
#include "spec/kinds.h"

namespace leeward::spec {

std::string WhatIsWrongWithKey(const std::string& text, const std::string& managed) {
  constexpr std::string_view kAlias = "alias/", kManaged = "alias/aws/";
  if (text == managed) return "";
  if (text.starts_with("arn:")) {
    return "an ARN names a key in one Region alone: write an alias that is there in both Regions, "
           "or the id of a multi-Region key (mrk-...)";
  }
  if (text.starts_with(kManaged)) {
    return "the key that AWS manages for this service is " + managed +
           ": write that, or an alias of your own";
  }
  const bool names = text.starts_with(kAlias) ? text.size() > kAlias.size()
                                              : text.starts_with("mrk-") && text.size() > 4;
  if (names) return "";
  return "write an alias that is there in both Regions (alias/...), or the id of a multi-Region "
         "key "
         "(mrk-...): any other id is of one Region";
}

}  // namespace leeward::spec
