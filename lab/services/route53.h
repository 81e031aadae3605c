// Route 53: hosted zones, records, health checks, and the DNS server that answers from them.
//
// The service object is the control plane (which dies with us-east-1: its entry in the service
// table says so) and the keeper of the data plane, which goes on: the DNS server and the probes
// have threads of their own, the judgement of health runs on the event thread of the global plane.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lab/core/service.h"
#include "lab/dns/answer.h"
#include "lab/dns/reactor.h"
#include "lab/dns/server.h"
#include "lab/services/global_links.h"
#include "lab/services/route53_checks.h"
#include "lab/services/route53_records.h"

namespace leeward::lab {

class Route53 : public Service, public ControlledChecks {
 public:
  explicit Route53(Host& host) : host_(host) {}
  ~Route53() override;

  std::string_view name() const override { return "route53"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  // "LoadBalancers": a Region's elbv2 tells which load balancers it has and whether they are
  // healthy.
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  void RoutingControlsChanged() override { PublishWorld(); }
  std::vector<std::string> ChecksOf(std::string_view control_arn) const override;

  // The world that DNS answers from now.
  const World& world() const { return *world_; }
  std::uint16_t dns_port() const { return dns_ ? dns_->port() : std::uint16_t{0}; }

 private:
  friend struct Route53Operations;

  struct HostedZone {
    std::string id;
    std::string caller_reference;
    std::string comment;
    std::vector<std::string> name_servers;
    shapes::Value tags;
    std::shared_ptr<const Zone> records;  // what the API sees
    std::shared_ptr<const Zone> live;     // what DNS answers from
    base::MonotonicTime busy_until;       // an earlier change is still being taken in
  };
  struct ChangeRecord {
    std::string id;
    std::string zone_id;  // empty for zone creation and deletion
    std::string comment;
    base::WallTime submitted;
    bool in_sync = false;
  };
  struct LoadBalancer {
    KnownLoadBalancer known;
    std::string region;
    bool healthy = false;
    base::MonotonicTime heard;
  };

  // Zones: route53.cc.
  Answer CreateHostedZone(const shapes::Value& input);
  Answer GetHostedZone(const shapes::Value& input);
  Answer ListHostedZones(const shapes::Value& input);
  Answer ListHostedZonesByName(const shapes::Value& input);
  Answer GetHostedZoneCount(const shapes::Value& input);
  Answer UpdateHostedZoneComment(const shapes::Value& input);
  Answer DeleteHostedZone(const shapes::Value& input);
  // Records: route53_zone_records.cc.
  Answer ChangeResourceRecordSets(const shapes::Value& input);
  Answer ListResourceRecordSets(const shapes::Value& input);
  Answer GetChange(const shapes::Value& input);
  Answer TestDNSAnswer(const shapes::Value& input);
  Answer ChangeTagsForResource(const shapes::Value& input);
  Answer ListTagsForResource(const shapes::Value& input);
  // Health checks: route53_health_api.cc.
  Answer CreateHealthCheck(const shapes::Value& input);
  Answer GetHealthCheck(const shapes::Value& input);
  Answer ListHealthChecks(const shapes::Value& input);
  Answer GetHealthCheckCount(const shapes::Value& input);
  Answer UpdateHealthCheck(const shapes::Value& input);
  Answer DeleteHealthCheck(const shapes::Value& input);
  Answer GetHealthCheckStatus(const shapes::Value& input);
  Answer GetHealthCheckLastFailureReason(const shapes::Value& input);
  Answer GetCheckerIpRanges(const shapes::Value& input);

  bool TakeRequestToken();
  HostedZone* FindZone(std::string_view id);
  shapes::Value ZoneShape(const HostedZone& zone) const;
  ChangeRecord& AddChange(std::string zone_id, std::string_view comment);
  shapes::Value ChangeShape(const ChangeRecord& change) const;
  // The zone's records become what DNS answers from, after the time that propagation takes.
  void Propagate(const std::string& zone_id, const std::string& change_id);
  shapes::Value* TagsOf(std::string_view type, std::string_view id);
  std::optional<ApiError> RefuseChildren(const shapes::Value& config) const;

  // Health: route53_health.cc.
  void PublishWorld();
  std::shared_ptr<const HealthView> CurrentHealth();
  bool IsHealthy(const HealthCheck& check);
  void Watch(HealthCheck& check);
  void Probe(const std::string& id, std::int64_t generation, std::size_t checker);
  void Observe(const std::string& id, std::int64_t generation, std::size_t checker,
               const std::string& text, Seen seen);
  void PollAlarm(const std::string& id, std::int64_t generation);
  void OnAlarm(HealthCheck& check, const Answer& answer);
  std::string ProbeAddress(const shapes::Value& config) const;
  void TakeLoadBalancers(const shapes::Value& input);
  void AgeLoadBalancers();

  // State: route53_state.cc.
  base::Status Load();
  void Save();

  Host& host_;
  std::map<std::string, HostedZone, std::less<>> zones_;
  std::vector<ChangeRecord> changes_;
  CheckTable checks_;
  std::map<std::string, std::int64_t, std::less<>>
      generations_;  // of each check's watch; stale ones stop
  std::int64_t next_generation_ = 1;
  std::map<std::string, LoadBalancer, std::less<>> load_balancers_;  // by canonical DNS name
  std::shared_ptr<const World> world_ = std::make_shared<World>();
  double request_tokens_ = 5;
  base::MonotonicTime tokens_counted_;
  std::unique_ptr<DnsServer> dns_;
  std::shared_ptr<Reactor> probes_;
};

std::unique_ptr<Service> MakeRoute53(Host& host);

}  // namespace leeward::lab
