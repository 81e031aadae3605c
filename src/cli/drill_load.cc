#include "cli/drill_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace leeward::cli {
namespace {

using probe::WriteFate;
using probe::WriteRecord;

constexpr base::Duration kWriterLook{10'000'000};
constexpr std::size_t kMaxBuckets = 100'000;

// Looks until there is something, every few milliseconds.
template <typename Look>
auto Await(World& world, base::Duration patience, const char* what, Look look)
    -> base::Result<typename decltype(look())::value_type> {
  const base::MonotonicTime end = world.clock.Monotonic() + patience;
  while (true) {
    if (auto seen = look()) return *std::move(seen);
    if (world.clock.Monotonic() >= end) {
      return base::Unreachable(
          fmt::format("{} did not come about within {}", what, base::HumanDuration(patience)));
    }
    if (!world.Pause(kWriterLook)) return base::Cancelled("stopped on request");
  }
}

}  // namespace

base::Result<std::unique_ptr<DrillLoad>> DrillLoad::Start(World& world,
                                                          const model::Workload& workload,
                                                          const std::string& name) {
  probe::Load::Options options;
  options.workload = workload;
  options.run = name + "-" + world.random.Hex(8);
  std::unique_ptr<DrillLoad> load(new DrillLoad(world, options));
  ASSIGN_OR_RETURN(load->load_,
                   probe::Load::Create(options, *world.resolver, world.clock, world.random));
  load->load_->Start();
  return load;
}

std::uint64_t DrillLoad::Failures() const {
  const probe::LoadCounts counts = load_->counts();
  return counts.refused + counts.unanswered + counts.not_sent + counts.name_failures;
}

std::string DrillLoad::Text() const {
  const probe::LoadCounts counts = load_->counts();
  return fmt::format("load {:.0f}/s: {} acknowledged, {} failed, {} waiting",
                     options_.workload.rate, counts.acknowledged,
                     counts.refused + counts.unanswered + counts.not_sent, counts.outstanding);
}

base::Status DrillLoad::AwaitAcknowledged(std::uint64_t count, base::Duration patience) {
  const auto seen =
      Await(world_, patience, "the load's first acknowledged writes", [&]() -> std::optional<bool> {
        if (load_->counts().acknowledged >= count) return true;
        return std::nullopt;
      });
  if (!seen.ok()) return seen.error();
  return base::Ok();
}

base::Result<WriteRecord> DrillLoad::AwaitFirst(base::WallTime since,
                                                const std::vector<std::string>& by,
                                                base::Duration patience) {
  return Await(world_, patience, "the first write acknowledged by the recovery Region",
               [&] { return load_->FirstAcknowledged(since, by); });
}

base::Status DrillLoad::AwaitSteady(base::Duration calm, base::Duration patience) {
  std::uint64_t failures = Failures();
  base::MonotonicTime since = world_.clock.Monotonic();
  const auto seen = Await(world_, patience, "steady service", [&]() -> std::optional<bool> {
    const base::MonotonicTime now = world_.clock.Monotonic();
    const std::uint64_t count = Failures();
    if (count != failures) since = now;
    failures = count;
    if (now - since >= calm) return true;
    return std::nullopt;
  });
  if (seen.ok()) return base::Ok();
  if (seen.error().code() != base::ErrorCode::kUnreachable) return seen.error();
  return base::Unreachable(seen.error().message() +
                           "; where the machine is too busy for the load, try a lower --rate");
}

base::Duration DrillLoad::LongestGap() const {
  std::vector<base::WallTime> ends;
  for (const WriteRecord& write : load_->Writes()) {
    if (write.fate == WriteFate::kAcknowledged) ends.push_back(write.ended);
  }
  std::sort(ends.begin(), ends.end());
  base::Duration longest{};
  for (std::size_t i = 1; i < ends.size(); ++i) longest = std::max(longest, ends[i] - ends[i - 1]);
  return longest;
}

base::Result<std::set<std::uint64_t>> DrillLoad::Missing(
    const std::vector<std::uint64_t>& sequences, const model::StoreRead& read,
    base::MonotonicTime deadline) const {
  probe::Load::Options options = options_;
  options.workload.read_method = read.method;
  options.workload.read_path = read.path;
  ASSIGN_OR_RETURN(
      const probe::ReadBack back,
      probe::ReadBackAll(options, sequences, {}, *world_.resolver, deadline, world_.clock));
  if (!back.unknown.empty()) {
    return base::Unreachable(
        fmt::format("{} of {} acknowledged writes could not be read back by {}",
                    back.unknown.size(), sequences.size(), read.path));
  }
  return std::set<std::uint64_t>(back.missing.begin(), back.missing.end());
}

namespace {

// Those of the writes that are in the set, the oldest acknowledgement first.
std::vector<WriteRecord> Of(const std::vector<WriteRecord>& writes,
                            const std::set<std::uint64_t>& wanted) {
  std::vector<WriteRecord> found;
  for (const WriteRecord& write : writes) {
    if (wanted.contains(write.sequence)) found.push_back(write);
  }
  std::sort(found.begin(), found.end(),
            [](const WriteRecord& a, const WriteRecord& b) { return a.ended < b.ended; });
  return found;
}

}  // namespace

base::Result<Audit> DrillLoad::ReadBack(const model::ComponentName& owner,
                                        base::Duration patience) {
  const std::vector<WriteRecord> writes = load_->Writes();
  const base::MonotonicTime deadline = world_.clock.Monotonic() + patience;
  std::vector<std::uint64_t> acknowledged;
  for (const WriteRecord& write : writes) {
    if (write.fate == WriteFate::kAcknowledged) acknowledged.push_back(write.sequence);
  }
  const model::Workload& workload = options_.workload;
  std::map<model::ComponentName, model::StoreRead> reads = workload.reads;
  reads[owner] = {workload.read_method, workload.read_path};
  Audit audit;
  audit.acknowledged = acknowledged.size();
  std::set<std::uint64_t> missing;
  for (const auto& [store, read] : reads) {
    ASSIGN_OR_RETURN(const std::set<std::uint64_t> here, Missing(acknowledged, read, deadline));
    missing.insert(here.begin(), here.end());
    if (!store.empty()) audit.by_store[store] = Of(writes, here);
  }
  audit.lost = Of(writes, missing);
  return audit;
}

void DrillLoad::AddTo(report::LoadSeries* series, const std::vector<WriteRecord>& lost) const {
  const std::vector<WriteRecord> writes = load_->Writes();
  if (writes.empty()) return;
  if (series->buckets.empty()) series->start = writes.front().sent;
  const auto bucket = [&](base::WallTime at) -> report::LoadBucket* {
    if (at < series->start) return nullptr;
    const auto index = static_cast<std::size_t>((at - series->start) / series->bucket);
    if (index >= kMaxBuckets) return nullptr;
    if (index >= series->buckets.size()) series->buckets.resize(index + 1);
    return &series->buckets[index];
  };
  for (const WriteRecord& write : writes) {
    if (write.fate == WriteFate::kOutstanding) continue;
    if (report::LoadBucket* at =
            bucket(write.ended == base::WallTime{} ? write.sent : write.ended)) {
      ++(write.fate == WriteFate::kAcknowledged ? at->acknowledged : at->failed);
    }
  }
  for (const WriteRecord& write : lost) {
    if (report::LoadBucket* at = bucket(write.ended)) ++at->lost;
  }
}

}  // namespace leeward::cli
