#include "spec/kinds.h"

namespace leeward::spec {

const Kind& EfsKind() {
  using model::Efs;
  static const Kind kKind = {
      "efs", "an EFS file system in both Regions, the standby's a replica of the other", Efs{},
      FieldsOf<Efs>({FileSystemField<Efs>(), MountGroupField<Efs>(), MountSubnetsField<Efs>()})};
  return kKind;
}

}  // namespace leeward::spec
