#include "lab/tables/core.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

#include "lab/tables/backup.h"
#include "lab/tables/layout.h"
#include "lab/tables/replication.h"
#include "lab/wire/formats.h"

namespace leeward::lab::tables {
namespace {

constexpr double kNoLimit = -1;

double RateOf(const Table& table, std::int64_t provisioned,
              const std::optional<std::int64_t>& limit) {
  if (!table.on_demand_billing()) return static_cast<double>(provisioned);
  return limit && *limit > 0 ? static_cast<double>(*limit) : kNoLimit;
}

bool InItems(const Table& table) {
  return table.status != TableStatus::kCreating && table.status != TableStatus::kDeleting;
}

}  // namespace

Core::Core() = default;
Core::~Core() = default;

void Core::Later(base::Duration delay, std::function<void()> then) {
  options.after(delay, [this, gone = std::weak_ptr<const bool>(alive), then = std::move(then)] {
    if (gone.expired()) return;
    SettleWrites();
    then();
  });
}

void Core::Soon(std::function<void()> then) {
  options.soon([gone = std::weak_ptr<const bool>(alive), then = std::move(then)] {
    if (!gone.expired()) then();
  });
}

void Core::SettleWrites() {
  if (!store->Settle().ok()) return;
}

Table* Core::FindTable(std::string_view name) const {
  const auto found = tables.find(name);
  return found == tables.end() ? nullptr : found->second.get();
}

Table* Core::FindNumber(TableNumber number) const {
  for (const auto& [name, table] : tables) {
    if (table->number == number) return table.get();
  }
  return nullptr;
}

void Core::Publish(std::string_view metric, std::string_view table, std::string_view unit,
                   double value) const {
  if (!options.metric) return;
  options.metric({metric, {{"TableName", std::string(table)}}, unit, value});
}

std::string Core::Uuid() {
  const std::string hex = options.random->Hex(32);
  return fmt::format("{}-{}-4{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(13, 3),
                     "a" + hex.substr(17, 3), hex.substr(20, 12));
}

std::string TableArn(const Core& core, std::string_view table) {
  return fmt::format("arn:aws:dynamodb:{}:{}:table/{}", core.options.region, core.options.account,
                     table);
}

std::string StreamArn(const Core& core, std::string_view table, const Stream& stream) {
  return TableArn(core, table) + "/stream/" + stream.label;
}

Outcome<std::string> NameFrom(const Core& core, std::string_view name_or_arn) {
  if (!name_or_arn.starts_with("arn:")) return std::string(name_or_arn);
  const std::string prefix = TableArn(core, "");
  const std::string_view rest =
      name_or_arn.starts_with(prefix) ? name_or_arn.substr(prefix.size()) : std::string_view();
  if (!rest.empty() && rest.find('/') == std::string_view::npos) return std::string(rest);
  const bool of_table = name_or_arn.starts_with("arn:aws:dynamodb:") &&
                        name_or_arn.find(":table/") != std::string_view::npos &&
                        rest.find('/') == std::string_view::npos;
  if (!of_table)
    return ValidationError(
        fmt::format("Invalid TableArn: Invalid ResourceArn provided as input {}", name_or_arn));
  return AccessDenied(
      fmt::format("User is not authorized to perform this operation on resource: {} because no "
                  "resource-based policy allows it",
                  name_or_arn));
}

Outcome<Table*> TableOfItems(const Core& core, std::string_view name_or_arn) {
  Table* table = nullptr;
  if (name_or_arn.starts_with("arn:")) {
    ASSIGN_OR_RETURN(const std::string name, NameFrom(core, name_or_arn));
    table = core.FindTable(name);
  } else {
    table = core.FindTable(name_or_arn);
  }
  if (table == nullptr || !InItems(*table)) return NoSuchTable();
  return table;
}

Outcome<Table*> TableOfItems(const Core& core, const Json& body) {
  return TableOfItems(core, Text(body, "TableName"));
}

Outcome<Table*> TableNamed(const Core& core, std::string_view name_or_arn) {
  ASSIGN_OR_RETURN(const std::string name, NameFrom(core, name_or_arn));
  Table* table = core.FindTable(name);
  if (table == nullptr) return NoSuchTable(name);
  return table;
}

void Save(Batch& batch, const Table& table) {
  batch.Put(Space::kMeta, MetaOfTable(table.name), SavedTable(table));
}

Verdict Save(Core& core, const Table& table) {
  Batch batch;
  Save(batch, table);
  const base::Status written = core.store->Write(batch);
  if (!written.ok()) return Broken(written.error());
  return {};
}

void SaveExtents(Batch& batch, const Table& table) {
  std::string value;
  value.reserve(16 + table.indexes.size() * 17);
  AppendBig64(static_cast<std::uint64_t>(table.extent.items), value);
  AppendBig64(static_cast<std::uint64_t>(table.extent.bytes), value);
  for (const Index& index : table.indexes) {
    value += static_cast<char>(index.slot);
    AppendBig64(static_cast<std::uint64_t>(index.extent.items), value);
    AppendBig64(static_cast<std::uint64_t>(index.extent.bytes), value);
  }
  batch.Put(Space::kMeta, MetaOfExtent(table.number), value);
}

void ReadExtents(std::string_view saved, Table& table) {
  const auto read = [&saved] {
    Extent extent{static_cast<std::int64_t>(ReadBig64(saved)),
                  static_cast<std::int64_t>(ReadBig64(saved.substr(8)))};
    saved.remove_prefix(16);
    return extent;
  };
  table.extent = read();
  while (saved.size() >= 17) {
    const auto slot = static_cast<Slot>(saved[0]);
    saved.remove_prefix(1);
    const Extent extent = read();
    for (Index& index : table.indexes) {
      if (index.slot == slot) index.extent = extent;
    }
  }
}

void SetRates(const Core& core, Table& table) {
  const base::WallTime now = core.Now();
  table.reads.SetRate(RateOf(table, table.throughput.units.read, table.on_demand.read), now);
  table.writes.SetRate(RateOf(table, table.throughput.units.write, table.on_demand.write), now);
  for (Index& index : table.indexes) {
    if (!index.global()) continue;
    index.reads.SetRate(RateOf(table, index.throughput.units.read, index.on_demand.read), now);
    index.writes.SetRate(RateOf(table, index.throughput.units.write, index.on_demand.write), now);
  }
}

Outcome<shapes::Value> Decoded(const Request& request) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  request.body.Accept(writer);
  auto decoded = wire::DecodeJson(*request.operation.input, {buffer.GetString(), buffer.GetSize()});
  // What is left to be wrong: numbers that no integer holds.
  if (!decoded.ok()) return items::SerializationError(decoded.error().message());
  return std::move(*decoded);
}

WireAnswer Encoded(const Request& request, const shapes::Value& output) {
  auto encoded = wire::EncodeJson(*request.operation.output, output);
  if (!encoded.ok()) return ErrorAnswer(Broken(encoded.error()));
  return {200, std::move(*encoded)};
}

}  // namespace leeward::lab::tables
