#include "spec/kinds.h"

namespace leeward::spec {

const Kind& EfsKind() {
  using model::Efs;
  static const Kind kKind = {
      "efs",
      "an EFS file system in both Regions, the standby's a replica of the other; or one that is "
      "made of its backup when it is needed",
      Efs{},
      FieldsOf<Efs>(WithBackup<Efs>(
          {FileSystemField<Efs>(), MountGroupField<Efs>(), MountSubnetsField<Efs>(),
           KmsKeyField<Efs>("alias/aws/elasticfilesystem",
                            "KMS key of a replica that is made, or of what is restored: an alias "
                            "that is there in both Regions, or the id of a multi-Region key; "
                            "default: the one that AWS manages")}))};
  return kKind;
}

}  // namespace leeward::spec
