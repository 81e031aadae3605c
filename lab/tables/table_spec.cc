#include "lab/tables/table_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::int64_t kUnitsBound = 1000000000000;

std::string Bounds(std::int64_t value, std::string_view name) {
  return fmt::format("Given value {} for {} is out of bounds", value, name);
}

items::Type ScalarType(std::string_view name) {
  if (name == "N") return items::Type::kN;
  return name == "B" ? items::Type::kB : items::Type::kS;
}

constexpr std::string_view kManagedKey = "alias/aws/dynamodb";

std::string ArnByName(std::string_view name, const EngineOptions& options) {
  if (name.starts_with("arn:")) return std::string(name);
  return fmt::format("arn:aws:kms:{}:{}:{}{}", options.region, options.account,
                     name.starts_with("alias/") ? "" : "key/", name);
}

// An empty name is the key that AWS manages for tables.
Outcome<std::string> KeyArnFrom(std::string_view name, const EngineOptions& options) {
  const std::string_view asked = name.empty() ? kManagedKey : name;
  const auto key = options.keys ? options.keys(asked) : std::nullopt;
  if (key && key->usable) return key->arn;
  if (!options.keys || name.empty()) return ArnByName(asked, options);
  return ValidationError(fmt::format("KMS validation error: Key '{}' {}", ArnByName(name, options),
                                     key ? "is not enabled" : "does not exist"));
}

const items::KeyPart* PartNamed(const std::vector<items::KeyPart>& parts, std::string_view name) {
  for (const items::KeyPart& part : parts) {
    if (part.name == name) return &part;
  }
  return nullptr;
}

