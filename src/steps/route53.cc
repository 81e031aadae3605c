#include "steps/route53.h"

#include <algorithm>
#include <set>

#include "probe/http.h"
#include "steps/ecs.h"

namespace leeward::steps {
namespace {

// Every address that the Region's front answers at.
Result<std::set<std::string>> FrontAddresses(const Work& work, const model::Route53& route53,
                                             const Region& region) {
  std::string front(work.Fact(work.step().component, region, "load-balancer.address"));
  if (front.empty()) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer,
                     FindLoadBalancer(work, region, route53.load_balancer));
    front = balancer.dns_name;
  }
  ASSIGN_OR_RETURN(const probe::DnsAnswer answer,
                   work.tools().resolver.Resolve(front, work.Within(work.limits().http),
                                                 [&] { return work.Cancelled(); }));
  return std::set<std::string>(answer.addresses.begin(), answer.addresses.end());
}

}  // namespace

Result<Turn> TurnOf(const Work& work, const model::Route53& route53) {
  Turn turn;
  ASSIGN_OR_RETURN(turn.on, work.Parameter("on"));
  ASSIGN_OR_RETURN(turn.off, work.Parameter("off"));
  const model::Inventory& inventory = work.context().inventory;
  const model::ComponentName& name = work.step().component;
  turn.control_on = KnownControl(inventory, name, Region(turn.on));
  turn.control_off = KnownControl(inventory, name, Region(turn.off));
  if (!turn.control_on.empty() && !turn.control_off.empty()) return turn;
  return base::NotFound("no routing control of " + route53.name +
                        " is known; run `leeward protect` while all is well");
}

Result<StepOutcome> Route53Shift(const Work& work) {
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  ASSIGN_OR_RETURN(const Turn turn, TurnOf(work, *route53));
  // A request of an earlier shift must not arrive behind this one.
  work.shared().background.Join();
  // No look first: the change is atomic, and making it again changes nothing. The endpoint in the
  // Region that is left is asked last: in a failover it is the one that will not answer.
  ASSIGN_OR_RETURN(
      const ClusterAnswer answer,
      SetControls(work.shared(), KnownEndpoints(work.context().inventory, work.step().component),
                  {{turn.control_on, "On"}, {turn.control_off, "Off"}},
                  {.operation = "",
                   .last = Region(turn.off),
                   .deadline = work.context().deadline,
                   .cancelled = [&] { return work.Cancelled(); }}));
  return StepOutcome{
      turn.on + " on, " + turn.off + " off, by the endpoint in " + answer.by.str() +
          (answer.asked > 1 ? " (" + std::to_string(answer.asked) + " were asked)" : ""),
      {{"shifted_at", base::FormatIso8601(work.tools().clock.Now())}}};
}

Result<StepOutcome> Route53Confirm(const Work& work) {
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  ASSIGN_OR_RETURN(const std::string region, work.Parameter("region"));
  ASSIGN_OR_RETURN(std::set<std::string> front, FrontAddresses(work, *route53, Region(region)));
  const std::string url =
      "http://" + route53->name + ":" + std::to_string(route53->port) + route53->health_path;
  std::string seen;
  return work.Await<StepOutcome>(
      route53->name + " to lead to " + region,
      {work.limits().http_poll, work.limits().http_poll * 10},
      [&]() -> Result<std::optional<StepOutcome>> {
        ASSIGN_OR_RETURN(
            const probe::DnsAnswer answer,
            work.tools().resolver.Resolve(route53->name, work.Within(work.limits().http),
                                          [&] { return work.Cancelled(); }));
        const std::string& address = answer.addresses.front();
        if (address != seen) work.Say(route53->name + " is " + address);
        seen = address;
        const auto all_there = [&] {
          return std::all_of(answer.addresses.begin(), answer.addresses.end(),
                             [&](const std::string& one) { return front.contains(one); });
        };
        // A load balancer changes its addresses, and tells some of them at a time.
        if (!all_there()) {
          ASSIGN_OR_RETURN(const std::set<std::string> now,
                           FrontAddresses(work, *route53, Region(region)));
          front.insert(now.begin(), now.end());
        }
        if (!all_there()) return std::optional<StepOutcome>();
        ASSIGN_OR_RETURN(
            const probe::HttpReply reply,
            probe::AskHttp(
                {.url = url, .connect_to = address, .source_address = work.tools().source_address},
                work.tools().resolver, work.Within(work.limits().http), work.tools().clock));
        if (reply.status != 200) {
          return base::ServiceBroken(url + " answers " + std::to_string(reply.status));
        }
        return std::optional<StepOutcome>(
            StepOutcome{route53->name + " is " + address + " in " + region + " and answers 200",
                        {{"address", address}}});
      });
}

}  // namespace leeward::steps
