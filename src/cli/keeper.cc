#include "cli/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/before.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/open_store.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kLocateEvery = std::chrono::seconds(5);
constexpr base::Duration kGlance = std::chrono::milliseconds(100);
constexpr base::Duration kPlaceHolds = std::chrono::seconds(60);
constexpr base::Duration kRefreshEvery = std::chrono::seconds(2);
constexpr base::Duration kTryAgain = std::chrono::seconds(5);
// A controller that may not go on with another's move leads for this long, to be asked to end it
// ...
constexpr base::Duration kYieldAfter = std::chrono::seconds(10);
// ... and then leaves the turn to that one.
constexpr base::Duration kYieldFor = std::chrono::seconds(5);
constexpr base::Duration kStoreCall = std::chrono::seconds(1);
constexpr base::Duration kSick = std::chrono::seconds(30);  // without an answer from the store
constexpr std::size_t kMaxName = 256;
constexpr int kNameDigits = 16;

bool WantsMove(decide::Goal goal) {
  return goal == decide::Goal::kFailover || goal == decide::Goal::kAskFailover;
}

bool IsCalm(decide::Goal goal) {
  return goal == decide::Goal::kStay || goal == decide::Goal::kAskFailback;
}

serve::MoveState StateOf(execute::Outcome outcome) {
  switch (outcome) {
    case execute::Outcome::kDone:
      return serve::MoveState::kDone;
    case execute::Outcome::kRefused:
      return serve::MoveState::kRefused;
    case execute::Outcome::kFailed:
      return serve::MoveState::kFailed;
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      return serve::MoveState::kAborted;
  }
  return serve::MoveState::kFailed;
}

// The controller's name, which outlives its process: made once and kept beside the journal.
base::Result<std::string> NameOf(World& world, const Project& project) {
  const std::string path = project.state + "/controller";
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(path));
  if (!exists) {
    RETURN_IF_ERROR(world.files.MakeDirectories(project.state));
    RETURN_IF_ERROR(world.files.WriteAtomically(path, world.random.Hex(kNameDigits)));
  }
  ASSIGN_OR_RETURN(std::string name, world.files.Read(path, kMaxName));
  if (!name.empty()) return name;
  return base::Corrupt(path + " is empty; remove it, and this controller gets a new name");
}

}  // namespace

// Without what only counts on, so that a line is told when it says something new.
std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return text;
}

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
  void OnProgress(const model::StepId&, std::string_view) override {}

 private:
  Keeper& keeper_;
};

Keeper::Keeper(Project project, std::string resolver, std::function<void(const std::string&)> say)
    : project_(std::move(project)), resolver_(std::move(resolver)), say_(std::move(say)) {}

base::Result<std::unique_ptr<Keeper>> Keeper::Make(Project project, const std::string& resolver,
                                                   std::function<void(const std::string&)> say) {
  std::unique_ptr<Keeper> keeper(new Keeper(std::move(project), resolver, std::move(say)));
  RETURN_IF_ERROR(keeper->Prepare());
  return keeper;
}

base::Status Keeper::Prepare() {
  WorldOptions options;
  options.resolver = resolver_;
  options.stop = stop_.get_token();
  ASSIGN_OR_RETURN(world_, World::Make(options));
  RETURN_IF_ERROR(world_->aws->CheckCredentials());
  RETURN_IF_ERROR(CheckPasswords(*world_, project_));
  ASSIGN_OR_RETURN(store_, OpenSharedStore(*world_, project_, "verdicts and controllers"));
  ASSIGN_OR_RETURN(const model::Inventory inventory,
                   ReadInventory(world_->files, project_.InventoryPath()));
  RETURN_IF_ERROR(CheckProtected(project_, inventory, model::Action::kFailover));
  ASSIGN_OR_RETURN(name_, NameOf(*world_, project_));
  actor_ = "serve:" + name_;
  reader_ = std::make_unique<observe::Reader>(project_.application, *store_, world_->clock);
  turned_ = world_->clock.Monotonic();
  baton_ =
      std::make_unique<Baton>(*world_, project_.application, *store_,
                              Baton::Hooks{[this] { StopMove(); }, [this] { return !running_; }});
  Warn();
  locator_ = std::thread([this] { Locate(); });
  watcher_ = std::thread([this] { Watch(); });
  return base::Ok();
}

