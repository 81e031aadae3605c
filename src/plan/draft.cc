#include "plan/draft.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "model/names.h"

namespace leeward::plan {
namespace {

std::string Fill(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    const std::string hole = "{" + name + "}";
    for (auto at = text.find(hole); at != std::string::npos; at = text.find(hole))
      text.replace(at, hole.size(), value);
  }
  return text;
}

const std::vector<const StepTemplate*>& AllTemplates() {
  static const std::vector<const StepTemplate*> kAll = [] {
    std::vector<const StepTemplate*> all;
    for (const Recipe* recipe : Recipes()) {
      for (const StepTemplate& one : recipe->templates()) all.push_back(&one);
    }
    for (const StepTemplate& one : GateTemplates()) all.push_back(&one);
    for (const StepTemplate& one : CommonTemplates()) all.push_back(&one);
    return all;
  }();
  return kAll;
}

}  // namespace

const std::vector<const Recipe*>& Recipes() {
  static const std::vector<const Recipe*> kRecipes = {
      &RdsRecipe(),      &EcsRecipe(),         &Route53Recipe(),
      &DynamodbRecipe(), &ElasticacheRecipe(), &EfsRecipe(),
      &DataSyncRecipe(), &EbsRecipe(),         &SecretsManagerRecipe(),
      &KmsRecipe(),      &S3Recipe()};
  return kRecipes;
}

const Recipe& RecipeOf(const model::Component& component) {
  for (const Recipe* recipe : Recipes()) {
    if (recipe->kind == model::KindName(component.kind)) return *recipe;
  }
  CHECK_NEVER("a component kind has no recipe");
}

const StepTemplate& TemplateOf(std::string_view kind) {
  for (const StepTemplate* one : AllTemplates()) {
    if (one->kind == kind) return *one;
  }
  CHECK_NEVER(std::string(kind).c_str());
}

model::Step& Draft::Emit(std::string_view kind, const model::ComponentName& component,
                         const model::Region& region) {
  const StepTemplate& one = TemplateOf(kind);
  const std::map<std::string, std::string> values = {
      {"component", component.str()}, {"region", region.str()}, {"other", Other(region).str()}};
  model::Step step;
  step.kind = model::StepKind(one.kind);
  step.component = component;
  step.region = region;
  step.phase = one.phase;
  step.title = Fill(one.title, values);
  step.reason = Fill(one.reason, values);
  step.undo = Fill(one.undo, values);
  step.on_failure = one.on_failure;
  plan.steps.push_back(std::move(step));
  return plan.steps.back();
}

namespace {

struct NamedPart {
  std::string_view name;
  Part part;
};
constexpr NamedPart kParts[] = {
    {":measures", Part::kMeasures},     {":fences", Part::kFences},
    {":stops", Part::kStops},           {":changes", Part::kChanges},
    {":keeps", Part::kKeeps},           {":closes", Part::kCloses},
    {":replicates", Part::kReplicates}, {":opens", Part::kOpens},
    {":serves", Part::kServes},         {":retires", Part::kRetires},
    {":restates", Part::kRestates},     {":completes", Part::kCompletes},
};

}  // namespace

bool IsMeant(std::string_view side, const model::StepKind& kind) {
  if (!side.starts_with(':')) return side == kind.str();
  for (const NamedPart& one : kParts) {
    if (one.name == side) return Plays(TemplateOf(kind.str()).parts, one.part);
  }
  CHECK_NEVER(std::string(side).c_str());
}

bool MeansAny(std::string_view side) {
  const auto& kinds = AllTemplates();
  return std::any_of(kinds.begin(), kinds.end(), [&](const StepTemplate* one) {
    return IsMeant(side, model::StepKind(one->kind));
  });
}

model::Step& TellSource(const Draft& draft, model::Step& step) {
  step.parameters["source-region"] = draft.Other(step.region).str();
  return step;
}

void TellVault(const model::Backed& backup, model::Step& step) {
  step.parameters["vault"] = backup.vault;
  if (!backup.vault_key.empty()) step.parameters["vault-kms-key"] = backup.vault_key;
}

model::Step& TellWriter(const Draft& draft, model::Step& step) {
  step.parameters["writer-region"] = draft.Other(step.region).str();
  return step;
}

model::Step& TellBudget(const Draft& draft, model::Step& step) {
  step.parameters["budget-ns"] = std::to_string(draft.application.RpoOf(step.component).count());
  return TellSource(draft, TellPromoted(draft, step));
}

model::Step& TellPromoted(const Draft& draft, model::Step& step) {
  const auto promoted = draft.options.promoted.find(step.component);
  const bool here =
      promoted != draft.options.promoted.end() && promoted->second.region == step.region;
  if (here) step.parameters["promoted-by"] = promoted->second.by.str();
  return step;
}

model::Step& TellWriters(const Draft& draft, model::Step& step) {
  std::string names;
  for (const model::Component& one : draft.application.components) {
    const bool mounts =
        std::holds_alternative<model::Ecs>(one.kind) &&
        std::find(one.needs.begin(), one.needs.end(), step.component) != one.needs.end();
    if (mounts) names += (names.empty() ? "" : ",") + one.name.str();
  }
  step.parameters["writers"] = names;
  return step;
}

model::Step& TellParting(const Draft& draft, model::Step& step) {
  const auto parted = draft.options.parted.find(step.component);
  step.parameters["parted"] = parted == draft.options.parted.end() ? "" : parted->second;
  return TellWriter(draft, step);
}

bool Draft::Has(std::string_view kind) const {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [kind](const model::Step& step) { return step.kind.str() == kind; });
}

std::vector<model::StepKind> AllStepKinds() {
  std::vector<model::StepKind> kinds;
  for (const StepTemplate* one : AllTemplates()) kinds.emplace_back(one->kind);
  return kinds;
}

std::vector<Operation> AllOperations() {
  std::set<Operation> operations;
  for (const StepTemplate* one : AllTemplates()) {
    for (const CallTemplate& call : one->calls) operations.insert({call.service, call.operation});
  }
  return {operations.begin(), operations.end()};
}

}  // namespace leeward::plan
