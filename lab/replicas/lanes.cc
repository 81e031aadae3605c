// Changes and settings on their way to the other Regions.
#include <algorithm>

#include "lab/replicas/keeper.h"

namespace leeward::lab::replicas {
namespace {

using tables::ItemChange;

std::size_t SizeOf(const ItemChange& change) {
  return change.key.size() + (change.item ? change.item->size() : 0);
}

// As many from the front as the message may hold, but one at least.
void Trim(std::size_t bytes, std::vector<ItemChange>* changes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < changes->size(); ++i) {
    size += SizeOf((*changes)[i]);
    if (size > bytes && i > 0) return changes->resize(i);
  }
}

}  // namespace

void Keeper::PumpSoon(const std::string& table) {
  if (std::exchange(pump_due_[table], true)) return;
  After(options_.limits.gather, [this, table] {
    pump_due_.erase(table);
    const Kept* kept = Find(table);
    if (kept == nullptr) return;
    std::vector<std::string> regions;
    for (const auto& [region, lane] : kept->lanes) regions.push_back(region);
    for (const std::string& region : regions) Pump(table, region);
  });
}

void Keeper::Pump(const std::string& table, const std::string& region) {
  Kept* kept = Find(table);
  if (kept == nullptr) return;
  const auto lane = kept->lanes.find(region);
  if (lane == kept->lanes.end() || lane->second.busy) return;
  if (!SendSettings(table, region, lane->second)) SendChanges(table, region, lane->second);
}

// False when there are none.
bool Keeper::SendSettings(const std::string& table, const std::string& region, Lane& lane) {
  if (lane.settings.empty()) return false;
  lane.busy = true;
  Value message = lane.settings.front();
  message.Set("table", table);
  options_.peers->Call(
      region, "settings", std::move(message), options_.limits.answer,
      [this, alive = std::weak_ptr<int>(alive_), table, region](const base::Result<Value>& answer) {
        if (alive.expired() || !Has(table, region)) return;
        Lane& to = Find(table)->lanes[region];
        to.busy = false;
        const bool taken = answer.ok() && answer->Flag("taken", false);
        if (taken && !to.settings.empty()) to.settings.pop_front();
        if (taken) SaveSoon();
        to.failures = taken ? 0 : to.failures + 1;
        After(taken ? base::Duration{0} : Pause(to.failures),
              [this, table, region] { Pump(table, region); });
      });
  return true;
}

void Keeper::SendChanges(const std::string& table, const std::string& region, Lane& lane) {
  auto page = engine_->replication().Changes(table, lane.cursor, options_.limits.changes);
  if (!page.ok()) return;
  if (page->changes.empty()) {
    if (page->next != lane.cursor) {
      lane.cursor = page->next;
      Release(table);
      PumpSoon(table);
    }
    return;
  }
  const std::size_t count = page->changes.size();
  Trim(options_.limits.bytes, &page->changes);
  const std::uint64_t cursor =
      page->changes.size() == count ? page->next : page->changes.back().sequence;
  const auto oldest = std::min_element(
      page->changes.begin(), page->changes.end(),
      [](const ItemChange& a, const ItemChange& b) { return a.version < b.version; });
  lane.busy = true;
  options_.peers->Call(
      region, "apply",
      Value::Struct(
          {{"table", table}, {"from", options_.region}, {"changes", ToValue(page->changes)}}),
      options_.limits.answer,
      [this, alive = std::weak_ptr<int>(alive_), table, region, cursor,
       version = oldest->version](const base::Result<Value>& answer) {
        if (alive.expired() || !Has(table, region)) return;
        Lane& to = Find(table)->lanes[region];
        to.busy = false;
        if (answer.ok()) return Arrived(table, region, cursor, version);
        ++to.failures;
        After(Pause(to.failures), [this, table, region] { Pump(table, region); });
      });
}

void Keeper::Arrived(const std::string& table, const std::string& region, std::uint64_t cursor,
                     const tables::Version& oldest) {
  Kept* kept = Find(table);
  Lane& lane = kept->lanes[region];
  lane.failures = 0;
  lane.cursor = std::max(lane.cursor, cursor);
  SaveSoon();
  Release(table);
  // Only the Region that was written to knows; STRONG tables have no such metric.
  if (!kept->group.strong() && options_.metric) {
    const base::WallTime written{std::chrono::microseconds(oldest.micros)};
    const base::Duration late = std::max(options_.clock->Now() - written, base::Duration{0});
    options_.metric({"ReplicationLatency",
                     {{"TableName", table}, {"ReceivingRegion", region}},
                     "Milliseconds",
                     static_cast<double>(late.count()) / 1e6});
  }
  Pump(table, region);
}

// What has arrived everywhere need not be kept any more; a Region that is being added needs all.
void Keeper::Release(const std::string& table) {
  const Kept* kept = Find(table);
  if (kept == nullptr || kept->lanes.empty() || kept->job) return;
  std::uint64_t everywhere = ~std::uint64_t{0};
  for (const auto& [region, lane] : kept->lanes) everywhere = std::min(everywhere, lane.cursor);
  if (kept->group.strong()) strong_->ArrivedEverywhere(table, everywhere);
  const base::Status released = engine_->replication().Release(table, everywhere);
  if (!released.ok()) SaveSoon();  // the table is going
}

}  // namespace leeward::lab::replicas