// Says what would keep it from acting on the day.
void Keeper::Warn() {
  const model::Application& application = project_.application;
  const int left =
      application.regions.witness.empty() ? 1 : 2;  // when home and its observer are lost
  if (left < application.detection.quorum) {
    say_(fmt::format(
        "a quorum is {} and {} observers are left when {} is lost: it will never be judged "
        "down; add a witness Region or lower the quorum",
        application.detection.quorum, left, application.regions.home.str()));
  }
  const auto& place = application.failover.store;
  if (place && place->kind == model::SharedStoreKind::kSqlite) {
    say_("the store is a file on one machine: it survives no Region, and serves a lab");
  }
}

Keeper::~Keeper() {
  stop_.request_stop();
  if (watcher_.joinable()) watcher_.join();
  if (locator_.joinable()) locator_.join();
  StopMove();
  if (mover_.joinable()) mover_.join();
  baton_.reset();
}

void Keeper::StopMove() {
  const std::lock_guard lock(mutex_);
  if (move_stop_) move_stop_->request_stop();
}

// --- Where the application is active ---

void Keeper::Locate() {
  do {
    Place place;
    place.asked = world_->clock.Monotonic();
    const auto inventory = ReadInventory(world_->files, project_.InventoryPath());
    if (!inventory.ok()) continue;
    place.active =
        SnapshotOf(cli::Look(*world_, project_, *inventory), project_, *inventory).active;
    place.answered = world_->clock.Monotonic();
    const std::lock_guard lock(mutex_);
    // A component that did not say where it is active leaves the picture before it standing.
    if (place.active.size() == project_.application.components.size()) place_ = std::move(place);
  } while (AwaitLocate());
}

bool Keeper::AwaitLocate() {
  const base::MonotonicTime end = world_->clock.Monotonic() + kLocateEvery;
  while (!locate_now_ && world_->clock.Monotonic() < end) {
    if (!world_->Pause(kGlance)) return false;
  }
  locate_now_ = false;
  return !stop_.stop_requested();
}

// --- Deciding ---

Keeper::Ruling Keeper::Rule() {
  Ruling ruling;
  ruling.regions = reader_->Judge();
  ruling.observers = reader_->Sights();
  model::Snapshot& snapshot = ruling.snapshot;
  snapshot.at = world_->clock.Now();
  for (const observe::RegionVerdict& region : ruling.regions) {
    snapshot.verdicts.push_back(region.verdict);
    snapshot.verdicts.back().at = snapshot.at;
  }
  const base::MonotonicTime now = world_->clock.Monotonic();
  std::optional<base::WallTime> last = journal_.last_failover_end;
  if (move_ && move_->state == serve::MoveState::kDone) {
    last = last ? std::max(*last, move_->at) : move_->at;
  }
  const std::lock_guard lock(mutex_);
  if (place_ && place_->asked >= place_after_ && now - place_->answered <= kPlaceHolds) {
    snapshot.active = place_->active;
  }
  ruling.decision = decide::Decide(project_.application, snapshot, last, decide::Options{});
  return ruling;
}

base::Status Keeper::Refresh(Depth depth) {
  refreshed_ = world_->clock.Monotonic();
  move_known_ = false;
  JournalFacts journal = journal_;
  if (depth == Depth::kJournalToo || !journal_known_) {
    journal_known_ = false;
    ASSIGN_OR_RETURN(journal, ReadJournalFacts(world_->files, project_, actor_));
    journal_known_ = true;
  }
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry,
                   store_->Get(serve::MoveKey(project_.application.name),
                               world_->clock.Monotonic() + kStoreCall));
  std::optional<serve::Move> move;
  if (entry) {
    ASSIGN_OR_RETURN(move, serve::MoveFromJson(entry->value));
  }
  const std::lock_guard lock(mutex_);
  journal_ = journal;
  move_ = std::move(move);
  move_revision_ = entry ? entry->revision : ports::kAbsent;
  move_known_ = true;
  return base::Ok();
}

