// Work: one run of one step: its context, the tools, and the few things every step does with them.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/result.h"
#include "model/inventory.h"
#include "ports/step_runner.h"
#include "probe/sql_session.h"
#include "shapes/value.h"
#include "steps/runner.h"
#include "steps/sessions.h"

namespace leeward::steps {

using base::Result;
using base::Status;
using model::Region;
using ports::StepOutcome;
using shapes::Value;

// Threads for requests whose answer is no longer waited for. They end by their own deadlines.
class Background {
 public:
  ~Background() { Join(); }
  void Start(std::function<void()> task);
  void Join();  // until all that were started have ended

 private:
  std::mutex mutex_;
  std::list<std::thread> threads_;
};

struct Shared {
  Shared(Tools the_tools, Limits the_limits, probe::Access access = probe::Access::kReadWrite)
      : tools(std::move(the_tools)),
        limits(the_limits),
        sessions(tools.resolver, tools.clock, access) {}
  Tools tools;
  Limits limits;
  Sessions sessions;
  Background background;  // the last member: its threads use the others
};

// How fast to look again at something: `first`, then ever slower up to `most`.
struct Pace {
  base::Duration first;
  base::Duration most;
};

class Work {
 public:
  Work(const ports::StepContext& context, Shared& shared) : context_(context), shared_(shared) {}

  const ports::StepContext& context() const { return context_; }
  const model::Application& application() const { return context_.application; }
  const model::Step& step() const { return context_.step; }
  const Region& region() const { return context_.step.region; }
  const Limits& limits() const { return shared_.limits; }
  const Tools& tools() const { return shared_.tools; }
  Shared& shared() const { return shared_; }

  // The step's component as the kind it must be; kInvalid when the plan is not of this application.
  template <typename Kind>
  Result<const Kind*> Component() const {
    const model::Component* component = application().Find(step().component);
    const Kind* kind = component == nullptr ? nullptr : std::get_if<Kind>(&component->kind);
    if (kind == nullptr) return WrongPlan("component '" + step().component.str() + "'");
    return kind;
  }
  // The other of the application's two Regions.
  const Region& Other(const Region& region) const;
  Result<std::string> Parameter(const std::string& name) const;
  Result<std::int64_t> IntParameter(const std::string& name) const;
  // What an earlier step of this kind learned for this component; empty when there is none.
  std::string Output(std::string_view kind, std::string_view name) const;
  std::string_view Fact(const model::ComponentName& component, const Region& region,
                        std::string_view name) const {
    return context_.inventory.Fact(component, region, name);
  }

  // The end of this attempt, or `limit` from now if that is sooner.
  base::MonotonicTime Within(base::Duration limit) const;
  base::Duration Left() const;
  bool Cancelled() const { return context_.cancelled && context_.cancelled(); }
  void Say(std::string_view line) const {
    if (context_.progress) context_.progress(line);
  }
  // Waits. kCancelled when asked to stop, kUnreachable when the attempt's time is up.
  Status Pause(base::Duration duration) const;

  // One AWS operation, with at most Limits::call or what is left of the attempt.
  Result<Value> Call(const Region& region, std::string_view service, std::string_view operation,
                     const Value& input) const;
  // As Call, but what is throttled is asked again until the attempt's time is up. For what is
  // prepared in peace; on the way to a recovery whoever calls knows better what to do meanwhile.
  Result<Value> CallPatiently(const Region& region, std::string_view service,
                              std::string_view operation, const Value& input) const;
  Result<Value> CallFor(base::Duration limit, const Region& region, std::string_view service,
                        std::string_view operation, const Value& input) const;
  // All pages of it.
  Result<Value> Pages(const Region& region, std::string_view service, std::string_view operation,
                      const Value& input) const;

  // Looks until there is something. A world that does not answer, is broken or throttles may get
  // better; every other error ends the wait. kUnreachable with what was waited for when time is up.
  template <typename T>
  Result<T> Await(std::string_view what, Pace pace,
                  const std::function<Result<std::optional<T>>()>& look) const {
    base::Duration pause = pace.first;
    std::string last;
    while (true) {
      Result<std::optional<T>> seen = look();
      if (seen.ok() && seen->has_value()) return **std::move(seen);
      if (!seen.ok() && !IsPassing(seen.error())) return std::move(seen).error();
      last = seen.ok() ? "" : "; last answer: " + seen.error().message();
      const Status paused = Pause(pause);
      if (!paused.ok())
        return base::Error(paused.error()).Context("waiting for " + std::string(what) + last);
      pause = std::min(pause + pause / 2, pace.most);
    }
  }
  Pace ApiPace() const { return {limits().api_poll_first, limits().api_poll_most}; }
  Pace SqlPace() const { return {limits().sql_poll, limits().sql_poll}; }

 private:
  static bool IsPassing(const base::Error& error);
  base::Error WrongPlan(const std::string& what) const;

  const ports::StepContext& context_;
  Shared& shared_;
};

// Waits on the calling thread, in small slices that ask `stop`; false when it said so.
bool WaitFor(base::Duration duration, const ports::Clock& clock, const std::function<bool()>& stop);

// "orders in us-west-2", for messages.
std::string Place(const std::string& what, const Region& region);

}  // namespace leeward::steps
