// Looks at the traffic that is to be moved.
#include <future>

#include "steps/ecs.h"
#include "steps/look.h"
#include "steps/route53.h"

namespace leeward::steps {
namespace {

constexpr char kCluster[] = "route53-recovery-cluster";

struct Polled {
  std::size_t answered = 0;
  std::string state;    // of the control, as the last one to answer has it
  std::string failure;  // of the last one that did not
};

// Asks every endpoint for the control's state: one that answers is enough for the shift, and how
// many do is worth knowing.
Polled Poll(const Work& work, const std::vector<ClusterEndpoint>& endpoints,
            const std::string& control) {
  const Value input = Value::Struct({{"RoutingControlArn", control}});
  std::vector<std::future<Result<Value>>> asked;
  for (const ClusterEndpoint& endpoint : endpoints) {
    aws::CallOptions options;
    options.region = endpoint.region.str();
    options.endpoint_url = endpoint.url;
    options.deadline = options.connect_timeout = options.attempt_timeout = work.limits().arc_call;
    options.max_attempts = 1;
    options.source_address = work.tools().source_address;
    asked.push_back(std::async(std::launch::async, [&work, &input, options] {
      return work.tools().aws.Call(kCluster, "GetRoutingControlState", input, options);
    }));
  }
  Polled polled;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Result<Value> answer = asked[i].get();
    if (answer.ok()) {
      ++polled.answered;
      polled.state = answer->String("RoutingControlState");
    } else {
      polled.failure = endpoints[i].region.str() + ": " + answer.error().message();
    }
  }
  return polled;
}

}  // namespace

Result<Finding> LookAtShift(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  ASSIGN_OR_RETURN(const Turn turn, TurnOf(work, *route53));
  const std::vector<ClusterEndpoint> endpoints =
      KnownEndpoints(work.context().inventory, work.step().component);
  if (endpoints.empty()) {
    return base::NotFound("no cluster endpoint of " + route53->name +
                          " is known; run `leeward protect` while all is well");
  }
  const Polled polled_on = Poll(work, endpoints, turn.control_on);
  const Polled polled_off = Poll(work, endpoints, turn.control_off);
  const std::string answering = std::to_string(polled_on.answered) + " of " +
                                std::to_string(endpoints.size()) + " cluster endpoints answer";
  if (polled_on.answered == 0) {
    return base::Unreachable("the routing control cluster is not answering: " + answering + "; " +
                             polled_on.failure);
  }
  if (polled_on.state == "On" && polled_off.state == "Off") {
    return Nothing(turn.on + " is on and " + turn.off + " is off already; " + answering);
  }
  return Act("would turn " + turn.on + " on and " + turn.off + " off; " + answering);
}

Result<Finding> LookAtConfirm(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Route53* route53, work.Component<model::Route53>());
  const auto answer = work.tools().resolver.Resolve(route53->name, work.Within(work.limits().http),
                                                    [&work] { return work.Cancelled(); });
  const model::Step* shift = look.Pending({{"route53.shift"}, {}, work.step().component});
  if (shift != nullptr) {
    return Later(*shift, answer.ok() ? route53->name + " is " + answer->addresses.front()
                                     : answer.error().message());
  }
  if (!answer.ok()) return answer.error();
  const std::string& address = answer->addresses.front();
  RETURN_IF_ERROR(AskHealth(work, address, route53->port, route53->health_path));
  return Act("would wait until resolvers lead there; now " + route53->name + " is " + address +
             " and answers 200");
}

}  // namespace leeward::steps
