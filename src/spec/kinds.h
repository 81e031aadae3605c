// Component kinds: one file each, one line each in kinds.cc.
#pragma once

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
const Kind& RdsKind();
const Kind& EcsKind();
const Kind& Route53Kind();
const Kind& DynamodbKind();
const Kind& ElasticacheKind();
const Kind& EfsKind();

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

// Reads `components`, each by its kind's fields.
void ReadComponents(Context& context, const YAML::Node& node, model::Application& application);
// All keys of a component of that kind: those that every kind has, what every store has, its own.
std::vector<Field<model::Component>> AllFieldsOf(const Kind& kind);

}  // namespace leeward::spec
