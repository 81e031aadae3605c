// Component kinds: one file each, one line each in kinds.cc.
#pragma once

#include <string>
#include <vector>

#include "model/application.h"
#include "spec/field.h"

namespace leeward::spec {

struct Kind {
  const char* name;
  const char* help;
  model::ComponentKind empty;                   // what the fields are read into
  std::vector<Field<model::Component>> fields;  // without those that others have too
};

const std::vector<const Kind*>& Kinds();
// "rds, dynamodb or efs": the kinds that are stores, to write in their place.
std::string StoreKindChoice();
const Kind& RdsKind();
const Kind& EcsKind();
const Kind& Route53Kind();
const Kind& DynamodbKind();
const Kind& ElasticacheKind();
const Kind& EfsKind();
const Kind& DataSyncKind();
const Kind& EbsKind();
const Kind& SecretsManagerKind();
const Kind& KmsKind();
const Kind& S3Kind();

// Fields of a kind's own struct as fields of a component of that kind.
template <typename K>
std::vector<Field<model::Component>> FieldsOf(std::vector<Field<K>> fields) {
  std::vector<Field<model::Component>> wrapped;
  wrapped.reserve(fields.size());
  for (Field<K>& field : fields) {
    wrapped.push_back(
        {field.info, [read = field.read](Context& context, const YAML::Node& node,
                                         const std::string& name, model::Component& component) {
           read(context, node, name, std::get<K>(component.kind));
         }});
  }
  return wrapped;
}

// How AWS Backup keeps a store; keys of the kinds that can be restored of it.
const std::vector<Field<model::Backed>>& BackupFields();
template <typename K>
std::vector<Field<K>> WithBackup(std::vector<Field<K>> fields) {
  for (const Field<model::Backed>& one : BackupFields()) {
    fields.push_back({one.info, [read = one.read](Context& context, const YAML::Node& node,
                                                  const std::string& name, K& kind) {
                        read(context, node, name, kind.backup);
                      }});
  }
  return fields;
}

// `file-system` of the kinds that are file systems: any text, but an id names one in one Region
// alone, and there have to be two.
template <typename K>
Field<K> FileSystemField() {
  Field<K> field = TextField<K>("file-system", &K::file_system, kAnyText, Need::kOptional,
                                "its creation token or Name tag in both Regions; default: the "
                                "component's name");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, K& files) {
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
// How the standby's file system is mounted.
template <typename K>
Field<K> MountGroupField() {
  return TextField<K>("security-group", &K::security_group, kAnyText, Need::kOptional,
                      "name of the security group of its mount targets, in both Regions; default: "
                      "the VPC's");
}
template <typename K>
Field<K> MountSubnetsField() {
  return TextField<K>(
      "subnets", &K::subnets, kAnyText, Need::kOptional,
      "Name tag of the subnets of its mount targets, in both Regions; default: those "
      "of the default VPC");
}

// What to write instead of a text that names no key in either Region; empty: it may.
std::string WhatIsWrongWithKey(const std::string& text, const std::string& managed);

// `kms-key` of a kind whose copies are encrypted under a key of the Region that gets them. The way
// home makes copies too, so that the name has to mean a key in either Region. `managed` is the
// alias of the service's own key.
template <typename K>
Field<K> KmsKeyField(const char* managed, const char* help, const char* option = "kms-key",
                     std::string K::*key = &K::kms_key) {
  Field<K> field = TextField<K>(option, key, kAnyText, Need::kOptional, help);
  field.read = [read = field.read, managed](Context& context, const YAML::Node& node,
                                            const std::string& name, K& kind) {
    const std::string fix = node.IsScalar() ? WhatIsWrongWithKey(node.Scalar(), managed) : "";
    if (fix.empty()) return read(context, node, name, kind);
    context.Complain(node, name + " is '" + node.Scalar() + "'", fix);
  };
  return field;
}
// Reads `components`, each by its kind's fields.
void ReadComponents(Context& context, const YAML::Node& node, model::Application& application);
// All keys of a component of that kind: those that every kind has, what every store has, its own.
std::vector<Field<model::Component>> AllFieldsOf(const Kind& kind);

}  // namespace leeward::spec
