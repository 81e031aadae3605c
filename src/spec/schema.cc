// JSON Schema of a spec, from the tables that the parser reads.
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "spec/application.h"
#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using Json = nlohmann::ordered_json;

Json SchemaOf(const Shape& shape);

Json ObjectSchema(const std::vector<FieldInfo>& fields) {
  Json schema;
  schema["type"] = "object";
  schema["additionalProperties"] = false;
  schema["required"] = Json::array();
  schema["properties"] = Json::object();
  for (const FieldInfo& field : fields) {
    if (field.need == Need::kRequired) schema["required"].push_back(field.key);
    Json property = SchemaOf(field.shape);
    property["description"] = field.help;
    schema["properties"][field.key] = std::move(property);
  }
  return schema;
}

Json ComponentsSchema() {
  Json any;
  any["type"] = "object";
  any["minProperties"] = 1;
  any["propertyNames"]["pattern"] = kName.regex;
  any["additionalProperties"]["oneOf"] = Json::array();
  for (const Kind* kind : Kinds()) {
    Json schema = ObjectSchema(InfoOf(AllFieldsOf(*kind)));
    schema["description"] = kind->help;
    schema["properties"]["kind"] = {{"const", kind->name}};
    any["additionalProperties"]["oneOf"].push_back(std::move(schema));
  }
  return any;
}

Json SchemaOf(const Shape& shape) {
  Json schema;
  switch (shape.type) {
    case Shape::Type::kText:
      schema["type"] = "string";
      schema["pattern"] = shape.rule->regex;
      break;
    case Shape::Type::kInteger:
      schema["type"] = "integer";
      schema["minimum"] = shape.low;
      schema["maximum"] = shape.high;
      break;
    case Shape::Type::kDuration:
      schema["type"] = "string";
      schema["pattern"] = "^([0-9]+(ns|us|ms|s|m|h|d))+$";
      schema["$comment"] = base::FormatDuration(base::Duration(shape.low)) + " to " +
                           base::FormatDuration(base::Duration(shape.high));
      break;
    case Shape::Type::kWord:
      schema["enum"] = shape.words;
      break;
    case Shape::Type::kObject:
      return ObjectSchema(shape.fields);
    case Shape::Type::kList:
      schema["type"] = "array";
      schema["maxItems"] = shape.high;
      schema["items"] = SchemaOf(*shape.of);
      break;
    case Shape::Type::kMap:
      schema["type"] = "object";
      schema["maxProperties"] = shape.high;
      schema["propertyNames"]["pattern"] = shape.rule->regex;
      schema["additionalProperties"] = SchemaOf(*shape.of);
      break;
    case Shape::Type::kComponents:
      return ComponentsSchema();
  }
  return schema;
}

}  // namespace

std::string JsonSchema() {
  Json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Leeward application";
  schema.update(ObjectSchema(InfoOf(ApplicationFields())));
  return schema.dump(2) + "\n";
}

}  // namespace leeward::spec
