#include "lab/services/arc_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/arc_config_internal.h"
#include "lab/services/dispatch.h"
#include "lab/services/saved_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

// ARC's five cluster Regions, the lab's three among them.
constexpr std::array<std::string_view, 5> kEndpointRegions = {"us-east-1", "us-west-2", "eu-west-1",
                                                              "ap-northeast-1", "ap-southeast-2"};
constexpr std::uint16_t kEndpointPort = 4566;
constexpr std::size_t kMaxClusters = 2;
constexpr std::size_t kMaxPanels = 50;
constexpr base::Duration kDeployFast = 20ms;
constexpr base::Duration kDeployAws = 30s;
constexpr std::string_view kDefaultPanel = "DefaultControlPanel";

std::string EndpointName(const ArcCluster& cluster, std::string_view region) {
  return fmt::format("arc:{}:{}", cluster.arn.substr(cluster.arn.rfind('/') + 1), region);
}

Value PanelShape(const ArcState& state, const ArcPanel& panel, const std::string& owner) {
  const auto controls = std::ranges::count(state.controls, panel.arn, &ArcControl::panel);
  return Value::Struct({{"ClusterArn", panel.cluster},
                        {"ControlPanelArn", panel.arn},
                        {"DefaultControlPanel", panel.is_default},
                        {"Name", panel.name},
                        {"RoutingControlCount", std::int64_t{controls}},
                        {"Status", panel.status},
                        {"Owner", owner}});
}

Value ClusterShape(const ArcCluster& cluster, const std::string& owner) {
  Value::List endpoints;
  for (const ArcEndpoint& endpoint : cluster.endpoints) {
    endpoints.push_back(
        Value::Struct({{"Endpoint", fmt::format("http://{}:{}", endpoint.address, kEndpointPort)},
                       {"Region", endpoint.region}}));
  }
  return Value::Struct({{"ClusterArn", cluster.arn},
                        {"ClusterEndpoints", endpoints},
                        {"Name", cluster.name},
                        {"Status", cluster.status},
                        {"Owner", owner},
                        {"NetworkType", "IPV4"}});
}

}  // namespace

Answer ArcPageOf(std::string_view member, const Value::List& all, const Value& input) {
  const auto limit =
      static_cast<std::size_t>(std::clamp<std::int64_t>(input.Int("MaxResults", 1000), 1, 1000));
  Page page;
  if (!TakePage(all, input.String("NextToken"), limit, page)) {
    return ArcInvalid("NextToken is not valid");
  }
  Value output = Value::Struct({{std::string(member), page.items}});
  if (!page.next_token.empty()) output.Set("NextToken", page.next_token);
  return output;
}

base::Status ArcConfig::Start() {
  ASSIGN_OR_RETURN(const Value saved, LoadState(host_, name()));
  if (!saved.is_null()) state_ = ArcStateFrom(saved);
  for (const ArcCluster& cluster : state_.clusters) PublishEndpoints(cluster);
  DeployLater(host_.pace() == Pace::kFast ? kDeployFast : kDeployAws);
  return base::Ok();
}

void ArcConfig::Save() { SaveState(host_, name(), ToValue(state_)); }

std::optional<ControlState> ArcConfig::StateOf(std::string_view control_arn) const {
  const ArcControl* control = state_.Control(control_arn);
  if (control == nullptr) return std::nullopt;
  return control->state;
}

void ArcConfig::Commit(const std::vector<ControlChange>& changes) {
  ApplyChanges(state_, changes, host_.clock().Now());
  if (auto* checks = dynamic_cast<ControlledChecks*>(host_.Find("route53"))) {
    checks->RoutingControlsChanged();
  }
  Save();
}

std::string ArcConfig::NewArn(std::string_view resource) const {
  return fmt::format("arn:aws:route53-recovery-control::{}:{}", host_.account(), resource);
}

std::string_view ArcConfig::MadeBefore(const Value& input) const {
  const std::string_view token = input.String("ClientToken");
  for (const auto& [known, arn] : state_.tokens) {
    if (known == token) return arn;
  }
  return {};
}

