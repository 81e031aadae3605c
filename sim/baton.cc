#include "sim/baton.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace leeward::sim {
namespace {

// The controllers' lease is as long as the writers', but not shorter.
constexpr Duration kShortest = std::chrono::seconds(2);

lease::Terms TermsOf(const Scenario& scenario) {
  return lease::TermsFor(std::max(scenario.terms.ttl, kShortest));
}

}  // namespace

Baton::Baton(World& world, Place place, Hooks hooks)
    : Process(world.agenda, world.scenario().clocks[static_cast<std::size_t>(Index(place))]),
      world_(world),
      place_(place),
      hooks_(std::move(hooks)),
      terms_(TermsOf(world.scenario())) {}

void Baton::OnStart() {
  who_ = std::string("serve-") + sim::Name(place_) + "-" + std::to_string(++lives_);
  Want();
}

void Baton::OnCrash() {
  taker_.reset();
  holder_.reset();
}

void Baton::Want() {
  ++turn_;
  holder_.reset();
  taker_ = std::make_unique<lease::Taker>(lease::TakerOptions{terms_, model::Region(who_), who_});
  FeedTaker(lease::AskTake{});
}

SharedStore::Asker Baton::Asking(base::MonotonicTime deadline) {
  return {*this, place_, deadline - Monotonic()};
}

void Baton::WakeAt(base::MonotonicTime when) {
  After(std::max(Duration(0), when - Monotonic()), [this, wake = ++wakes_] {
    if (wake != wakes_) return;
    if (holder_) return FeedHolder(lease::Tick{});
    if (taker_) FeedTaker(lease::Tick{});
  });
}

void Baton::FeedTaker(const lease::TakerEvent& event) {
  for (const lease::TakerAction& action : taker_->On(event, Monotonic())) {
    std::visit([this](const auto& one) { Do(one); }, action);
  }
  if (!taker_->done()) return WakeAt(taker_->NextWake());
  // The holder adopts what was taken.
  ++turn_;
  taker_.reset();
  holder_ = std::make_unique<lease::Holder>(
      lease::HolderOptions{terms_, model::Region(who_), who_, false});
  FeedHolder(lease::Tick{});
}

void Baton::FeedHolder(const lease::HolderEvent& event) {
  for (const lease::HolderAction& action : holder_->On(event, Monotonic())) {
    std::visit([this](const auto& one) { Do(one); }, action);
  }
  const auto& seen = holder_->last_seen();
  const bool lost =
      holder_->phase() == lease::HolderPhase::kClosed && seen && seen->record.holder.str() != who_;
  if (lost) return Want();
  WakeAt(holder_->NextWake());
}

void Baton::Read(const lease::Read& read) {
  world_.store.Get(
      Asking(read.deadline), LeaseKey::kControllers,
      [this, request = read.request, turn = turn_](base::Result<SharedStore::Found> found) {
        if (turn == turn_) Answer(lease::ReadDone{request, std::move(found)});
      });
}

void Baton::Put(const lease::Put& put) {
  world_.store.Put(
      Asking(put.deadline), LeaseKey::kControllers, put.record, put.expected,
      [this, request = put.request, turn = turn_](base::Result<std::uint64_t> written) {
        if (turn == turn_) Answer(lease::PutDone{request, std::move(written)});
      });
}

void Baton::Answer(const lease::ReadDone& done) { holder_ ? FeedHolder(done) : FeedTaker(done); }

void Baton::Answer(const lease::PutDone& done) { holder_ ? FeedHolder(done) : FeedTaker(done); }

// Closed means that nothing runs any more; ending it is quick here.
void Baton::Do(const lease::Fence& fence) {
  hooks_.stop();
  After(Duration(0), [this, request = fence.request, turn = turn_] {
    if (turn == turn_) FeedHolder(lease::FenceDone{request, base::Ok()});
  });
}

void Baton::Do(const lease::Open& open) {
  After(Duration(0), [this, request = open.request, turn = turn_] {
    if (turn != turn_) return;
    FeedHolder(lease::OpenDone{request, base::Ok()});
    if (Held()) hooks_.have();
  });
}

}  // namespace leeward::sim
