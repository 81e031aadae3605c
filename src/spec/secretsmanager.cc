#include <algorithm>

#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Secret;
using model::SecretPrimary;

// An ARN is of one Region, and so is the secret that it names.
Field<Secret> SecretField() {
  Field<Secret> field = TextField("secret", &Secret::secret, kSecretName, Need::kOptional,
                                  "its name in both Regions; default: the component's name");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Secret& secret) {
    if (node.IsScalar() && node.Scalar().starts_with("arn:")) {
      context.Complain(node,
                       name + " is '" + node.Scalar() + "', which names it in one Region alone",
                       "write its name");
      return;
    }
    read(context, node, name, secret);
  };
  return field;
}

}  // namespace

const Kind& SecretsManagerKind() {
  static const Kind kKind = {
      "secretsmanager", "a secret of the same name in both Regions, one the replica of the other",
      Secret{},
      FieldsOf<Secret>(
          {SecretField(),
           WordField("primary", &Secret::primary, {SecretPrimary::kFollows, SecretPrimary::kStays},
                     Need::kOptional,
                     "follows: the one copy that can be changed is where the application is "
                     "active; stays: it stays in the home Region; default: follows"),
           KmsKeyField<Secret>("alias/aws/secretsmanager",
                               "KMS key of its replica: an alias that is there in both Regions, or "
                               "the id of a multi-Region key; default: the one that AWS "
                               "manages")})};
  return kKind;
}

}  // namespace leeward::spec
