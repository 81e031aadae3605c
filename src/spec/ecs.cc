#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Ecs;

constexpr int kMaxTasks = 5000;  // ECS's own quota for one service
constexpr int kMaxVariables = 100;

// NAME: component
Field<Ecs> EnvironmentField() {
  return {{"environment", Need::kOptional, MapShape(kVariable, TextShape(kName), kMaxVariables),
           "container variables that carry the address of a component's endpoint in the task's own "
           "Region"},
          [](Context& context, const YAML::Node& node, const std::string& name, Ecs& ecs) {
            if (!context.Mapping(node, name)) return;
            for (const auto& entry : node) {
              std::string variable, component;
              if (!context.Text(entry.first, "a key of " + name, kVariable, &variable)) continue;
              if (!context.Text(entry.second, NameOf(variable, "'environment'"), kName, &component))
                continue;
              ecs.environment[variable] = model::ComponentName(component);
            }
          }};
}

}  // namespace

const Kind& EcsKind() {
  static const Kind kKind = {
      "ecs", "an ECS service of the same name in both Regions", Ecs{},
      FieldsOf<Ecs>({
          TextField("cluster", &Ecs::cluster, kName, Need::kOptional,
                    "default: the application's name"),
          TextField("service", &Ecs::service, kName, Need::kOptional,
                    "default: the component's name"),
          IntegerField("standby", &Ecs::standby, {0, kMaxTasks}, Need::kOptional,
                       "tasks while the Region stands by; default: 1"),
          IntegerField("active", &Ecs::active, {1, kMaxTasks}, Need::kOptional,
                       "tasks while it is active; default: 1"),
          EnvironmentField(),
          TextField("load-balancer", &Ecs::load_balancer, kName, Need::kOptional,
                    "ELBv2 load balancer of the same name in both Regions"),
          TextField("target-group", &Ecs::target_group, kName, Need::kOptional,
                    "of the same name in both Regions; default: the load balancer's name"),
          IntegerField("port", &Ecs::port, {1, 65535}, Need::kOptional,
                       "that containers and load balancer listen on; default: 80"),
          TextField("health", &Ecs::health_path, kHealthPath, Need::kOptional,
                    "path that answers 200 when healthy"),
      })};
  return kKind;
}

}  // namespace leeward::spec