serve::Facts Keeper::FactsFor(const Ruling& ruling) const {
  serve::Facts facts;
  facts.running = running_;
  facts.leading = baton_->Held();
  facts.move_known = move_known_;
  facts.move = move_;
  facts.controller = name_;
  facts.unfinished = journal_.unfinished;
  facts.foreign_work = journal_.foreign_work;
  facts.tries = tries_;
  facts.calm = calm_;
  facts.well_at_home = ruling.decision.row == decide::Row::kHomeHealthy;
  facts.goal = ruling.decision.goal;
  facts.goal_reason = ruling.decision.reason;
  const std::lock_guard lock(mutex_);
  facts.ordered = order_.has_value();
  facts.whole_since_leading = leading_since_ && place_ && place_->asked >= *leading_since_;
  return facts;
}

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

// --- Acting ---

base::Status Keeper::Begin(const Ruling& ruling, const serve::Next& next) {
  WorldOptions options;
  std::stop_source stop;
  options.resolver = resolver_;
  options.stop = stop.get_token();
  ASSIGN_OR_RETURN(std::shared_ptr<World> world, World::Make(options));
  FailoverAsk ask{ruling.snapshot, next.why, {}, actor_};
  RETURN_IF_ERROR(Mark(serve::MoveState::kRunning, next.why, Way(ruling, next.what)));
  {
    const std::lock_guard lock(mutex_);
    if (order_) ask.order = *std::exchange(order_, std::nullopt);
    move_stop_ = stop;
    abort_ = false;
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
  mover_.join();
  serve::MoveState state = serve::MoveState::kFailed;
  std::string why = ended->ok() ? (*ended)->finish.reason : ended->error().message();
  if (ended->ok()) state = StateOf((*ended)->finish.outcome);
  // Stopped because this process or its turn ends: it is still begun, and is gone on with.
  const bool left = state == serve::MoveState::kAborted && !aborted;
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
    if (!marked.ok())
      say_("the end of the failover is not in the store yet: " + marked.error().message());
  }
  running_ = false;
}

// Ends the entry of a move of this controller's that is over although nobody could say so then.
void Keeper::Tidy(const Ruling& ruling) {
  if (running_ || !baton_->Held() || !move_known_ || !move_) return;
  bool aborting = false;
  {
    const std::lock_guard lock(mutex_);
    aborting = std::exchange(abort_, false);
  }
  if (move_->state != serve::MoveState::kRunning) return;
  model::Regions way = project_.application.regions;
  way.home = move_->from;
  way.recovery = move_->to;
  if (aborting) {
    const base::Status marked = Mark(
        serve::MoveState::kAborted, "a person ended it; it was begun by " + move_->controller, way);
    say_(marked.ok() ? "the move is marked as aborted" : marked.error().message());
    return;
  }
  if (move_->controller != name_ || journal_.unfinished) return;
  const auto& active = ruling.snapshot.active;
  const bool there = !active.empty() && std::all_of(active.begin(), active.end(), [&](auto& each) {
    return each.second == move_->to;
  });
  if (there) (void)Mark(serve::MoveState::kDone, "over; the controller's journal says how", way);
  if (ruling.decision.row == decide::Row::kHomeHealthy) {
    (void)Mark(serve::MoveState::kFailed, "it ended before anything was begun", way);
  }
}

std::string Keeper::Turn() {
  const base::Status polled = reader_->Poll();
  Reap();
  const base::MonotonicTime now = world_->clock.Monotonic();
  {
    const std::lock_guard lock(mutex_);
    turned_ = now;
    if (polled.ok()) store_answered_ = now;
    if (!polled.ok()) ++store_errors_;
  }
  base::Status fresh = base::Ok();
  if (!running_ && (!move_known_ || !journal_known_ || now - refreshed_ > kRefreshEvery)) {
    fresh = Refresh(Depth::kStore);
  }
  if (!baton_->Held()) {
    leading_since_.reset();
  } else if (!leading_since_) {
    leading_since_ = now;
    locate_now_ = true;
  }
  Ruling ruling = Rule();
  if (IsCalm(ruling.decision.goal) && !running_) {
    calm_ = true;
    tries_ = 0;
  }
  ruling.next = serve::Choose(FactsFor(ruling));
  if (!fresh.ok()) ruling.next = {serve::Do::kNothing, fresh.error().message()};
  if (ruling.next.what != serve::Do::kNothing && now >= not_before_) {
    // What it rests on is read once more: a person may have acted meanwhile.
    fresh = Refresh(Depth::kJournalToo);
    ruling = Rule();
    ruling.next = serve::Choose(FactsFor(ruling));
    if (fresh.ok() && ruling.next.what != serve::Do::kNothing) fresh = Begin(ruling, ruling.next);
    if (!fresh.ok()) ruling.next = {serve::Do::kNothing, "not begun: " + fresh.error().message()};
  }
  Tidy(ruling);
  if (ruling.next.yield && baton_->Held() && leading_since_ &&
      now - *leading_since_ > kYieldAfter) {
    baton_->Yield(kYieldFor);
  }
  const std::lock_guard lock(mutex_);
  if (ruling.next.what == serve::Do::kNothing) order_.reset();
  ruling_ = std::move(ruling);
  const std::string line =
      fmt::format("{}: {}", decide::Name(ruling_.decision.row), ruling_.next.why);
  std::string essence = WithoutNumbers(line);
  return std::exchange(told_, essence) == essence ? "" : line;
}

