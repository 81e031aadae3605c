// DrillLoad: one stretch of the drill's workload, and what became of every write that was
// acknowledged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/world.h"
#include "model/application.h"
#include "probe/load.h"
#include "report/report.h"

namespace leeward::cli {

// What reading back every acknowledged write showed.
struct Audit {
  std::uint64_t acknowledged = 0;
  std::vector<probe::WriteRecord> lost;  // acknowledged and missing in any store, oldest first
  // The same for each store that the workload says how to look into.
  std::map<model::ComponentName, std::vector<probe::WriteRecord>> by_store;
};

class DrillLoad {
 public:
  // `name` is part of every id, so that two stretches of a drill have none in common.
  static base::Result<std::unique_ptr<DrillLoad>> Start(World& world,
                                                        const model::Workload& workload,
                                                        const std::string& name);
  void Stop() { load_->Stop(); }

  // "200/s: 1234 acknowledged, 3 failed".
  std::string Text() const;
  // Waits until this many writes were acknowledged.
  base::Status AwaitAcknowledged(std::uint64_t count, base::Duration patience);
  // The first write acknowledged by the addresses at or after `since`, waiting for it.
  base::Result<probe::WriteRecord> AwaitFirst(base::WallTime since,
                                              const std::vector<std::string>& by,
                                              base::Duration patience);
  // Waits until for `calm` no write has failed.
  base::Status AwaitSteady(base::Duration calm, base::Duration patience);
  std::optional<probe::WriteRecord> LastAcknowledged(base::WallTime until) const {
    return load_->LastAcknowledged(until);
  }
  // The longest time between two acknowledgements that follow each other.
  base::Duration LongestGap() const;
  // Reads every acknowledged write through the application. The load has to be stopped. An id about
  // which the application gave no clear answer makes it fail: a count with holes is no count.
  // `owner` is the store that the workload's `read` looks into; empty: all that have no read of
  // their own.
  base::Result<Audit> ReadBack(const model::ComponentName& owner, base::Duration patience);
  // Adds this stretch to the series; `lost` as an audit found them.
  void AddTo(report::LoadSeries* series, const std::vector<probe::WriteRecord>& lost) const;

 private:
  DrillLoad(World& world, probe::Load::Options options)
      : world_(world), options_(std::move(options)) {}
  std::uint64_t Failures() const;
  // Which of the writes the request does not find.
  base::Result<std::set<std::uint64_t>> Missing(const std::vector<std::uint64_t>& sequences,
                                                const model::StoreRead& read,
                                                base::MonotonicTime deadline) const;

  World& world_;
  const probe::Load::Options options_;
  std::unique_ptr<probe::Load> load_;
};

}  // namespace leeward::cli
