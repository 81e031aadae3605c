#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Kms;

Field<Kms> MultiRegionKeyField() {
  Field<Kms> field = TextField("key", &Kms::key, kAnyText, Need::kOptional,
                               "an alias that is there in both Regions, or the key's id "
                               "(mrk-...); default: alias/<the component's name>");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Kms& kms) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    std::string fix = node.IsScalar() ? WhatIsWrongWithKey(text, "") : "";
    if (text.starts_with("alias/aws/")) {
      fix =
          "a key that AWS manages is of one Region for good: leave the component out, or make a "
          "multi-Region key of your own";
    }
    if (fix.empty()) return read(context, node, name, kms);
    context.Complain(node, name + " is '" + text + "'", fix);
  };
  return field;
}

}  // namespace

const Kind& KmsKind() {
  static const Kind kKind = {"kms", "a multi-Region KMS key, and its alias in both Regions", Kms{},
                             FieldsOf<Kms>({MultiRegionKeyField()})};
  return kKind;
}

}  // namespace leeward::spec
