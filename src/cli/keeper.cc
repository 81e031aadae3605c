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
#include "steps/approval.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kLocateEvery = std::chrono::seconds(5);
constexpr base::Duration kGlance = std::chrono::milliseconds(100);
constexpr base::Duration kSick = std::chrono::seconds(30);  // without an answer from the store
constexpr std::size_t kMaxName = 256;
constexpr int kAttemptDigits = 16;

bool WantsMove(decide::Goal goal) {
  return goal == decide::Goal::kFailover || goal == decide::Goal::kAskFailover;
}

// The controller's name, which outlives its process: made once and kept beside the journal.
base::Result<std::string> NameOf(World& world, const Project& project) {
  const std::string path = project.state + "/controller";
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(path));
  if (!exists) {
    RETURN_IF_ERROR(world.files.MakeDirectories(project.state));
    RETURN_IF_ERROR(world.files.WriteAtomically(path, world.random.Hex(kAttemptDigits)));
  }
  ASSIGN_OR_RETURN(std::string name, world.files.Read(path, kMaxName));
  if (!name.empty()) return name;
  return base::Corrupt(path + " is empty; remove it, and this controller gets a new name");
}

}  // namespace

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
  Reap();  // the baton waits for it, and a person may have ended it
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

// --- What others ask ---

serve::Status Keeper::Now() const {
  serve::Status status;
  status.application = project_.application.name;
  status.mode = model::Name(project_.application.failover.mode);
  status.leading = baton_->Held();
  status.lease = baton_->Why();
  status.down_when = project_.application.detection.down_when;
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
  const base::WallTime now = world_->clock.Now();
  if (approval_ && decide::StandingOf(*approval_, now) == decide::Standing::kWaits) {
    status.approval = approval_;
    status.approval_standing = decide::Describe(*approval_, now);
  }
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

bool Keeper::Left() const { return journal_.unfinished || (mirror_ && IsControllers(*mirror_)); }

base::Status Keeper::Start(const serve::Order& order) {
  if (!order.override_fence.empty())
    RETURN_IF_ERROR(CheckSigned("'override_fence'", order.override_fence, "who vouches"));
  if (!baton_->Held()) return base::WrongState("another controller acts; ask that one");
  const std::lock_guard lock(mutex_);
  if (running_) return base::WrongState("a failover is under way");
  if (!WantsMove(ruling_.decision.goal) && !Left()) {
    return base::WrongState("a failover is not what the verdicts want: " + ruling_.decision.reason +
                            "; `leeward failover` or `leeward switchover` ask nobody");
  }
  order_ = order;
  abort_ = false;  // the last word counts
  return base::Ok();
}

base::Status Keeper::Abort() {
  if (!baton_->Held()) return base::WrongState("another controller acts; ask that one");
  const std::lock_guard lock(mutex_);
  const bool marked = move_ && move_->state == serve::MoveState::kRunning;
  const bool again = move_ && move_->state == serve::MoveState::kFailed && Left();
  const bool waits = std::exchange(order_, std::nullopt).has_value();
  if (!running_ && !marked && !again && !waits) return base::WrongState("no failover is under way");
  abort_ = true;
  if (move_stop_) move_stop_->request_stop();
  return base::Ok();
}

base::Result<decide::ApprovalRequest> Keeper::Approve(const serve::Approval& approval) {
  return steps::GiveApproval(*store_, project_.application.name, world_->clock,
                             {approval.by, approval.reason, world_->clock.Now()},
                             model::ExecutionId(approval.execution));
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
