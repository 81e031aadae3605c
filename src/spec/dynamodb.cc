#include "spec/kinds.h"

namespace leeward::spec {

const Kind& DynamodbKind() {
  using model::Dynamodb;
  static const Kind kKind = {
      "dynamodb",
      "a DynamoDB global table (2019.11.21) with a replica in both Regions; or a table that is "
      "made "
      "of its backup when it is needed",
      Dynamodb{},
      FieldsOf<Dynamodb>(WithBackup<Dynamodb>({
          TextField("table", &Dynamodb::table, kTableName, Need::kOptional,
                    "the table's name; default: the component's name"),
          WordField("consistency", &Dynamodb::consistency, model::AllOf<model::Consistency>(),
                    Need::kOptional, "of its replicas; default: eventual"),
          WordField("third", &Dynamodb::third, model::AllOf<model::ThirdMember>(), Need::kOptional,
                    "what a strong table has in the witness Region; default: witness"),
          KmsKeyField<Dynamodb>("alias/aws/dynamodb",
                                "KMS key of a replica of a table under a key of one's own, or of "
                                "what is restored: an alias that is there in both Regions, or the "
                                "id of a multi-Region key; default: as AWS has it"),
      }))};
  return kKind;
}

}  // namespace leeward::spec