Verdict CheckSchemaForm(const Value::List& schema) {
  if (schema.empty() || schema[0].String("KeyType") != "HASH") {
    return ValidationError("Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  if (schema.size() < 2) return {};
  if (schema[1].String("KeyType") != "RANGE") {
    return ValidationError(
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
  }
  if (schema[0].String("AttributeName") == schema[1].String("AttributeName")) {
    return ValidationError(
        "Both the Hash Key and the Range Key element in the KeySchema have the same name");
  }
  return {};
}

Outcome<IndexProjection> ProjectionFrom(const Value& spec) {
  const Value& in = spec.Sub("Projection");
  const std::string_view type = in.String("ProjectionType");
  const bool named = in.Has("NonKeyAttributes");
  if (type.empty()) return InvalidParameter("Unknown ProjectionType: null");
  if (type == "INCLUDE" && !named) {
    return InvalidParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  }
  if (type != "INCLUDE" && named) {
    return InvalidParameter(
        fmt::format("ProjectionType is {}, but NonKeyAttributes is specified", type));
  }
  IndexProjection projection;
  projection.kind = type == "ALL" ? ProjectionKind::kAll : ProjectionKind::kKeysOnly;
  if (!named) return projection;
  projection.kind = ProjectionKind::kInclude;
  for (const Value& name : in.Items("NonKeyAttributes")) {
    if (std::find(projection.names.begin(), projection.names.end(), name.str()) !=
        projection.names.end()) {
      return InvalidParameter(fmt::format("Duplicate value in NonKeyAttributes: {}", name.str()));
    }
    projection.names.push_back(name.str());
  }
  return projection;
}

Verdict CheckLocal(const Value::List& schema, std::string_view index,
                   const items::KeySchema& table_keys) {
  if (schema.size() < 2) {
    return InvalidParameter(
        fmt::format("Index KeySchema does not have a range key for index: {}", index));
  }
  const std::string_view hash = schema[0].String("AttributeName");
  if (hash != table_keys.hash.name) {
    return InvalidParameter(
        fmt::format("Index KeySchema does not have the same leading hash key as table KeySchema "
                    "for index: {}. index hash key: {}, table hash key: {}",
                    index, hash, table_keys.hash.name));
  }
  return {};
}

}  // namespace

Verdict CheckBilling(BillingMode billing, const Value* throughput, std::string_view index) {
  if (billing == BillingMode::kPayPerRequest) {
    if (throughput == nullptr) return {};
    return InvalidParameter(
        index.empty()
            ? "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode "
              "is PAY_PER_REQUEST"
            : fmt::format("ProvisionedThroughput should not be specified for index: {} when "
                          "BillingMode is PAY_PER_REQUEST",
                          index));
  }
  if (throughput == nullptr) {
    return InvalidParameter(
        index.empty()
            ? "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
              "PROVISIONED"
            : fmt::format("ProvisionedThroughput is not specified for index: {}", index));
  }
  const std::int64_t read = throughput->Int("ReadCapacityUnits");
  const std::int64_t write = throughput->Int("WriteCapacityUnits");
  const std::string suffix = index.empty() ? "" : fmt::format(" for index {}", index);
  if (read > kUnitsBound) return ValidationError(Bounds(read, "ReadCapacityUnits") + suffix);
  if (write > kUnitsBound) return ValidationError(Bounds(write, "WriteCapacityUnits") + suffix);
  return {};
}

BillingMode BillingFrom(std::string_view name, BillingMode fallback) {
  if (name.empty()) return fallback;
  return name == "PAY_PER_REQUEST" ? BillingMode::kPayPerRequest : BillingMode::kProvisioned;
}

Units UnitsFrom(const Value* throughput) {
  if (throughput == nullptr) return {};
  return {throughput->Int("ReadCapacityUnits"), throughput->Int("WriteCapacityUnits")};
}

Outcome<OnDemandLimits> LimitsFrom(const Value* on_demand, BillingMode billing) {
  OnDemandLimits limits;
  if (on_demand == nullptr) return limits;
  if (billing != BillingMode::kPayPerRequest) {
    return InvalidParameter(
        "OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST");
  }
  for (const auto& [name, field] : {std::pair{"MaxReadRequestUnits", &limits.read},
                                    std::pair{"MaxWriteRequestUnits", &limits.write}}) {
    const Value* found = on_demand->Find(name);
    if (found == nullptr) continue;
    if (found->integer() < 1 && found->integer() != -1) {
      return InvalidParameter(fmt::format("{} must be -1 or at least 1", name));
    }
    *field = found->integer();
  }
  return limits;
}

std::optional<Units> WarmFrom(const Value* warm) {
  if (warm == nullptr) return std::nullopt;
  return Units{warm->Int("ReadUnitsPerSecond"), warm->Int("WriteUnitsPerSecond")};
}

Outcome<std::vector<items::KeyPart>> AttributesFrom(const Value::List& definitions) {
  std::vector<items::KeyPart> parts;
  for (const Value& definition : definitions) {
    const std::string_view name = definition.String("AttributeName");
    if (PartNamed(parts, name) != nullptr) {
      return InvalidParameter(
          fmt::format("Duplicate AttributeName in AttributeDefinitions: {}", name));
    }
    parts.push_back({std::string(name), ScalarType(definition.String("AttributeType"))});
  }
  return parts;
}

std::string NamesOf(const Value::List& schema) {
  std::vector<std::string_view> names;
  for (const Value& element : schema) names.push_back(element.String("AttributeName"));
  return fmt::format("[{}]", fmt::join(names, ", "));
}

std::string NamesOf(const std::vector<items::KeyPart>& attributes) {
  std::vector<std::string_view> names;
  names.reserve(attributes.size());
  for (const items::KeyPart& part : attributes) names.push_back(part.name);
  return fmt::format("[{}]", fmt::join(names, ", "));
}

Outcome<items::KeySchema> KeysFrom(const Value::List& schema,
                                   const std::vector<items::KeyPart>& attributes) {
  RETURN_IF_ERROR(CheckSchemaForm(schema));
  items::KeySchema keys;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const items::KeyPart* part = PartNamed(attributes, schema[i].String("AttributeName"));
    if (part == nullptr) {
      return InvalidParameter(
          fmt::format("Some index key attributes are not defined in AttributeDefinitions. Keys: "
                      "{}, AttributeDefinitions: {}",
                      NamesOf(schema), NamesOf(attributes)));
    }
    if (i == 0) keys.hash = *part;
    if (i == 1) keys.range = *part;
  }
  return keys;
}

Outcome<Index> IndexFrom(const Value& spec, IndexScope scope,
                         const std::vector<items::KeyPart>& attributes,
                         const items::KeySchema& table_keys) {
  Index index;
  index.name = spec.String("IndexName");
  index.scope = scope;
  const Value::List& schema = spec.Items("KeySchema");
  if (schema.size() > 2) {
    return ValidationError(fmt::format(
        "1 validation error detected: Value '{}' at 'keySchema' failed to satisfy constraint: "
        "Member must have length less than or equal to 2",
        NamesOf(schema)));
  }
  ASSIGN_OR_RETURN(index.keys, KeysFrom(schema, attributes));
  if (scope == IndexScope::kLocal) RETURN_IF_ERROR(CheckLocal(schema, index.name, table_keys));
  ASSIGN_OR_RETURN(index.projection, ProjectionFrom(spec));
  return index;
}

Verdict CheckAttributesUsed(const std::vector<items::KeyPart>& attributes,
                            const items::KeySchema& keys, const std::vector<Index>& indexes) {
  std::vector<std::string_view> used;
  const auto use = [&used](const std::string& name) {
    if (std::find(used.begin(), used.end(), name) == used.end()) used.push_back(name);
  };
  const auto use_keys = [&use](const items::KeySchema& schema) {
    use(schema.hash.name);
    if (schema.range) use(schema.range->name);
  };
  use_keys(keys);
  for (const Index& index : indexes) use_keys(index.keys);
  if (used.size() == attributes.size()) return {};
  if (indexes.empty()) {
    return InvalidParameter(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in "
        "AttributeDefinitions");
  }
  return InvalidParameter(
      fmt::format("Some AttributeDefinitions are not used. AttributeDefinitions: {}, keys used: "
                  "[{}]",
                  NamesOf(attributes), fmt::join(used, ", ")));
}

Verdict CheckProjectedNames(const std::vector<Index>& indexes) {
  std::size_t names = 0;
  for (const Index& index : indexes) names += index.projection.names.size();
  if (names <= kMaxProjectedNames) return {};
  return InvalidParameter(
      fmt::format("Number of NonKeyAttributes over all secondary indexes exceeds the per-table "
                  "limit of {}",
                  kMaxProjectedNames));
}

Outcome<std::optional<StreamView>> StreamFrom(const Value* spec) {
  if (spec == nullptr) return std::optional<StreamView>();
  const std::string_view view = spec->String("StreamViewType");
  if (!spec->Flag("StreamEnabled", false)) {
    if (view.empty()) return std::optional<StreamView>();
    return InvalidParameter("StreamViewType must not be specified when StreamEnabled is false");
  }
  for (const StreamView each : {StreamView::kNewImage, StreamView::kOldImage,
                                StreamView::kNewAndOldImages, StreamView::kKeysOnly}) {
    if (Name(each) == view) return std::optional<StreamView>(each);
  }
  return InvalidParameter("StreamViewType must be specified when StreamEnabled is true");
}

Outcome<Value> EncryptionFrom(const Value* spec, const EngineOptions& options) {
  if (spec == nullptr) return Value();
  const std::string_view type = spec->String("SSEType");
  const std::string_view key = spec->String("KMSMasterKeyId");
  if (type == "AES256") {
    return InvalidParameter("SSEType AES256 is not supported. Use KMS");
  }
  if (!spec->Flag("Enabled", false)) {
    if (type.empty() && key.empty()) return Value();
    return InvalidParameter(
        "SSEType and KMSMasterKeyId cannot be specified when SSE is not enabled");
  }
  if (!key.empty() && type.empty()) {
    return InvalidParameter("KMSMasterKeyId can only be specified when SSEType is KMS");
  }
  ASSIGN_OR_RETURN(const std::string arn, KeyArnFrom(key, options));
  return Value::Struct({{"Status", "ENABLED"}, {"SSEType", "KMS"}, {"KMSMasterKeyArn", arn}});
}

bool HasOwnKey(const Value& sse, const EngineOptions& options) {
  if (sse.is_null()) return false;
  const Outcome<std::string> managed = KeyArnFrom("", options);
  return !managed.ok() || sse.String("KMSMasterKeyArn") != *managed;
}

Value SpecOf(const Value& sse, const EngineOptions& options) {
  if (sse.is_null()) return {};
  Value spec = Value::Struct({{"Enabled", true}, {"SSEType", "KMS"}});
  if (HasOwnKey(sse, options)) spec.Set("KMSMasterKeyId", sse.String("KMSMasterKeyArn"));
  return spec;
}

Outcome<Tags> TagsFrom(const Value::List& list) {
  Tags tags;
  for (const Value& tag : list) {
    const std::string_view key = tag.String("Key");
    if (key.starts_with("aws:")) {
      return InvalidParameter("User created tag keys should not start with aws: Tag key: " +
                              std::string(key));
    }
    const auto same = [key](const auto& pair) { return pair.first == key; };
    if (std::any_of(tags.begin(), tags.end(), same)) {
      return InvalidParameter(fmt::format("Duplicate tag keys found: {}", key));
    }
    tags.emplace_back(key, tag.String("Value"));
  }
  if (tags.size() > kMaxTags) {
    return InvalidParameter(
        fmt::format("Too many tags: the number of tags exceeds the limit of {}", kMaxTags));
  }
  return tags;
}

}  // namespace leeward::lab::tables
