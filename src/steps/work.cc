#include "steps/work.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>

namespace leeward::steps {
namespace {

// How long a wait goes on before it asks again whether to stop.
constexpr base::Duration kLookAtCancel = std::chrono::milliseconds(50);

aws::CallOptions CallOptionsFor(const Work& work, const Region& region, base::Duration limit) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = limit;
  options.attempt_timeout = std::min(options.attempt_timeout, limit);
  options.connect_timeout = std::min(options.connect_timeout, limit);
  options.source_address = work.tools().source_address;
  return options;
}

}  // namespace

void Background::Start(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  threads_.emplace_back(std::move(task));
}

void Background::Join() {
  std::list<std::thread> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(threads_);
  }
  for (std::thread& thread : ending) thread.join();
}

bool WaitFor(base::Duration duration, const ports::Clock& clock,
             const std::function<bool()>& stop) {
  const base::MonotonicTime until = clock.Monotonic() + duration;
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (true) {
    if (stop && stop()) return false;
    const base::Duration left = until - clock.Monotonic();
    if (left <= base::Duration::zero()) return true;
    never.wait_for(lock, std::min(left, kLookAtCancel));
  }
}

std::string Place(const std::string& what, const Region& region) {
  return what + " in " + region.str();
}

const Region& Work::Other(const Region& region) const {
  const model::Regions& regions = application().regions;
  return region == regions.home ? regions.recovery : regions.home;
}

base::Error Work::WrongPlan(const std::string& what) const {
  return base::Invalid("step " + step().id.str() + ": the plan does not fit the spec (" + what +
                       "); make a new plan");
}

Result<std::string> Work::Parameter(const std::string& name) const {
  const auto found = step().parameters.find(name);
  if (found == step().parameters.end()) return WrongPlan("no parameter '" + name + "'");
  return found->second;
}

Result<std::int64_t> Work::IntParameter(const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string text, Parameter(name));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return WrongPlan("parameter '" + name + "' is '" + text + "'");
  }
  return value;
}

std::string Work::Output(std::string_view kind, std::string_view name) const {
  for (const model::Step& other : context_.plan.steps) {
    if (other.kind.str() != kind || other.component != step().component) continue;
    const auto found = context_.outputs.find(other.id.str() + "." + std::string(name));
    if (found != context_.outputs.end()) return found->second;
  }
  return {};
}

base::Duration Work::Left() const {
  return std::max(context_.deadline - tools().clock.Monotonic(), base::Duration::zero());
}

base::MonotonicTime Work::Within(base::Duration limit) const {
  return tools().clock.Monotonic() + std::min(limit, Left());
}

Status Work::Pause(base::Duration duration) const {
  if (duration >= Left()) {
    return base::Unreachable("time is up after " + base::HumanDuration(step().timeout));
  }
  const bool waited = WaitFor(duration, tools().clock, [this] { return Cancelled(); });
  if (!waited) return base::Cancelled("asked to stop");
  return base::Ok();
}

Result<Value> Work::Call(const Region& region, std::string_view service, std::string_view operation,
                         const Value& input) const {
  return CallFor(limits().call, region, service, operation, input);
}

Result<Value> Work::CallPatiently(const Region& region, std::string_view service,
                                  std::string_view operation, const Value& input) const {
  base::Duration pause = limits().api_poll_first;
  while (true) {
    Result<Value> answer = Call(region, service, operation, input);
    const bool throttled = !answer.ok() && answer.error().code() == base::ErrorCode::kThrottled;
    if (!throttled || pause >= Left()) return answer;
    Say(answer.error().message() + "; asking again");
    RETURN_IF_ERROR(Pause(pause));
    pause = std::min(2 * pause, limits().api_poll_most);
  }
}

Result<Value> Work::CallFor(base::Duration limit, const Region& region, std::string_view service,
                            std::string_view operation, const Value& input) const {
  if (Cancelled()) return base::Cancelled("asked to stop");
  if (Left() == base::Duration::zero()) return base::Unreachable("time is up");
  return tools().aws.Call(service, operation, input,
                          CallOptionsFor(*this, region, std::min(limit, Left())));
}

Result<Value> Work::Pages(const Region& region, std::string_view service,
                          std::string_view operation, const Value& input) const {
  if (Cancelled()) return base::Cancelled("asked to stop");
  if (Left() == base::Duration::zero()) return base::Unreachable("time is up");
  return tools().aws.Paginate(service, operation, input,
                              CallOptionsFor(*this, region, std::min(limits().call, Left())));
}

bool Work::IsPassing(const base::Error& error) {
  switch (error.code()) {
    case base::ErrorCode::kUnreachable:
    case base::ErrorCode::kService:
    case base::ErrorCode::kThrottled:
      return true;
    case base::ErrorCode::kInvalid:
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kAlready:
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kRefused:
    case base::ErrorCode::kDenied:
    case base::ErrorCode::kCorrupt:
    case base::ErrorCode::kExhausted:
    case base::ErrorCode::kCancelled:
      return false;
  }
  return false;
}

}  // namespace leeward::steps
