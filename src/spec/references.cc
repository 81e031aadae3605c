// `references` and `sagas`: what rows of one store name in another, and what makes good what the
// recovery line cut in half.
#include <algorithm>
#include <set>

#include "model/holes.h"
#include "spec/application.h"
#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Application;
using model::Component;
using model::Reference;
using model::Saga;

constexpr std::int64_t kMaxReferences = 50;
constexpr std::int64_t kMaxSagas = 50;

template <typename T>
Field<T> ComponentNameField(const char* key, model::ComponentName T::*member, Need need,
                            const char* help) {
  return {{key, need, TextShape(kName), help},
          [member](Context& context, const YAML::Node& node, const std::string& name, T& value) {
            std::string text;
            if (context.Text(node, name, kName, &text)) value.*member = model::ComponentName(text);
          }};
}

std::vector<Field<Reference>> ReferenceFields() {
  return {
      TextField("name", &Reference::name, kAnyText, Need::kRequired, "what names what"),
      ComponentNameField("from", &Reference::from, Need::kRequired, "the database with the rows"),
      TextField("sql", &Reference::sql, kAnyText, Need::kRequired,
                "a query of the rows; {line} in it is the recovery line"),
      TextField("at", &Reference::at, kAnyText, Need::kOptional,
                "the column that says when a row was written; default: none does"),
      ComponentNameField("to", &Reference::to, Need::kRequired, "the store that they name"),
      TextField("key", &Reference::key, kAnyText, Need::kOptional,
                "of a table or a cache: the key that a row names, such as {cart_id}"),
      TextField("range", &Reference::range, kAnyText, Need::kOptional,
                "of a table whose key has two parts: the second"),
      TextField("get", &Reference::get, kHealthPath, Need::kOptional,
                "of any store: a path at which the application answers 200 where it is there and "
                "404 where it is not, such as /uploads/{file}"),
      ComponentNameField("through", &Reference::through, Need::kOptional,
                         "the service that is asked; default: the one with a load balancer")};
}

std::vector<Field<Saga>> SagaFields() {
  return {TextField("name", &Saga::name, kAnyText, Need::kRequired, "what is made good"),
          TextField("for", &Saga::of, kAnyText, Need::kRequired, "a reference's name"),
          ObjectField("compensate", &Saga::compensate, HookFields(), Need::kRequired,
                      "a program that is run once for each row that names what is missing")};
}

// The services behind a load balancer; those that need the store, where there are any.
std::vector<const Component*> FrontsOf(const Application& application,
                                       const model::ComponentName& store) {
  std::vector<const Component*> fronts, needing;
  for (const Component& component : application.components) {
    const auto* ecs = std::get_if<model::Ecs>(&component.kind);
    if (ecs == nullptr || ecs->load_balancer.empty()) continue;
    fronts.push_back(&component);
    if (std::find(component.needs.begin(), component.needs.end(), store) != component.needs.end())
      needing.push_back(&component);
  }
  return needing.empty() ? fronts : needing;
}

class ReferenceRules {
 public:
  ReferenceRules(Context& context, const YAML::Node& root, const Application& application)
      : context_(context), root_(root), application_(application) {}

  void Check() {
    for (std::size_t i = 0; i < application_.references.size(); ++i) {
      at_.reset(Entry("references", i));
      CheckOne(application_.references[i]);
    }
    for (std::size_t i = 0; i < application_.sagas.size(); ++i) {
      at_.reset(Entry("sagas", i));
      CheckSaga(application_.sagas[i]);
    }
  }

 private:
  YAML::Node Entry(const char* list, std::size_t number) const {
    const YAML::Node entries = root_[list];
    return static_cast<const YAML::Node&>(entries)[number];
  }
  void Complain(const char* key, const std::string& what, const std::string& fix) {
    const YAML::Node& entry = at_;
    const YAML::Node child = entry[key];
    context_.Complain(child.IsDefined() ? child : at_, what, fix);
  }

  void CheckOne(const Reference& reference) {
    if (reference.name.empty()) return;  // has its complaint
    where_ = "reference '" + reference.name + "'";
    if (!names_.insert(reference.name).second)
      Complain("name", "two references are called '" + reference.name + "'", "name one otherwise");
    if (const Component* from = Known("from", reference.from);
        from != nullptr && !std::holds_alternative<model::Rds>(from->kind)) {
      Complain("from", where_ + " reads rows of " + from->name.str() + ", which is no database",
               "write a component of kind rds");
    }
    const Component* to = Known("to", reference.to);
    if (to != nullptr && !model::IsStore(to->kind)) {
      Complain("to", where_ + " names something in " + to->name.str() + ", which is not a store",
               "write a component of kind " + StoreKindChoice());
    } else if (to != nullptr) {
      CheckLook(reference, *to);
    }
    CheckHoles("key", reference.key);
    CheckHoles("range", reference.range);
    CheckHoles("get", reference.get);
  }

  // The component; nullptr after a complaint, also after one of the component's own.
  const Component* Known(const char* key, const model::ComponentName& name) {
    const Component* found = application_.Find(name);
    const YAML::Node components = root_["components"];
    const bool wrong_itself = components.IsDefined() && components.IsMap() && !name.empty() &&
                              static_cast<const YAML::Node&>(components)[name.str()].IsDefined();
    if (found != nullptr || name.empty() || wrong_itself) return found;
    std::vector<std::string> all;
    for (const Component& component : application_.components) all.push_back(component.name.str());
    const std::string nearest = Nearest(name.str(), all);
    Complain(
        key, where_ + " names component '" + name.str() + "', which does not exist",
        nearest.empty() ? "write one of the spec's components" : "did you mean " + nearest + "?");
    return nullptr;
  }

