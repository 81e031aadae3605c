#include "spec/kinds.h"

namespace leeward::spec {

const Kind& Route53Kind() {
  using model::Route53;
  static const Kind kKind = {
      "route53", "the public name: Route 53 failover records switched by ARC routing controls",
      Route53{},
      FieldsOf<Route53>({
          TextField("name", &Route53::name, kHostName, Need::kRequired,
                    "the public name, such as shop.example.com"),
          WordField("switch", &Route53::switched_by, {model::TrafficSwitch::kRoutingControl},
                    Need::kOptional, "what moves the traffic; default: routing-control"),
          TextField("control-panel", &Route53::control_panel, kName, Need::kOptional,
                    "ARC control panel; default: the application's name"),
          TextField("load-balancer", &Route53::load_balancer, kName, Need::kRequired,
                    "ELBv2 load balancer of the same name in both Regions"),
          TimeField("ttl", &Route53::ttl, {std::chrono::seconds(1), std::chrono::hours(1)},
                    Need::kOptional, "of the records; default: 10s"),
          IntegerField("port", &Route53::port, {1, 65535}, Need::kOptional,
                       "of the front address; default: 443"),
          TextField("health", &Route53::health_path, kHealthPath, Need::kRequired,
                    "path that answers 200 when the application is healthy"),
      })};
  return kKind;
}

}  // namespace leeward::spec
