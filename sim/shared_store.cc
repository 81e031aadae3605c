#include "sim/shared_store.h"

#include <utility>

namespace leeward::sim {
namespace {

constexpr std::int64_t kElectionAtLeast = 200, kElectionSpread = 800;  // milliseconds
constexpr int kMajority = kPlaces / 2 + 1;

}  // namespace

bool SharedStore::Leads(Place member) const {
  int heard = 0;
  for (int other = 0; other < kPlaces; ++other) {
    if (network_.Answers(member, static_cast<Place>(other))) ++heard;
  }
  return heard >= kMajority;
}

std::optional<Place> SharedStore::Leader() {
  if (!Leads(leader_)) {
    for (int place = kPlaces - 1; place >= 0; --place) {
      if (!Leads(static_cast<Place>(place))) continue;
      leader_ = static_cast<Place>(place);
      const auto choosing =
          kElectionAtLeast +
          static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(kElectionSpread)));
      chosen_at_ = agenda_.now() + std::chrono::milliseconds(choosing);
      break;
    }
  }
  if (!Leads(leader_) || agenda_.now() < chosen_at_) return std::nullopt;
  return leader_;
}

base::Result<std::uint64_t> SharedStore::Write(const lease::Record& record,
                                               std::uint64_t expected) {
  if ((record_ ? record_->revision : 0) != expected) {
    return base::WrongState("the lease was changed by another");
  }
  record_ = lease::Seen{record, ++revision_};
  if (hear_) hear_(record);
  return revision_;
}

void SharedStore::Get(Process& caller, Place from, Duration patience,
                      std::function<void(base::Result<Found>)> done) {
  const std::optional<Place> leader = Leader();
  if (!leader) {
    caller.After(patience, [done = std::move(done)] { done(base::Unreachable("no leader")); });
    return;
  }
  Call<Found>(
      network_, caller, {from, *leader}, patience,
      [this, at = *leader]() -> base::Result<Found> {
        // A leader that was cut off must not answer from memory.
        if (!Leads(at)) return base::Unreachable("no majority");
        return record_;
      },
      std::move(done));
}

void SharedStore::Put(Process& caller, Place from, const lease::Record& record,
                      std::uint64_t expected, Duration patience,
                      std::function<void(base::Result<std::uint64_t>)> done) {
  const std::optional<Place> leader = Leader();
  if (!leader) {
    caller.After(patience, [done = std::move(done)] { done(base::Unreachable("no leader")); });
    return;
  }
  Call<std::uint64_t>(
      network_, caller, {from, *leader}, patience,
      [this, record, expected, at = *leader]() -> base::Result<std::uint64_t> {
        if (!Leads(at)) return base::Unreachable("no majority");
        return Write(record, expected);
      },
      std::move(done));
}

}  // namespace leeward::sim
