// Carrying a failover out, and what the store says of it before and after.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/keeper.h"
#include "model/names.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kTryAgain = std::chrono::seconds(5);
constexpr base::Duration kStoreCall = std::chrono::seconds(1);

serve::MoveState StateOf(execute::Outcome outcome) {
  switch (outcome) {
    case execute::Outcome::kDone:
      return serve::MoveState::kDone;
    case execute::Outcome::kRefused:
    case execute::Outcome::kHeld:  // a person decides
      return serve::MoveState::kRefused;
    case execute::Outcome::kFailed:
      return serve::MoveState::kFailed;
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      return serve::MoveState::kAborted;
  }
  return serve::MoveState::kFailed;
}

}  // namespace

// Lines for people, and the step that the status shows.
class Keeper::Told : public driver::EventSink {
 public:
  explicit Told(Keeper& keeper) : keeper_(keeper) {}
  void OnPlan(const model::Plan& plan, const execute::State&) override {
    keeper_.say_(fmt::format("{} from {} to {}: {} steps", model::Name(plan.action),
                             plan.from.str(), plan.to.str(), plan.steps.size()));
  }
  void OnEvent(const model::Event& event) override {
    const std::string line = fmt::format("{} {}", model::Name(event.kind), event.step.str());
    {
      const std::lock_guard lock(keeper_.mutex_);
      keeper_.step_ = line;
    }
    for (const char* detail : {"reason", "message"}) {
      if (event.Field(detail).empty() || !event.Field("plan").empty()) continue;
      return keeper_.say_(line + ": " + std::string(event.Field(detail)));
    }
    keeper_.say_(line);
  }
  void OnProgress(const model::StepId& step, std::string_view line) override {
    if (!step.str().starts_with("gate.")) return;  // gates say when they wait for people
    keeper_.say_(fmt::format("{} {}", step.str(), line));
  }

 private:
  Keeper& keeper_;
};

model::Regions Keeper::Way(const Ruling& ruling, serve::Do what) const {
  model::Regions way = project_.application.regions;
  if (what == serve::Do::kStart && !ruling.decision.from.empty()) {
    way.home = ruling.decision.from;
    way.recovery = ruling.decision.to;
  } else if (move_) {
    way.home = move_->from;
    way.recovery = move_->to;
  }
  return way;
}

base::Status Keeper::Mark(serve::MoveState state, const std::string& why,
                          const model::Regions& way) {
  const serve::Move move{name_, way.home, way.recovery, state, why, world_->clock.Now()};
  const base::Result<std::uint64_t> put =
      store_->Put(serve::MoveKey(project_.application.name), serve::ToJson(move), move_revision_,
                  world_->clock.Monotonic() + kStoreCall);
  if (!put.ok()) {
    move_known_ = false;  // it may have happened
    return put.error();
  }
  const std::lock_guard lock(mutex_);
  move_ = move;
  move_revision_ = *put;
  return base::Ok();
}

base::Status Keeper::Begin(const Ruling& ruling, const serve::Next& next) {
  WorldOptions options;
  std::stop_source stop;
  options.resolver = resolver_;
  options.stop = stop.get_token();
  ASSIGN_OR_RETURN(std::shared_ptr<World> world, World::Make(options));
  const model::Regions way = Way(ruling, next.what);
  FailoverAsk ask{ruling.snapshot, next.why, {}, actor_, store_.get(), say_, sighting_};
  RETURN_IF_ERROR(Mark(serve::MoveState::kRunning, next.why, way));
  {
    const std::lock_guard lock(mutex_);
    // What a person asks for is wanted until a person ends it.
    if (order_) {
      ask.order = *std::exchange(order_, std::nullopt);
    } else {
      ask.moot = [this, from = way.home, since = ruling.snapshot.at] { return Moot(from, since); };
    }
    move_stop_ = stop;
    // A person may have ended it since it was marked as running.
    if (abort_) move_stop_->request_stop();
    step_ = "begins";
    running_ = true;
  }
  // From here on a lost baton stops the move; before, it would have gone unnoticed.
  if (!baton_->Held()) StopMove();
  tries_ += 1;
  calm_ = false;
  if (mover_.joinable()) mover_.join();
  mover_ =
      std::thread([this, ask = std::move(ask), world = std::move(world)] { Carry(ask, *world); });
  return base::Ok();
}

