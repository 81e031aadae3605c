// The spec's own keys, as one table, and the rules between them.
#pragma once

#include <vector>

#include "spec/field.h"

namespace leeward::spec {

const std::vector<Field<model::Application>>& ApplicationFields();

// What makes a Region count as down.
Field<model::Detection> DownWhenField();
std::vector<Field<model::GuardTerms>> GuardFields();
// Of a program that the spec names.
std::vector<Field<model::Hook>> HookFields();
Field<model::Application> ReferencesField();
Field<model::Application> SagasField();

// Fills in what the spec left out (empty or zero) and what depends on other keys: names, quorum,
// time-outs.
void FillDefaults(model::Application& application);
// Complains about what is wrong between keys: equal Regions, unknown components, circles.
void CheckRelations(Context& context, const YAML::Node& root,
                    const model::Application& application);
// The same of references and sagas.
void FillReferences(model::Application& application);
void CheckReferences(Context& context, const YAML::Node& root,
                     const model::Application& application);

}  // namespace leeward::spec