void ArcConfig::Remember(const Value& input, const std::string& arn) {
  const std::string_view token = input.String("ClientToken");
  if (!token.empty()) state_.tokens.emplace_back(token, arn);
  if (const Value* tags = input.Find("Tags")) {
    for (const auto& [key, value] : tags->members()) state_.tags.push_back({arn, key, value.str()});
  }
  DeployLater(host_.pace() == Pace::kFast ? kDeployFast : kDeployAws);
  Save();
}

void ArcConfig::DeployLater(base::Duration after) {
  host_.After(after, [this] {
    const auto deploy = [](auto& all) {
      for (auto& one : all) one.status = "DEPLOYED";
    };
    deploy(state_.clusters);
    deploy(state_.panels);
    deploy(state_.controls);
    deploy(state_.rules);
    Save();
  });
}

void ArcConfig::PublishEndpoints(const ArcCluster& cluster) {
  for (const ArcEndpoint& endpoint : cluster.endpoints) {
    host_.network().Publish({EndpointName(cluster, endpoint.region), endpoint.address,
                             kEndpointPort, host_.ApiSocket(), endpoint.region});
  }
}

ArcPanel& ArcConfig::AddPanel(const std::string& cluster, const std::string& panel_name) {
  const std::string id = host_.random().Hex(32);
  state_.panels.push_back(
      {NewArn("controlpanel/" + id), cluster, panel_name, panel_name == kDefaultPanel, "PENDING"});
  return state_.panels.back();
}

Answer ArcConfig::CreateCluster(const Value& input) {
  if (const ArcCluster* made = state_.Cluster(MadeBefore(input))) {
    return Value::Struct({{"Cluster", ClusterShape(*made, host_.account())}});
  }
  const std::string cluster_name(input.String("ClusterName"));
  if (std::ranges::find(state_.clusters, cluster_name, &ArcCluster::name) !=
      state_.clusters.end()) {
    return ArcConflict(fmt::format("A cluster with the name {} already exists", cluster_name));
  }
  if (state_.clusters.size() >= kMaxClusters) {
    return ApiError{"ServiceQuotaExceededException",
                    fmt::format("At most {} clusters in an account", kMaxClusters),
                    402,
                    {}};
  }
  ports::Random& random = host_.random();
  ArcCluster cluster;
  cluster.arn = NewArn(fmt::format("cluster/{}-{}-{}-{}-{}", random.Hex(8), random.Hex(4),
                                   random.Hex(4), random.Hex(4), random.Hex(12)));
  cluster.name = cluster_name;
  cluster.status = "PENDING";
  for (const std::string_view region : kEndpointRegions) {
    const std::string address = host_.network().AddressFor(EndpointName(cluster, region));
    cluster.endpoints.push_back({std::string(region), address});
  }
  PublishEndpoints(cluster);
  state_.clusters.push_back(cluster);
  AddPanel(cluster.arn, std::string(kDefaultPanel));
  Remember(input, cluster.arn);
  return Value::Struct({{"Cluster", ClusterShape(cluster, host_.account())}});
}

Answer ArcConfig::DescribeCluster(const Value& input) {
  const ArcCluster* cluster = state_.Cluster(input.String("ClusterArn"));
  if (cluster == nullptr) return ArcNotFound("cluster", input.String("ClusterArn"));
  return Value::Struct({{"Cluster", ClusterShape(*cluster, host_.account())}});
}

Answer ArcConfig::ListClusters(const Value& input) {
  Value::List all;
  for (const ArcCluster& c : state_.clusters) all.push_back(ClusterShape(c, host_.account()));
  return ArcPageOf("Clusters", all, input);
}

