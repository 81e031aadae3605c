// What the keeper knows, and what it chooses by that.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/keeper.h"
#include "lease/in_store.h"
#include "steps/approval.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kPlaceHolds = std::chrono::seconds(60);
constexpr base::Duration kRefreshEvery = std::chrono::seconds(2);
// A controller that may not go on with another's move leads for this long, to be asked to end it
// ...
constexpr base::Duration kYieldAfter = std::chrono::seconds(10);
// ... and then leaves the turn to that one.
constexpr base::Duration kYieldFor = std::chrono::seconds(5);
constexpr base::Duration kLookForApproval = std::chrono::seconds(1);
constexpr base::Duration kDecideCall = std::chrono::seconds(1);

bool IsCalm(decide::Goal goal) {
  return goal == decide::Goal::kStay || goal == decide::Goal::kAskFailback;
}

// Without what only counts on, so that a line is told when it says something new.
std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return text;
}

}  // namespace

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
  // What hands began in this journal, hands end there, and tell nobody.
  if (depth == Depth::kJournalToo || !journal_known_ || journal_.foreign_work) {
    journal_known_ = false;
    ASSIGN_OR_RETURN(journal, ReadJournalFacts(world_->files, project_));
    journal_known_ = true;
  }
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry,
                   store_->Get(serve::MoveKey(project_.application.name),
                               world_->clock.Monotonic() + kDecideCall));
  std::optional<serve::Move> move;
  if (entry) {
    ASSIGN_OR_RETURN(move, serve::MoveFromJson(entry->value));
  }
  {
    const std::lock_guard lock(mutex_);
    journal_ = journal;
    move_ = std::move(move);
    move_revision_ = entry ? entry->revision : ports::kAbsent;
  }
  RETURN_IF_ERROR(RefreshMirror());
  move_known_ = true;
  return base::Ok();
}

base::Status Keeper::RefreshMirror() {
  ASSIGN_OR_RETURN(std::optional<journal::MirrorHead> mirror,
                   LookAtMirror(*world_, project_, *store_));
  {
    const std::lock_guard lock(mutex_);
    mirror_ = std::move(mirror);
  }
  const bool here = (journal_.unfinished || journal_.foreign_work) && journal_.mirrored;
  if (!here || !mirror_ || (!mirror_->over() && mirror_->execution == journal_.execution))
    return base::Ok();
  // Another controller, or somebody at another machine, went on with it.
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world_->files, project_));
  ASSIGN_OR_RETURN(const Mirroring mirroring,
                   StartMirroring(*world_, project_, actor_, store_.get(), opened));
  opened.journal.reset();
  if (!mirroring.told.empty()) say_(mirroring.told);
  ASSIGN_OR_RETURN(const JournalFacts journal, ReadJournalFacts(world_->files, project_));
  const std::lock_guard lock(mutex_);
  journal_ = journal;
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
  facts.mirrored = mirror_ && IsControllers(*mirror_);
  if (mirror_ && !mirror_->over() && !facts.mirrored) facts.hand = mirror_->writer;
  facts.tries = tries_;
  facts.calm = calm_;
  facts.well_in = serve::WellIn(ruling.decision.row, project_.application.regions);
  facts.goal = ruling.decision.goal;
  facts.goal_reason = ruling.decision.reason;
  const std::lock_guard lock(mutex_);
  facts.ordered = order_.has_value();
  facts.aborting = abort_;
  facts.whole_since_leading = leading_since_ && place_ && place_->asked >= *leading_since_;
  return facts;
}

// The lease of a lost Region ends while its loss is still being found out: it is watched all the
// time, so that a failover need not wait from its own first look.
void Keeper::SightLease() {
  const auto seen =
      lease::ReadFrom(*store_, lease::Key(project_.application.name),
                      world_->clock.Monotonic() +
                          lease::TermsFor(project_.application.failover.lease).store_timeout);
  if (seen.ok()) sighting_ = lease::Sight(sighting_, *seen, world_->clock.Monotonic());
}

// Whoever asks people may be another controller, or have died: the store knows.
void Keeper::LookForApproval() {
  const base::MonotonicTime now = world_->clock.Monotonic();
  if (!project_.application.failover.approval || now - looked_for_approval_ < kLookForApproval)
    return;
  looked_for_approval_ = now;
  auto request = steps::ReadRequest(*store_, project_.application.name, now + kDecideCall);
  if (!request.ok()) return;  // what was read before stands, until its own time is up
  const std::lock_guard lock(mutex_);
  approval_ = *std::move(request);
}

std::string Keeper::Turn() {
  const base::Status polled = reader_->Poll();
  if (polled.ok() && !running_) SightLease();
  if (polled.ok()) LookForApproval();
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
  serve::Facts facts = FactsFor(ruling);
  ruling.next = serve::Choose(facts);
  if (!fresh.ok()) ruling.next = {serve::Do::kNothing, fresh.error().message()};
  if (ruling.next.what != serve::Do::kNothing && now >= not_before_) {
    // What it rests on is read once more: a person may have acted meanwhile.
    fresh = Refresh(Depth::kJournalToo);
    ruling = Rule();
    facts = FactsFor(ruling);
    ruling.next = serve::Choose(facts);
    if (fresh.ok() && ruling.next.what != serve::Do::kNothing) fresh = Begin(ruling, ruling.next);
    if (!fresh.ok()) ruling.next = {serve::Do::kNothing, "not begun: " + fresh.error().message()};
  }
  Tidy(ruling);
  // An order that was not weighed yet, or could not be while the store did not answer, waits.
  const bool declined =
      facts.ordered && ruling.next.what == serve::Do::kNothing && (fresh.ok() || !facts.leading);
  if (declined) say_("the failover that was asked for is not begun: " + ruling.next.why);
  if (ruling.next.yield && baton_->Held() && leading_since_ &&
      now - *leading_since_ > kYieldAfter) {
    baton_->Yield(kYieldFor);
  }
  const std::lock_guard lock(mutex_);
  if (declined) order_.reset();
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

}  // namespace leeward::cli
