// Shop: the example application, a runner with a fake AWS, and a way to run single steps, for
// tests.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "os/random.h"
#include "steps/runner.h"
#include "steps/testing/fake_aws.h"

namespace leeward::steps::testing {

using model::ComponentName;
using model::Region;

class Shop {
 public:
  using SaveRepairList =
      std::function<base::Result<std::string>(const model::ExecutionId&, const std::string&)>;
  explicit Shop(Limits limits = {}, std::vector<probe::DnsServer> servers = {{"127.0.0.1", 9}},
                SaveRepairList save = {})
      : save_repair_list(std::move(save)),
        resolver({.servers = std::move(servers)}, clock, random),
        runner(TheTools(), limits) {
    application.name = model::ApplicationName("shop");
    application.regions = {home, recovery, Region("eu-west-1")};
    application.objectives.rpo = std::chrono::seconds(5);
    application.components = {{ComponentName("orders"), rds, {}},
                              {ComponentName("web"), ecs, {ComponentName("orders")}},
                              {ComponentName("traffic"), route53, {ComponentName("web")}}};
    plan.action = model::Action::kFailover;
    plan.from = home;
    plan.to = recovery;
    plan.made = base::WallTime{std::chrono::seconds(1'763'888'053)};
  }

  Tools TheTools() {
    return {.aws = aws,
            .clock = clock,
            .random = random,
            .resolver = resolver,
            .environment = environment,
            .save_inventory =
                [this](const model::Inventory& learned) {
                  saved = learned;
                  return base::Ok();
                },
            .source_address = "",
            .open_store = [this](const model::SharedStorePlace&) { return open_store(); },
            .save_repair_list = save_repair_list};
  }

  // Adds a step to the plan; `id` is "rds.promote/orders", or a kind alone.
  model::Step& Add(const std::string& id, const Region& region,
                   std::map<std::string, std::string> parameters = {}) {
    model::Step step;
    step.id = model::StepId(id);
    step.kind = model::StepKind(id.substr(0, id.find('/')));
    if (id.find('/') != std::string::npos) {
      step.component = ComponentName(id.substr(id.find('/') + 1));
    }
    step.region = region;
    step.parameters = std::move(parameters);
    step.timeout = patience;
    plan.steps.push_back(std::move(step));
    return plan.steps.back();
  }

  // Runs a step of the plan and remembers what it learned.
  base::Result<ports::StepOutcome> Run(const std::string& id) {
    const model::Step* step = plan.Find(model::StepId(id));
    CHECK_MSG(step != nullptr, id.c_str());
    const ports::StepContext context{application,
                                     inventory,
                                     plan,
                                     *step,
                                     outputs,
                                     1,
                                     clock.Monotonic() + patience,
                                     [this] { return cancelled; },
                                     [this](std::string_view line) { Hear(line); },
                                     execution};
    auto outcome = runner.Run(context);
    if (outcome.ok()) {
      for (const auto& [name, value] : outcome->outputs)
        outputs[fmt::format("{}.{}", id, name)] = value;
    }
    return outcome;
  }
  base::Result<ports::StepOutcome> AddAndRun(const std::string& id, const Region& region,
                                             std::map<std::string, std::string> parameters = {}) {
    Add(id, region, std::move(parameters));
    return Run(id);
  }

  void Know(const std::string& component, const Region& region, const std::string& name,
            const std::string& value) {
    inventory.facts[{ComponentName(component), region, name}] = value;
  }

  // What steps said for people, in turn.
  std::vector<std::string> Said() const {
    const std::lock_guard lock(hearing_);
    return said_;
  }

  const SaveRepairList save_repair_list;
  const Region home{"us-east-1"}, recovery{"us-west-2"};
  model::Rds rds{.instance = "orders",
                 .engine = model::Engine::kPostgres,
                 .database = "shop",
                 .user = "owner",
                 .password_env = "",
                 .security_group = "",
                 .instance_class = ""};
  model::Ecs ecs{.cluster = "shop",
                 .service = "web",
                 .standby = 1,
                 .active = 3,
                 .environment = {{"SHOP_DB_HOST", ComponentName("orders")}},
                 .load_balancer = "shop",
                 .target_group = "shop",
                 .port = 8080,
                 .health_path = "/health"};
  model::Route53 route53{.name = "shop.example.test",
                         .switched_by = model::TrafficSwitch::kRoutingControl,
                         .control_panel = "shop",
                         .load_balancer = "shop",
                         .health_path = "/health",
                         .port = 8080,
                         .ttl = std::chrono::seconds(1)};
  std::map<std::string, std::string> environment = {{"SHOP_DB_PASSWORD", "secret"}};
  // The store of the lease, for steps that ask for it.
  std::function<base::Result<std::unique_ptr<ports::SharedStore>>()> open_store = [] {
    return base::Result<std::unique_ptr<ports::SharedStore>>(base::Invalid("no store"));
  };
  base::Duration patience = std::chrono::seconds(20);
  bool cancelled = false;
  model::ExecutionId execution;
  model::Application application;
  model::Inventory inventory, saved;
  model::Plan plan;
  std::map<std::string, std::string> outputs;
  FakeAws aws;
  os::SystemClock clock;
  os::SystemRandom random;
  probe::Resolver resolver;
  Runner runner;

 private:
  void Hear(std::string_view line) {
    const std::lock_guard lock(hearing_);
    said_.emplace_back(line);
  }

  mutable std::mutex hearing_;
  std::vector<std::string> said_;
};

}  // namespace leeward::steps::testing
