// route53-recovery-control-config: clusters, control panels, routing controls and safety rules. Its
// control plane lives in us-west-2; the states it keeps are answered and changed by arc_cluster,
// which needs no Region in particular.
#pragma once

#include <memory>
#include <string>

#include "lab/core/service.h"
#include "lab/services/arc_state.h"
#include "lab/services/global_links.h"

namespace leeward::lab {

class ArcConfig : public Service, public RoutingControls {
 public:
  explicit ArcConfig(Host& host) : host_(host) {}

  std::string_view name() const override { return "route53-recovery-control-config"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;

  std::optional<ControlState> StateOf(std::string_view control_arn) const override;
  const ArcState& arc() const override { return state_; }
  void Commit(const std::vector<ControlChange>& changes) override;

 private:
  friend struct ArcConfigOperations;

  Answer CreateCluster(const shapes::Value& input);
  Answer DescribeCluster(const shapes::Value& input);
  Answer ListClusters(const shapes::Value& input);
  Answer DeleteCluster(const shapes::Value& input);
  Answer CreateControlPanel(const shapes::Value& input);
  Answer DescribeControlPanel(const shapes::Value& input);
  Answer UpdateControlPanel(const shapes::Value& input);
  Answer ListControlPanels(const shapes::Value& input);
  Answer DeleteControlPanel(const shapes::Value& input);
  Answer CreateRoutingControl(const shapes::Value& input);
  Answer DescribeRoutingControl(const shapes::Value& input);
  Answer UpdateRoutingControl(const shapes::Value& input);
  Answer ListRoutingControls(const shapes::Value& input);
  Answer DeleteRoutingControl(const shapes::Value& input);
  Answer CreateSafetyRule(const shapes::Value& input);
  Answer DescribeSafetyRule(const shapes::Value& input);
  Answer UpdateSafetyRule(const shapes::Value& input);
  Answer ListSafetyRules(const shapes::Value& input);
  Answer DeleteSafetyRule(const shapes::Value& input);
  Answer ListAssociatedRoute53HealthChecks(const shapes::Value& input);
  Answer ListTagsForResource(const shapes::Value& input);
  Answer TagResource(const shapes::Value& input);
  Answer UntagResource(const shapes::Value& input);

  std::string NewArn(std::string_view resource) const;
  // The ARN of what an earlier create with this ClientToken made; empty when none did.
  std::string_view MadeBefore(const shapes::Value& input) const;
  void Remember(const shapes::Value& input, const std::string& arn);
  ArcPanel& AddPanel(const std::string& cluster, const std::string& panel_name);
  void PublishEndpoints(const ArcCluster& cluster);
  // PENDING things become DEPLOYED after a while.
  void DeployLater(base::Duration after);
  bool IsKnown(std::string_view arn) const;
  void Save();

  Host& host_;
  ArcState state_;
};

// The data plane's operation set, "route53-recovery-cluster".
class ArcCluster53 : public Service {
 public:
  explicit ArcCluster53(Host& host) : host_(host) {}

  std::string_view name() const override { return "route53-recovery-cluster"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override { return base::Ok(); }

 private:
  friend struct ArcClusterOperations;

  Answer GetRoutingControlState(const shapes::Value& input);
  Answer ListRoutingControls(const shapes::Value& input);
  Answer UpdateRoutingControlState(const shapes::Value& input);
  Answer UpdateRoutingControlStates(const shapes::Value& input);
  Answer Update(const std::vector<ControlChange>& changes, const shapes::Value& input);
  RoutingControls* Controls();

  Host& host_;
};

std::unique_ptr<Service> MakeArcConfig(Host& host);
std::unique_ptr<Service> MakeArcCluster(Host& host);

}  // namespace leeward::lab
