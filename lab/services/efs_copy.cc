#include "lab/services/efs_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "lab/services/ask_region.h"
#include "lab/services/efs_held_copy.h"
#include "lab/services/efs_permits.h"
#include "lab/services/flow.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;

constexpr const char* kCarry = "CarryCopy";

// One round after another, from Start to Stop.
class CopyingReplicator : public Replicator {
 public:
  CopyingReplicator(Host& host, const CopyLimits& limits, const CopyOrder& order,
                    std::function<void()> changed)
      : state_(std::make_shared<State>(host, limits, order, std::move(changed))) {}
  ~CopyingReplicator() override {
    state_->changed = nullptr;
    Quieten(state_);
  }
  void Start() override {
    if (state_->run != nullptr) return;
    WhenQuiet([state = state_] {
      state->run = std::make_shared<Run>();
      state->busy = true;
      Rounds(state, state->run).Detach();
    });
  }
  void Pause() override { Quieten(state_); }
  void Stop(std::function<void(base::Status)> stopped) override {
    Quieten(state_);
    WhenQuiet([state = state_, stopped = std::move(stopped)] { Release(state, stopped).Detach(); });
  }
  CopyProgress progress() const override { return state_->progress; }

 private:
  // From a Start to the Pause or Stop after it.
  struct Run {
    bool cancelled = false;
    bool working = false;  // on a worker thread
    std::function<void()> idle;
  };
  using RunPtr = std::shared_ptr<Run>;
  using Told = Await<base::Status>::Done;
  struct State {
    State(Host& its_host, const CopyLimits& its_limits, const CopyOrder& its_order,
          std::function<void()> its_changed)
        : host(its_host),
          limits(its_limits),
          order(its_order),
          changed(std::move(its_changed)),
          copy(order, limits.most_watches, permits) {}
    Host& host;
    CopyLimits limits;
    CopyOrder order;
    std::function<void()> changed;
    CopyProgress progress;
    os::SystemClock clock;
    Permits permits{clock};
    HeldCopy copy;
    std::string source;                     // the tree, as its Region has answered
    base::WallTime asked_at;                // by its clock, when it has
    std::weak_ptr<std::vector<Told>> asks;  // who waits for the answer that is on its way
    RunPtr run;
    bool busy = false;                 // this or an earlier run may still be working
    std::function<void()> when_quiet;  // what waits for that

    void Tell() const {
      if (changed) changed();
    }
  };
  using StatePtr = std::shared_ptr<State>;

  static void Quieten(const StatePtr& state) {
    state->when_quiet = nullptr;
    if (state->run == nullptr) return;
    const RunPtr run = std::exchange(state->run, nullptr);
    run->cancelled = true;
    const auto idle = [state] {
      state->busy = false;
      if (const auto then = std::exchange(state->when_quiet, nullptr)) then();
    };
    if (run->working) {
      run->idle = idle;
    } else {
      idle();
    }
  }

  void WhenQuiet(std::function<void()> then) {
    if (state_->busy) {
      state_->when_quiet = std::move(then);
    } else {
      then();
    }
  }

  // On a worker thread.
  template <typename T>
  static Flow<T> Work(StatePtr state, RunPtr run, std::function<T()> work) {
    run->working = true;
    T done = co_await Offload<T>(state->host, std::move(work));
    run->working = false;
    if (const auto idle = std::exchange(run->idle, nullptr)) idle();
    co_return done;
  }

  // One call at a time: who asks while one is on its way hears its answer. The call alone holds
  // those who wait for it, so that they are gone when it is.
  static void Ask(const StatePtr& state, Told told) {
    if (const auto asks = state->asks.lock()) return asks->push_back(std::move(told));
    const auto asks = std::make_shared<std::vector<Told>>();
    asks->push_back(std::move(told));
    state->asks = asks;
    Value input = Value::Struct({{"SourceId", state->order.source_id},
                                 {"DestinationId", state->order.destination_id},
                                 {"Trouble", state->progress.trouble}});
    if (state->progress.complete_to) input.Set("CompleteTo", *state->progress.complete_to);
    state->host.CallRegion(
        state->order.source_region, "efs", kCarry, std::move(input), state->limits.call,
        [weak = std::weak_ptr(state), asks](const Answer& answer) {
          const StatePtr alive = weak.lock();
          const base::Status heard = alive == nullptr
                                         ? base::Status(base::Cancelled("the copy was ended"))
                                         : Hear(*alive, answer);
          if (alive != nullptr) alive->asks.reset();
          const std::vector<Told> all = std::exchange(*asks, {});
          for (const Told& each : all) each(heard);
        });
  }

  static Await<base::Status> Asked(const StatePtr& state) {
    return Await<base::Status>([state](Told told) { Ask(state, std::move(told)); });
  }

