#include "sim/blocking_store.h"

#include <algorithm>
#include <utility>

namespace leeward::sim {

using ports::SharedEntry;

void BlockingStore::StandStill(Duration time) {
  const Duration now = store_.agenda_.now();
  still_until_ = std::max(still_until_, now) + time;
  process_.Pause(still_until_);
}

template <typename T>
base::Result<T> BlockingStore::Ask(base::MonotonicTime deadline,
                                   std::function<base::Result<T>()> serve) {
  Network& network = store_.network_;
  const Duration patience = std::max(Duration(0), deadline - process_.Monotonic());
  const std::optional<Place> leader = store_.Leader();
  if (!leader || !network.Arrives(place_, *leader)) {
    StandStill(patience);
    return base::Unreachable("the store does not answer");
  }
  const Duration there = network.Delay(place_, *leader), back = network.Delay(*leader, place_);
  const bool heard = network.Arrives(*leader, place_) && there + back <= patience;
  if (heard) {
    StandStill(there + back);
    return serve();
  }
  // It happens although nobody hears of it, when it gets there.
  store_.agenda_.After(there, [this, at = *leader, serve = std::move(serve)] {
    if (store_.Leads(at)) (void)serve();
  });
  StandStill(patience);
  return base::Unreachable("no answer from the store in time");
}

base::Result<std::optional<SharedEntry>> BlockingStore::Get(std::string_view key,
                                                            base::MonotonicTime deadline) {
  return Ask<std::optional<SharedEntry>>(
      deadline, [this, key = std::string(key)]() -> base::Result<std::optional<SharedEntry>> {
        return store_.Read(key);
      });
}

base::Result<std::uint64_t> BlockingStore::Put(std::string_view key, std::string_view value,
                                               std::uint64_t expected,
                                               base::MonotonicTime deadline) {
  return Ask<std::uint64_t>(
      deadline, [this, key = std::string(key), value = std::string(value), expected] {
        const auto found = store_.entries_.find(key);
        const std::uint64_t now =
            found == store_.entries_.end() ? ports::kAbsent : found->second.revision;
        return store_.Write(key, value, fenced_ ? expected : now);
      });
}

base::Result<std::vector<SharedEntry>> BlockingStore::List(std::string_view prefix,
                                                           std::size_t limit,
                                                           base::MonotonicTime deadline) {
  return Ask<std::vector<SharedEntry>>(
      deadline,
      [this, prefix = std::string(prefix), limit]() -> base::Result<std::vector<SharedEntry>> {
        std::vector<SharedEntry> found;
        for (auto entry = store_.entries_.lower_bound(prefix);
             entry != store_.entries_.end() && entry->first.starts_with(prefix) &&
             found.size() < limit;
             ++entry) {
          found.push_back(entry->second);
        }
        return found;
      });
}

base::Status BlockingStore::Remove(std::string_view key, std::uint64_t expected,
                                   base::MonotonicTime deadline) {
  const base::Result<bool> removed =
      Ask<bool>(deadline, [this, key = std::string(key), expected]() -> base::Result<bool> {
        RETURN_IF_ERROR(store_.Erase(key, expected));
        return true;
      });
  return removed.ok() ? base::Ok() : base::Status(removed.error());
}

}  // namespace leeward::sim