Answer ArcConfig::DeleteCluster(const Value& input) {
  const ArcCluster* cluster = state_.Cluster(input.String("ClusterArn"));
  if (cluster == nullptr) return ArcNotFound("cluster", input.String("ClusterArn"));
  for (const ArcPanel& panel : state_.panels) {
    if (panel.cluster != cluster->arn) continue;
    const bool used =
        std::ranges::find(state_.controls, panel.arn, &ArcControl::panel) != state_.controls.end();
    if (!panel.is_default || used) {
      return ArcConflict("The cluster still has control panels or routing controls");
    }
  }
  for (const ArcEndpoint& endpoint : cluster->endpoints) {
    host_.network().Withdraw(EndpointName(*cluster, endpoint.region));
  }
  const std::string arn = cluster->arn;
  std::erase_if(state_.panels, [&](const ArcPanel& p) { return p.cluster == arn; });
  std::erase_if(state_.clusters, [&](const ArcCluster& c) { return c.arn == arn; });
  Save();
  return Value::Struct();
}

Answer ArcConfig::CreateControlPanel(const Value& input) {
  if (const ArcPanel* made = state_.Panel(MadeBefore(input))) {
    return Value::Struct({{"ControlPanel", PanelShape(state_, *made, host_.account())}});
  }
  const ArcCluster* cluster = state_.Cluster(input.String("ClusterArn"));
  if (cluster == nullptr) return ArcNotFound("cluster", input.String("ClusterArn"));
  if (cluster->status != "DEPLOYED") return ArcConflict("The cluster is not in DEPLOYED status");
  const std::string_view panel_name = input.String("ControlPanelName");
  const bool taken = std::ranges::any_of(state_.panels, [&](const ArcPanel& panel) {
    return panel.cluster == cluster->arn && panel.name == panel_name;
  });
  if (taken) {
    return ArcConflict(fmt::format("A control panel with the name {} already exists", panel_name));
  }
  if (state_.panels.size() >= kMaxPanels) {
    return ApiError{"ServiceQuotaExceededException",
                    fmt::format("At most {} control panels", kMaxPanels),
                    402,
                    {}};
  }
  const ArcPanel panel = AddPanel(cluster->arn, std::string(panel_name));
  Remember(input, panel.arn);
  return Value::Struct({{"ControlPanel", PanelShape(state_, panel, host_.account())}});
}

Answer ArcConfig::DescribeControlPanel(const Value& input) {
  const ArcPanel* panel = state_.Panel(input.String("ControlPanelArn"));
  if (panel == nullptr) return ArcNotFound("control panel", input.String("ControlPanelArn"));
  return Value::Struct({{"ControlPanel", PanelShape(state_, *panel, host_.account())}});
}

Answer ArcConfig::UpdateControlPanel(const Value& input) {
  ArcPanel* panel = state_.Panel(input.String("ControlPanelArn"));
  if (panel == nullptr) return ArcNotFound("control panel", input.String("ControlPanelArn"));
  if (panel->is_default) return ArcConflict("The default control panel cannot be renamed");
  panel->name = input.String("ControlPanelName");
  Save();
  return Value::Struct({{"ControlPanel", PanelShape(state_, *panel, host_.account())}});
}

Answer ArcConfig::ListControlPanels(const Value& input) {
  const std::string_view cluster = input.String("ClusterArn");
  Value::List all;
  for (const ArcPanel& panel : state_.panels) {
    if (!cluster.empty() && panel.cluster != cluster) continue;
    all.push_back(PanelShape(state_, panel, host_.account()));
  }
  return ArcPageOf("ControlPanels", all, input);
}

Answer ArcConfig::DeleteControlPanel(const Value& input) {
  const ArcPanel* panel = state_.Panel(input.String("ControlPanelArn"));
  if (panel == nullptr) return ArcNotFound("control panel", input.String("ControlPanelArn"));
  if (panel->is_default) return ArcConflict("The default control panel cannot be deleted");
  const std::string arn = panel->arn;
  if (std::ranges::find(state_.controls, arn, &ArcControl::panel) != state_.controls.end()) {
    return ArcConflict("The control panel still has routing controls");
  }
  std::erase_if(state_.rules, [&](const ArcRule& rule) { return rule.panel == arn; });
  std::erase_if(state_.panels, [&](const ArcPanel& p) { return p.arn == arn; });
  Save();
  return Value::Struct();
}

std::unique_ptr<Service> MakeArcConfig(Host& host) { return std::make_unique<ArcConfig>(host); }

}  // namespace leeward::lab