  static base::Status Hear(State& state, const Answer& answer) {
    CopyProgress& progress = state.progress;
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      progress.unknown = error->code == "UnknownCopy";
      const bool may_come = TimedOut(answer) || error->code == "CopyNotYet";
      if (!may_come && !progress.unknown) progress.trouble = error->message;
      return base::Unreachable(error->message);
    }
    const Value& told = std::get<Value>(answer);
    progress.unknown = false;
    ASSIGN_OR_RETURN(state.source, base::PercentDecode(told.String("Tree")));
    state.asked_at = told.Find("Now")->time();
    state.permits.Grant(static_cast<std::uint64_t>(told.Int("Bytes")), state.limits.valid);
    return base::Ok();
  }

  static Flow<> Rounds(StatePtr state, RunPtr run) {
    while (!run->cancelled) {
      const base::MonotonicTime begun = state->clock.Monotonic();
      const bool over = co_await Round(state, run);
      if (run->cancelled) co_return;
      state->Tell();
      base::Duration pause = state->limits.retry;
      if (over) pause = Between(*state, state->clock.Monotonic() - begun);
      co_await Rest(state, run, pause);
    }
  }

  // Where everything has to be looked at each time, half of the time is enough for it.
  static base::Duration Between(const State& state, base::Duration took) {
    const bool fast = state.host.pace() == Pace::kFast;
    const base::Duration pause = fast ? state.limits.between_fast : state.limits.between_aws;
    return state.copy.round().walk == trees::Walk::kNoWatches ? std::max(pause, took) : pause;
  }

  static Flow<> Rest(StatePtr state, RunPtr run, base::Duration pause) {
    while (!run->cancelled && pause > base::Duration{0}) {
      const base::Duration nap = std::min(pause, state->limits.listen);
      co_await Sleep(state->host, nap);
      pause -= nap;
      if (run->cancelled) co_return;
      std::function<base::Status()> listen = [state] {
        state->copy.Listen();
        return base::Ok();
      };
      const base::Status heard = co_await Work(state, run, std::move(listen));
      CHECK(heard.ok());
    }
  }

  // True when it went to its end, and was complete.
  static Flow<bool> Round(StatePtr state, RunPtr run) {
    const base::Status asked = co_await Asked(state);
    if (!asked.ok() || run->cancelled) co_return false;
    const base::WallTime begun = state->asked_at;
    std::function<base::Status()> begin = [state, source = state->source] {
      return state->copy.Begin(source);
    };
    const base::Status ready = co_await Work(state, run, std::move(begin));
    if (!ready.ok()) state->progress.trouble = ready.error().message();
    if (!ready.ok() || run->cancelled) co_return false;
    const bool over = co_await Steps(state, run);
    if (!over) co_return false;
    std::function<base::Status()> end = [state] { return state->copy.End(); };
    const base::Status ended = co_await Work(state, run, std::move(end));
    if (run->cancelled) co_return false;
    TakeOutcome(*state, ended, begun);
    co_return state->progress.trouble.empty();
  }

  // False when it was cancelled.
  static Flow<bool> Steps(StatePtr state, RunPtr run) {
    for (;;) {
      std::function<trees::Turn()> step = [state] { return state->copy.Step(state->limits.slice); };
      const trees::Turn turn = co_await Work(state, run, std::move(step));
      if (run->cancelled) co_return false;
      if (turn == trees::Turn::kDone) co_return true;
      if (turn == trees::Turn::kMore) {
        if (state->permits.RunLow()) Ask(state, [](const base::Status&) {});
        continue;
      }
      const base::Status asked = co_await Asked(state);
      if (run->cancelled) co_return false;
      if (asked.ok()) continue;
      state->Tell();
      co_await Rest(state, run, state->limits.retry);
      if (run->cancelled) co_return false;
    }
  }

  static void TakeOutcome(State& state, const base::Status& ended, base::WallTime begun) {
    const trees::Round& round = state.copy.round();
    CopyProgress& progress = state.progress;
    progress.removed = state.copy.replaced().removed();
    progress.overwritten = state.copy.replaced().overwritten();
    progress.trouble = ended.ok() ? "" : ended.error().message();
    for (const trees::Trouble& trouble : round.troubles) {
      if (progress.trouble.empty() && trees::HoldsBack(trouble.why))
        progress.trouble = trouble.text;
    }
    if (!round.complete && progress.trouble.empty())
      progress.trouble = "some files were not copied";
    if (progress.trouble.empty()) progress.complete_to = begun;
    Report(state, round);
  }

  static std::string PartOf(const State& state) { return "efs " + state.order.destination_id; }

  static void Report(State& state, const trees::Round& round) {
    const bool walks = round.walk == trees::Walk::kNoWatches;
    state.host.Report(PartOf(state),
                      walks ? fmt::format("looks at every file in each round, for it cannot follow "
                                          "changes: {} (see fs.inotify.max_user_watches)",
                                          round.walk_detail)
                            : std::string());
  }

  static Flow<> Release(StatePtr state, std::function<void(base::Status)> stopped) {
    state->busy = true;
    std::function<base::Status()> release = [state] { return state->copy.Release(); };
    const base::Status released = co_await Offload<base::Status>(state->host, std::move(release));
    state->busy = false;
    state->host.Report(PartOf(*state), "");
    stopped(released);
    if (const auto then = std::exchange(state->when_quiet, nullptr)) then();
  }

  StatePtr state_;
};

}  // namespace

std::unique_ptr<Replicator> CopyingReplicators::Make(const CopyOrder& order,
                                                     std::function<void()> changed) {
  return std::make_unique<CopyingReplicator>(host_, limits_, order, std::move(changed));
}

bool CopyingReplicators::Serve(std::string_view operation, const std::filesystem::path& tree,
                               const Value& /*input*/, const Reply& reply) {
  if (operation != kCarry) return false;
  const std::string path = std::filesystem::absolute(tree).native();
  reply(Value::Struct({{"Now", host_.clock().Now()},
                       {"Tree", base::PercentEncode(path, "/")},
                       {"Bytes", static_cast<std::int64_t>(limits_.window)}}));
  return true;
}

}  // namespace leeward::lab::efs