// Why a failover that people are asked about is not wanted any longer; empty: it is.
std::string Keeper::Moot(const model::Region& from, base::WallTime since) const {
  const std::lock_guard lock(mutex_);
  const model::Verdict* verdict = ruling_.snapshot.Of(from);
  const bool well =
      verdict != nullptr && verdict->at > since && verdict->health == model::Health::kUp;
  return well ? from.str() + " is up again" : "";
}

void Keeper::Carry(const FailoverAsk& ask, World& world) {
  Told told(*this);
  base::Result<Carried> carried = RunFailover(world, project_, ask, told);
  const std::lock_guard lock(mutex_);
  ended_ = std::move(carried);
}

// Takes in a move that ended, and says so in the store.
void Keeper::Reap() {
  std::optional<base::Result<Carried>> ended;
  bool aborted = false;
  {
    const std::lock_guard lock(mutex_);
    ended = std::exchange(ended_, std::nullopt);
    if (!ended) return;
    move_stop_.reset();
    place_after_ = world_->clock.Monotonic();
    locate_now_ = true;
    aborted = std::exchange(abort_, false);
  }
  if (mover_.joinable()) mover_.join();
  serve::MoveState state = serve::MoveState::kFailed;
  std::string why = ended->ok() ? (*ended)->finish.reason : ended->error().message();
  if (ended->ok()) state = StateOf((*ended)->finish.outcome);
  // Stopped because this process or its turn ends: it is still begun, and is gone on with.
  const bool cut_short = ended->ok() ? state == serve::MoveState::kAborted
                                     : ended->error().code() == base::ErrorCode::kCancelled;
  const bool left = cut_short && !aborted;
  say_(fmt::format("failover {}: {}", left ? "left to be gone on with" : serve::Name(state), why));
  {
    const std::lock_guard lock(mutex_);
    ++moves_[std::string(left ? "left" : serve::Name(state))];
    step_.clear();
  }
  if (state == serve::MoveState::kDone) tries_ = 0;
  not_before_ = world_->clock.Monotonic() + kTryAgain;
  journal_known_ = false;
  if (!left) {
    model::Regions way = project_.application.regions;
    if (move_) way.home = move_->from, way.recovery = move_->to;
    const base::Status marked = Mark(state, why, way);
    if (!marked.ok()) {
      say_("the end of the failover is not in the store yet: " + marked.error().message());
      const std::lock_guard lock(mutex_);
      if (aborted && state == serve::MoveState::kAborted) abort_ = true;  // it stands until then
    }
  }
  running_ = false;
}

// Ends the entry of a move of this controller's that is over although nobody could say so then.
void Keeper::Tidy(const Ruling& ruling) {
  const bool leading = baton_->Held();
  if (running_ || (leading && !move_known_)) return;
  bool aborting = false;
  {
    const std::lock_guard lock(mutex_);
    aborting = std::exchange(abort_, false);
  }
  if (aborting && !leading) say_("the failover was not aborted: another controller acts now");
  if (!leading || !move_) return;
  const bool again = aborting && move_->state == serve::MoveState::kFailed;
  if (move_->state != serve::MoveState::kRunning && !again) return;
  model::Regions way = project_.application.regions;
  way.home = move_->from;
  way.recovery = move_->to;
  if (aborting) {
    const base::Status marked = Mark(
        serve::MoveState::kAborted, "a person ended it; it was begun by " + move_->controller, way);
    say_(marked.ok() ? "the move is marked as aborted" : marked.error().message());
    if (marked.ok()) return;
    const std::lock_guard lock(mutex_);
    abort_ = true;  // it stands until it is marked
    return;
  }
  if (move_->controller != name_ || journal_.unfinished) return;
  const auto& active = ruling.snapshot.active;
  const bool there = !active.empty() && std::all_of(active.begin(), active.end(), [&](auto& each) {
    return each.second == move_->to;
  });
  if (there) {
    (void)Mark(serve::MoveState::kDone, "over; the controller's journal says how", way);
    return;
  }
  if (serve::WellIn(ruling.decision.row, project_.application.regions) == move_->from) {
    (void)Mark(serve::MoveState::kFailed, "it ended before anything was begun", way);
  }
}

}  // namespace leeward::cli
