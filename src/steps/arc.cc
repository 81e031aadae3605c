#include "steps/arc.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace leeward::steps {
namespace {

constexpr std::size_t kMaxEndpoints = 16;
constexpr char kService[] = "route53-recovery-cluster";

// No other endpoint would say otherwise.
bool IsFinal(const base::Error& error) {
  switch (error.code()) {
    case base::ErrorCode::kInvalid:
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kDenied:
    case base::ErrorCode::kRefused:
      return true;
    case base::ErrorCode::kAlready:
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kThrottled:
    case base::ErrorCode::kUnreachable:
    case base::ErrorCode::kService:
    case base::ErrorCode::kCorrupt:
    case base::ErrorCode::kExhausted:
    case base::ErrorCode::kCancelled:
      return false;
  }
  return false;
}

// What the asking thread and the requests still under way have in common; whoever is last lets it
// go.
struct Race {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<Region, Result<Value>>> answers;
};

void Shuffle(std::vector<ClusterEndpoint>& endpoints, const Region& last, ports::Random& random) {
  for (std::size_t i = endpoints.size(); i > 1; --i) {
    std::swap(endpoints[i - 1], endpoints[random.Below(i)]);
  }
  std::stable_partition(endpoints.begin(), endpoints.end(),
                        [&](const ClusterEndpoint& endpoint) { return endpoint.region != last; });
}

aws::CallOptions OptionsFor(const Shared& shared, const ClusterEndpoint& endpoint,
                            base::Duration limit) {
  aws::CallOptions options;
  options.region = endpoint.region.str();
  options.endpoint_url = endpoint.url;
  options.deadline = limit;
  options.connect_timeout = limit;
  options.attempt_timeout = limit;
  options.max_attempts = 1;  // another endpoint is the better second attempt
  options.source_address = shared.tools.source_address;
  return options;
}

constexpr std::size_t kRounds = 3;  // times through the endpoints

// The asking itself: one endpoint after another, each begun when those before it have failed or
// been silent for a while, and round again.
class Asking {
 public:
  Asking(Shared& shared, std::vector<ClusterEndpoint> endpoints, const Value& input,
         const AskOptions& options)
      : shared_(shared), endpoints_(std::move(endpoints)), input_(input), options_(options) {}

  Result<ClusterAnswer> Run() {
    while (true) {
      const base::MonotonicTime now = shared_.tools.clock.Monotonic();
      if (options_.cancelled && options_.cancelled()) return base::Cancelled("asked to stop");
      if (now >= options_.deadline) return GiveUp("time is up");
      if (asked_ == failed_ || now >= hedge_at_) {
        if (asked_ < endpoints_.size() * kRounds) {
          Ask(endpoints_[asked_ % endpoints_.size()], now);
        } else if (asked_ == failed_) {
          return GiveUp("none of " + std::to_string(endpoints_.size()) + " endpoints did it");
        }
      }
      if (auto answer = WaitForAnswer(now)) return *std::move(answer);
    }
  }

 private:
  void Ask(const ClusterEndpoint& endpoint, base::MonotonicTime now) {
    hedge_at_ = now + shared_.limits.arc_hedge;
    // Who was silent may be slow rather than gone: each round is twice as patient.
    const base::Duration patience = shared_.limits.arc_call * (1 << asked_ / endpoints_.size());
    const base::Duration limit = std::min(patience, options_.deadline - now);
    ++asked_;
    shared_.background.Start([race = race_, &aws = shared_.tools.aws, endpoint, input = input_,
                              operation = std::string(options_.operation),
                              call = OptionsFor(shared_, endpoint, limit)] {
      Result<Value> answer = aws.Call(kService, operation, input, call);
      {
        const std::lock_guard lock(race->mutex);
        race->answers.emplace_back(endpoint.region, std::move(answer));
      }
      race->changed.notify_all();
    });
  }

