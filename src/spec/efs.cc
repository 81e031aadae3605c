#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Efs;

// As any text, but an id names a file system of one Region, and there have to be two.
Field<Efs> FileSystemField() {
  Field<Efs> field = TextField<Efs>("file-system", &Efs::file_system, kAnyText, Need::kOptional,
                                    "its creation token or Name tag in both Regions; default: the "
                                    "component's name");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Efs& files) {
    if (node.IsScalar() &&
        (node.Scalar().starts_with("fs-") || node.Scalar().starts_with("arn:"))) {
      context.Complain(node,
                       name + " is '" + node.Scalar() + "', which names it in one Region alone",
                       "write its creation token or its Name tag");
      return;
    }
    read(context, node, name, files);
  };
  return field;
}

}  // namespace

const Kind& EfsKind() {
  static const Kind kKind = {
      "efs", "an EFS file system in both Regions, the standby's a replica of the other", Efs{},
      FieldsOf<Efs>({
          FileSystemField(),
          TextField<Efs>(
              "security-group", &Efs::security_group, kAnyText, Need::kOptional,
              "name of the security group of its mount targets, in both Regions; default: "
              "the VPC's"),
          TextField<Efs>(
              "subnets", &Efs::subnets, kAnyText, Need::kOptional,
              "Name tag of the subnets of its mount targets, in both Regions; default: those "
              "of the default VPC"),
      })};
  return kKind;
}

}  // namespace leeward::spec
