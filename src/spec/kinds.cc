#include "spec/kinds.h"

namespace leeward::spec {
namespace {

constexpr int kMaxComponents = 100;
constexpr std::chrono::hours kMaxRpo{24 * 30};

Field<model::Component> NeedsField() {
  return {{"needs", Need::kOptional, ListShape(TextShape(kName), kMaxComponents),
           "components without which this one does not work"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             model::Component& component) {
            if (!context.List(node, name, kMaxComponents)) return;
            for (const YAML::Node& entry : node) {
              std::string needed;
              if (context.Text(entry, "an entry of " + name, kName, &needed))
                component.needs.emplace_back(needed);
            }
          }};
}

Field<model::Component> RpoField() {
  const Shape range = DurationShape(0, base::Duration(kMaxRpo).count());
  return {{"rpo", Need::kOptional, range,
           "of a store: age of the oldest write of it that may be lost; default: the objectives'"},
          [range](Context& context, const YAML::Node& node, const std::string& name,
                  model::Component& component) {
            base::Duration rpo{};
            if (context.Time(node, name, range, &rpo)) component.rpo = rpo;
          }};
}

std::vector<std::string> KindNames() {
  std::vector<std::string> names;
  for (const Kind* kind : Kinds()) names.emplace_back(kind->name);
  return names;
}

// The component's kind, or nullptr after a complaint.
const Kind* KindOf(Context& context, const YAML::Node& node, const std::string& where) {
  if (!context.Mapping(node, where)) return nullptr;
  const YAML::Node named = node["kind"];
  if (!named.IsDefined()) {
    context.Complain(node, NameOf("kind", where) + " is missing", "add it: " + Choice(KindNames()));
    return nullptr;
  }
  std::string name;
  if (!context.Word(named, NameOf("kind", where), KindNames(), &name)) return nullptr;
  for (const Kind* kind : Kinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

}  // namespace

const std::vector<const Kind*>& Kinds() {
  static const std::vector<const Kind*> kKinds = {
      &RdsKind(), &EcsKind(),      &Route53Kind(), &DynamodbKind(),       &ElasticacheKind(),
      &EfsKind(), &DataSyncKind(), &EbsKind(),     &SecretsManagerKind(), &KmsKind(),
      &S3Kind()};
  return kKinds;
}

std::string StoreKindChoice() {
  std::vector<std::string> names;
  for (const Kind* kind : Kinds()) {
    if (model::IsStore(kind->empty)) names.emplace_back(kind->name);
  }
  return Choice(names);
}

std::vector<Field<model::Component>> AllFieldsOf(const Kind& kind) {
  std::vector<Field<model::Component>> fields = {
      {{"kind", Need::kRequired, WordShape(KindNames()), "what the component is"},
       [](Context&, const YAML::Node&, const std::string&, model::Component&) {
       }},  // read first, by KindOf
      NeedsField()};
  if (model::IsStore(kind.empty)) fields.push_back(RpoField());
  fields.insert(fields.end(), kind.fields.begin(), kind.fields.end());
  return fields;
}

void ReadComponents(Context& context, const YAML::Node& node, model::Application& application) {
  if (!context.Mapping(node, "'components'")) return;
  if (node.size() == 0 || node.size() > kMaxComponents) {
    context.Complain(node, "'components' has " + std::to_string(node.size()) + " entries",
                     "write 1 to " + std::to_string(kMaxComponents));
    return;
  }
  for (const auto& entry : node) {
    model::Component component;
    std::string name;
    if (!context.Text(entry.first, "a component's name", kName, &name)) continue;
    const std::string where = "component " + name;
    const Kind* kind = KindOf(context, entry.second, where);
    if (kind == nullptr) continue;
    component.name = model::ComponentName(name);
    component.kind = kind->empty;
    ReadFields(context, entry.second, where, AllFieldsOf(*kind), component);
    application.components.push_back(std::move(component));
  }
}

}  // namespace leeward::spec