  std::optional<Result<ClusterAnswer>> WaitForAnswer(base::MonotonicTime now) {
    static constexpr base::Duration kLookAtCancel = std::chrono::milliseconds(50);
    base::Duration patience = std::min(kLookAtCancel, options_.deadline - now);
    if (asked_ < endpoints_.size() * kRounds) patience = std::min(patience, hedge_at_ - now);
    std::unique_lock lock(race_->mutex);
    race_->changed.wait_for(lock, std::max(patience, base::Duration::zero()),
                            [this] { return !race_->answers.empty(); });
    if (race_->answers.empty()) return std::nullopt;
    auto [region, answer] = std::move(race_->answers.front());
    race_->answers.pop_front();
    if (answer.ok()) {
      return ClusterAnswer{std::move(*answer), region, static_cast<int>(asked_)};
    }
    ++failed_;
    if (IsFinal(answer.error())) return Result<ClusterAnswer>(answer.error());
    last_ = "; " + region.str() + ": " + answer.error().message();
    return std::nullopt;
  }

  base::Error GiveUp(const std::string& why) const {
    return base::Unreachable("routing controls: " + why + last_);
  }

  Shared& shared_;
  const std::vector<ClusterEndpoint> endpoints_;
  const Value& input_;
  const AskOptions& options_;
  const std::shared_ptr<Race> race_ = std::make_shared<Race>();
  std::size_t asked_ = 0, failed_ = 0;
  base::MonotonicTime hedge_at_;
  std::string last_;
};

}  // namespace

std::string EndpointUrlFact(std::size_t index) {
  return "cluster-endpoint." + std::to_string(index);
}

std::string EndpointRegionFact(std::size_t index) {
  return "cluster-endpoint-region." + std::to_string(index);
}

std::vector<ClusterEndpoint> KnownEndpoints(const model::Inventory& inventory,
                                            const model::ComponentName& component) {
  std::vector<ClusterEndpoint> endpoints;
  for (std::size_t i = 0; i < kMaxEndpoints; ++i) {
    const std::string_view url = inventory.Fact(component, Region(), EndpointUrlFact(i));
    if (url.empty()) break;
    const std::string_view region = inventory.Fact(component, Region(), EndpointRegionFact(i));
    endpoints.push_back({Region(std::string(region)), std::string(url)});
  }
  return endpoints;
}

std::string KnownControl(const model::Inventory& inventory, const model::ComponentName& component,
                         const Region& region) {
  return std::string(inventory.Fact(component, region, "routing-control.arn"));
}

Result<ClusterAnswer> AskCluster(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                 const Value& input, const AskOptions& options) {
  if (endpoints.empty()) {
    return base::NotFound(
        "no routing control endpoint is known; run `leeward protect` while all is well");
  }
  std::vector<ClusterEndpoint> order = endpoints;
  Shuffle(order, options.last, shared.tools.random);
  return Asking(shared, std::move(order), input, options).Run();
}

Result<std::string> ControlState(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                 const std::string& control, AskOptions options) {
  options.operation = "GetRoutingControlState";
  ASSIGN_OR_RETURN(
      const ClusterAnswer answer,
      AskCluster(shared, endpoints, Value::Struct({{"RoutingControlArn", control}}), options));
  return std::string(answer.value.String("RoutingControlState"));
}

Result<ClusterAnswer> SetControls(Shared& shared, const std::vector<ClusterEndpoint>& endpoints,
                                  const std::map<std::string, std::string>& states,
                                  AskOptions options) {
  options.operation = "UpdateRoutingControlStates";
  Value::List entries;
  for (const auto& [control, state] : states) {
    entries.push_back(
        Value::Struct({{"RoutingControlArn", control}, {"RoutingControlState", state}}));
  }
  return AskCluster(shared, endpoints,
                    Value::Struct({{"UpdateRoutingControlStateEntries", std::move(entries)}}),
                    options);
}

}  // namespace leeward::steps
