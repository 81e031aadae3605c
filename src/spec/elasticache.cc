#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Elasticache;

// As any word, but the engine that people most often ask for and AWS does not have is told why not.
Field<Elasticache> EngineField() {
  Field<Elasticache> field =
      WordField("engine", &Elasticache::engine, model::AllOf<model::CacheEngine>(), Need::kOptional,
                "default: redis");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Elasticache& cache) {
    if (node.IsScalar() && node.Scalar() == "memcached") {
      context.Complain(node, name + " is 'memcached', which has no replication between Regions",
                       "write redis or valkey: Global Datastore knows no other");
      return;
    }
    read(context, node, name, cache);
  };
  return field;
}

}  // namespace

const Kind& ElasticacheKind() {
  static const Kind kKind = {
      "elasticache",
      "an ElastiCache replication group in both Regions, members of one Global Datastore",
      Elasticache{},
      FieldsOf<Elasticache>({
          TextField("replication-group", &Elasticache::replication_group, kCacheName,
                    Need::kOptional, "its id in both Regions; default: the component's name"),
          EngineField(),
          TextField("global-datastore", &Elasticache::datastore, kCacheName, Need::kOptional,
                    "end of the Global Datastore's id, before which AWS puts a prefix of its own; "
                    "default: the replication group's id"),
          TextField("auth-token-env", &Elasticache::auth_token_env, kVariable, Need::kOptional,
                    "environment variable with the AUTH token; default: there is none"),
          TextField("security-group", &Elasticache::security_group, kAnyText, Need::kOptional,
                    "name of the standby's security group in both Regions; default: the VPC's"),
          TextField("subnet-group", &Elasticache::subnet_group, kAnyText, Need::kOptional,
                    "the standby's cache subnet group, of the same name in both Regions"),
          KmsKeyField<Elasticache>("alias/aws/elasticache",
                                   "KMS key of the secondary of a group that is encrypted at rest: "
                                   "an alias that is there in both Regions, or the id of a "
                                   "multi-Region key; default: AWS's own"),
      })};
  return kKind;
}

}  // namespace leeward::spec