void Keeper::Watch() {
  do {
    const std::string line = Turn();
    if (!line.empty()) say_(line);
  } while (world_->Pause(reader_->every()));
}

// --- What others ask ---

serve::Status Keeper::Now() const {
  serve::Status status;
  status.application = project_.application.name;
  status.mode = model::Name(project_.application.failover.mode);
  status.leading = baton_->Held();
  status.lease = baton_->Why();
  const std::lock_guard lock(mutex_);
  for (const observe::RegionVerdict& region : ruling_.regions) {
    status.regions.push_back({region.verdict, region.application, region.stores,
                              region.control_plane, observe::Apart(region)});
  }
  for (const observe::Sight& sight : ruling_.observers) {
    serve::ObserverStatus observer{sight.from, std::string(observe::Name(sight.standing)),
                                   sight.standing == observe::Standing::kFresh, std::nullopt};
    if (sight.standing != observe::Standing::kAbsent) observer.silence = sight.silence;
    status.observers.push_back(std::move(observer));
  }
  status.active = ruling_.snapshot.active;
  status.goal = decide::Name(ruling_.decision.goal);
  status.row = decide::Name(ruling_.decision.row);
  status.reason = ruling_.decision.reason;
  status.doing = ruling_.next.why;
  if (running_) status.running = step_;
  status.move = move_;
  status.moves = moves_;
  status.store_errors = store_errors_;
  if (store_answered_) status.store_silence = world_->clock.Monotonic() - *store_answered_;
  return status;
}

base::Result<std::string> Keeper::PlanNow() const {
  FailoverAsk ask;
  {
    const std::lock_guard lock(mutex_);
    ask.snapshot = ruling_.snapshot;
    ask.reason = ruling_.decision.reason;
  }
  ASSIGN_OR_RETURN(const model::Plan plan, PlanFailover(*world_, project_, ask, {}));
  return plan::ToJson(plan);
}

base::Status Keeper::Start(const serve::Order& order) {
  if (running_) return base::WrongState("a failover is under way");
  if (!baton_->Held()) return base::WrongState("another controller acts; ask that one");
  const std::lock_guard lock(mutex_);
  if (!WantsMove(ruling_.decision.goal) && !journal_.unfinished) {
    return base::WrongState("a failover is not what the verdicts want: " + ruling_.decision.reason +
                            "; `leeward failover` or `leeward switchover` ask nobody");
  }
  order_ = order;
  return base::Ok();
}

base::Status Keeper::Abort() {
  if (!baton_->Held()) return base::WrongState("another controller acts; ask that one");
  const std::lock_guard lock(mutex_);
  const bool marked = move_ && move_->state == serve::MoveState::kRunning;
  if (!running_ && !marked) return base::WrongState("no failover is under way");
  abort_ = true;
  if (move_stop_) move_stop_->request_stop();
  return base::Ok();
}

std::string Keeper::Sickness() const {
  const base::MonotonicTime now = world_->clock.Monotonic();
  const std::lock_guard lock(mutex_);
  const std::string of = project_.application.name.str() + ": ";
  if (now - turned_ > kSick)
    return of + "nothing was decided for " + base::HumanDuration(now - turned_);
  if (!store_answered_) return of + "the store has not answered yet";
  if (now - *store_answered_ <= kSick) return "";
  return of + "the store has not answered for " + base::HumanDuration(now - *store_answered_);
}

}  // namespace leeward::cli
