#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Ebs;
using std::chrono::hours;
using std::chrono::minutes;

// Ids name volumes of one Region, and after a failover there are others.
Field<Ebs> VolumesField() {
  Field<Ebs> field = TextField("tag", &Ebs::tag, kAnyText, Need::kOptional,
                               "KEY=VALUE, a tag that its volumes have in either Region; default: "
                               "leeward:volumes=<the component's name>");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Ebs& ebs) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text.starts_with("vol-")) {
      context.Complain(node, name + " is '" + text + "', which names a volume of one Region alone",
                       "write a tag as KEY=VALUE, and give it to the volumes");
      return;
    }
    const std::size_t equals = text.find('=');
    // EC2 looks for a tag by a pattern.
    const bool literal = text.find_first_of("*?\\") == std::string::npos;
    const bool fits =
        literal && equals != std::string::npos && equals > 0 && equals + 1 < text.size();
    if (node.IsScalar() && !fits) {
      context.Complain(node, name + " is '" + text + "', which is no tag",
                       "write it as KEY=VALUE without '*', '?' and '\\', such as app=shop");
      return;
    }
    read(context, node, name, ebs);
  };
  return field;
}

Field<Ebs> VolumesZoneField() {
  Field<Ebs> field = TextField("zone", &Ebs::zone, kAnyText, Need::kOptional,
                               "letter of the zone in which volumes are made; default: a");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Ebs& ebs) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (node.IsScalar() && (text.size() != 1 || text[0] < 'a' || text[0] > 'z')) {
      context.Complain(node, name + " is '" + text + "', which is no letter of a zone",
                       "write one letter, such as a for us-east-1a");
      return;
    }
    read(context, node, name, ebs);
  };
  return field;
}

}  // namespace

const Kind& EbsKind() {
  static const Kind kKind = {
      "ebs", "EBS volumes of one instance, kept as sets of snapshots in both Regions", Ebs{},
      FieldsOf<Ebs>({
          VolumesField(),
          TimeField("every", &Ebs::every, {minutes(1), hours(24 * 7)}, Need::kOptional,
                    "how often a timer runs `leeward protect`, which makes a set; default: half "
                    "the RPO, 1m at least"),
          IntegerField("keep", &Ebs::keep, {2, 500}, Need::kOptional,
                       "complete sets that are kept in each Region; default: 24"),
          VolumesZoneField(),
          KmsKeyField<Ebs>("alias/aws/ebs",
                           "KMS key of copies, which are all encrypted then: an alias that is "
                           "there in both Regions, or the id of a multi-Region key; default: the "
                           "Region's default key, of what is encrypted"),
      })};
  return kKind;
}

}  // namespace leeward::spec
