#include "sim/shared_store.h"

#include <utility>

namespace leeward::sim {
namespace {

constexpr std::int64_t kElectionAtLeast = 200, kElectionSpread = 800;  // milliseconds
constexpr int kMajority = kPlaces / 2 + 1;

std::size_t Slot(LeaseKey key) { return static_cast<std::size_t>(key); }

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

template <typename T, typename Serve>
void SharedStore::Ask(const Asker& asker, Serve serve, Hear<T> done) {
  const std::optional<Place> leader = Leader();
  if (!leader) {
    asker.process.After(asker.patience,
                        [done = std::move(done)] { done(base::Unreachable("no leader")); });
    return;
  }
  Call<T>(
      network_, asker.process, {asker.from, *leader}, asker.patience,
      [this, serve = std::move(serve), at = *leader]() -> base::Result<T> {
        // A leader that was cut off must not answer from memory.
        if (!Leads(at)) return base::Unreachable("no majority");
        return serve();
      },
      std::move(done));
}

base::Result<std::uint64_t> SharedStore::Write(LeaseKey key, const lease::Record& record,
                                               std::uint64_t expected) {
  Found& lease = leases_[Slot(key)];
  if ((lease ? lease->revision : 0) != expected) {
    return base::WrongState("the lease was changed by another");
  }
  lease = lease::Seen{record, ++revision_};
  if (hear_ && key == LeaseKey::kWriters) hear_(record);
  return revision_;
}

SharedStore::Entry SharedStore::Read(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? Entry() : Entry(found->second);
}

base::Result<std::uint64_t> SharedStore::Write(const std::string& key, std::string value,
                                               std::uint64_t expected) {
  const auto found = entries_.find(key);
  if ((found == entries_.end() ? ports::kAbsent : found->second.revision) != expected) {
    return base::WrongState(key + " was changed by another");
  }
  entries_[key] = {key, std::move(value), ++revision_};
  return revision_;
}

base::Status SharedStore::Erase(const std::string& key, std::uint64_t expected) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.revision != expected) {
    return base::WrongState(key + " was changed by another");
  }
  entries_.erase(found);
  return base::Ok();
}

void SharedStore::Get(const Asker& asker, LeaseKey key, Hear<Found> done) {
  Ask<Found>(
      asker, [this, key]() -> base::Result<Found> { return leases_[Slot(key)]; }, std::move(done));
}

void SharedStore::Put(const Asker& asker, LeaseKey key, const lease::Record& record,
                      std::uint64_t expected, Hear<std::uint64_t> done) {
  Ask<std::uint64_t>(
      asker, [this, key, record, expected] { return Write(key, record, expected); },
      std::move(done));
}

void SharedStore::Get(const Asker& asker, const std::string& key, Hear<Entry> done) {
  Ask<Entry>(
      asker, [this, key]() -> base::Result<Entry> { return Read(key); }, std::move(done));
}

void SharedStore::Put(const Asker& asker, ports::SharedEntry entry, Hear<std::uint64_t> done) {
  Ask<std::uint64_t>(
      asker,
      [this, entry = std::move(entry)] { return Write(entry.key, entry.value, entry.revision); },
      std::move(done));
}

// Whatever it is now: for what nothing rests on.
void SharedStore::Remove(const Asker& asker, const std::string& key) {
  Ask<bool>(
      asker, [this, key]() -> base::Result<bool> { return entries_.erase(key) > 0; },
      [](const base::Result<bool>&) {});
}

}  // namespace leeward::sim