  void CheckLook(const Reference& reference, const Component& to) {
    const bool table = std::holds_alternative<model::Dynamodb>(to.kind);
    const bool keyed = table || std::holds_alternative<model::Elasticache>(to.kind);
    const std::string kind(model::KindName(to.kind));
    if (!reference.key.empty() && !reference.get.empty()) {
      Complain("get", where_ + " has both 'key' and 'get'",
               "write key to ask the store itself, or get to ask the application");
    } else if (!reference.key.empty() && !keyed) {
      Complain("key",
               where_ + " has a 'key', and a component of kind " + kind +
                   " cannot be asked for one from here",
               "write get: a path at which the application tells whether it is there");
    } else if (reference.key.empty() && reference.get.empty()) {
      Complain("to", where_ + " does not say what a row names in " + to.name.str(),
               keyed ? "add key: such as \"{id}\", or get: a path of the application"
                     : "add get: a path of the application, such as \"/uploads/{file}\"");
    }
    if (!reference.range.empty() && (!table || reference.key.empty())) {
      Complain("range", "'range' in " + where_ + " is for the key of a table alone",
               "leave it out");
    }
    CheckThrough(reference);
  }

  void CheckThrough(const Reference& reference) {
    if (reference.get.empty()) {
      if (!reference.through.empty())
        Complain("through", "'through' in " + where_ + " is for 'get' alone", "leave it out");
      return;
    }
    const std::string fix = "write a component of kind ecs that has a load-balancer";
    if (reference.through.empty()) {
      const bool none = FrontsOf(application_, reference.to).empty();
      Complain("get",
               where_ + (none ? " asks the application, and no component of kind ecs has a "
                                "'load-balancer' where it could be"
                              : " could ask several services"),
               none ? "add one, or ask by key" : "add through: " + fix.substr(6));
      return;
    }
    const Component* service = Known("through", reference.through);
    if (service == nullptr) return;
    const auto* ecs = std::get_if<model::Ecs>(&service->kind);
    if (ecs == nullptr || ecs->load_balancer.empty())
      Complain("through", where_ + " asks " + service->name.str() + ", which has no load balancer",
               fix);
  }

  void CheckHoles(const char* key, const std::string& text) {
    if (text.empty()) return;
    const auto holes = model::HolesOf(text);
    if (holes.ok() && !holes->empty()) return;
    const std::string quoted = std::string("'") + key + "' in " + where_;
    Complain(key,
             quoted + (holes.ok() ? " is the same for every row" : ": " + holes.error().message()),
             "write a column in braces, such as \"{id}\"");
  }

  void CheckSaga(const Saga& saga) {
    if (saga.name.empty()) return;
    where_ = "saga '" + saga.name + "'";
    if (!sagas_.insert(saga.name).second)
      Complain("name", "two sagas are called '" + saga.name + "'", "name one otherwise");
    if (saga.of.empty() || names_.contains(saga.of)) return;
    const std::string nearest = Nearest(saga.of, {names_.begin(), names_.end()});
    Complain("for", where_ + " is for reference '" + saga.of + "', which does not exist",
             nearest.empty() ? "write the name of one of 'references'"
                             : "did you mean '" + nearest + "'?");
  }

  Context& context_;
  const YAML::Node& root_;
  const Application& application_;
  YAML::Node at_;      // the entry
  std::string where_;  // its name
  std::set<std::string> names_, sagas_;
};

}  // namespace

Field<Application> ReferencesField() {
  return {{"references", Need::kOptional,
           ListShape(ObjectShape(InfoOf(ReferenceFields())), kMaxReferences),
           "what rows of a database name in another store: verified after a failover"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             Application& application) {
            if (!context.List(node, name, kMaxReferences)) return;
            for (const YAML::Node& entry : node) {
              Reference reference;
              ReadFields(context, entry,
                         "reference " + std::to_string(application.references.size() + 1),
                         ReferenceFields(), reference);
              application.references.push_back(std::move(reference));
            }
          }};
}

Field<Application> SagasField() {
  return {{"sagas", Need::kOptional, ListShape(ObjectShape(InfoOf(SagaFields())), kMaxSagas),
           "programs of your own that make good what the recovery line cut in half"},
          [](Context& context, const YAML::Node& node, const std::string& name,
             Application& application) {
            if (!context.List(node, name, kMaxSagas)) return;
            for (const YAML::Node& entry : node) {
              Saga saga;
              ReadFields(context, entry, "saga " + std::to_string(application.sagas.size() + 1),
                         SagaFields(), saga);
              application.sagas.push_back(std::move(saga));
            }
          }};
}

void FillReferences(Application& application) {
  for (Reference& reference : application.references) {
    if (reference.get.empty() || !reference.through.empty()) continue;
    const auto fronts = FrontsOf(application, reference.to);
    if (fronts.size() == 1) reference.through = fronts.front()->name;
  }
}

void CheckReferences(Context& context, const YAML::Node& root, const Application& application) {
  ReferenceRules(context, root, application).Check();
}

}  // namespace leeward::spec
