// late-writes: what the writer that was lost still holds and the recovery never got.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/before.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/history.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/project.h"
#include "cli/signals.h"
#include "cli/store_address.h"
#include "journal/journal.h"
#include "probe/canary.h"
#include "probe/late_writes.h"
#include "probe/sql_session.h"
#include "shapes/value.h"
#include "steps/items_late.h"

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;
using shapes::Value;

constexpr base::Duration kReadPatience = std::chrono::hours(1);
constexpr std::size_t kMaxShown = 20;                       // rows of a store, for people
constexpr std::size_t kMaxExport = std::size_t{256} << 20;  // bytes

struct Looking {
  const Arguments& arguments;
  World& world;
  Project project;
  model::Inventory inventory;
};

// One store's old writer and what it alone holds, or sent late.
struct Found {
  model::ComponentName store;
  Parting parting;
  std::string old_instance;  // of a database
  std::vector<probe::LateTable> tables;
  std::optional<steps::LateItems> items;  // of a table
};

// Where the old writer answers now: under the name that a failback gave it, or still its own.
base::Result<probe::SqlAddress> OldAddress(Looking& looking, const model::Rds& rds,
                                           const Found& found) {
  probe::SqlAddress address =
      StoreAddress(looking.world, rds, looking.inventory, found.store, found.parting.old_region);
  aws::CallOptions options;
  options.region = found.parting.old_region.str();
  ASSIGN_OR_RETURN(const Value answer,
                   looking.world.aws->Call(
                       "rds", "DescribeDBInstances",
                       Value::Struct({{"DBInstanceIdentifier", found.old_instance}}), options));
  const Value::List& instances = answer.Items("DBInstances");
  const Value* endpoint = instances.empty() ? nullptr : instances.front().Find("Endpoint");
  const std::string status(instances.empty() ? "not there"
                                             : instances.front().String("DBInstanceStatus"));
  if (endpoint == nullptr || status != "available") {
    return base::WrongState(
        fmt::format("{} in {} is {}; run the same command again when it is available",
                    found.old_instance, found.parting.old_region.str(), status));
  }
  address.host = endpoint->String("Address");
  return address;
}

// Where the store takes writes now.
base::Result<model::Region> WriterRegion(Looking& looking, const model::ComponentName& store) {
  const Seen seen = Look(looking.world, looking.project, looking.inventory);
  const model::Snapshot snapshot = SnapshotOf(seen, looking.project, looking.inventory);
  const auto active = snapshot.active.find(store);
  if (active != snapshot.active.end()) return active->second;
  return base::Unreachable(fmt::format(
      "it cannot be told where {} takes writes now; look with `leeward status`", store.str()));
}

class Listing {
 public:
  explicit Listing(const Arguments& arguments)
      : people_(!arguments.json), exported_(!arguments.export_file.empty()) {}

  base::Status Take(const model::ComponentName& store, const probe::LateRow& row) {
    Json line;
    line["component"] = store.str();
    line["table"] = row.table;
    line["kind"] = probe::Name(row.kind);
    line["key"] = row.key.empty() ? Json(nullptr) : Json::parse(row.key, nullptr, false);
    line["row"] = row.old_row.empty() ? Json(nullptr) : Json::parse(row.old_row, nullptr, false);
    const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return Add(
        text, fmt::format("  {:<9} {} {}\n", probe::Name(row.kind), row.table,
                          row.key.empty() || row.kind == probe::LateKind::kTransaction ? row.old_row
                                                                                       : row.key));
  }

  base::Status Take(const model::ComponentName& store, const std::string& table,
                    const steps::LateItem& item) {
    const char* kind = item.stands ? "late" : "replaced";
    const std::string key = ToJson(item.key);
    Json line{{"component", store.str()}, {"table", table}, {"kind", kind}};
    line["key"] = Json::parse(key, nullptr, false);
    line["row"] =
        item.image.is_null() ? Json(nullptr) : Json::parse(ToJson(item.image), nullptr, false);
    return Add(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
               fmt::format("  {:<9} {} {}\n", kind, table, key));
  }

  const std::string& lines() const { return export_; }
  std::string Sample() const {
    if (shown_ <= kMaxShown) return sample_;
    return sample_ + fmt::format("  and {} more; --export FILE has them all\n", shown_ - kMaxShown);
  }

 private:
  base::Status Add(const std::string& line, const std::string& shown) {
    if (exported_ && export_.size() + line.size() > kMaxExport)
      return base::Exhausted("more than 256 MiB of late writes; compare the stores themselves");
    if (exported_) export_ += line;
    if (people_ && shown_++ < kMaxShown) sample_ += shown;
    return base::Ok();
  }

  const bool people_, exported_;
  std::string export_, sample_;
  std::size_t shown_ = 0;
};

// What the old Region sent late of a table: its own stream, compared with what stands.
base::Result<Found> ListTable(Looking& looking, const model::ComponentName& store,
                              const model::Dynamodb& dynamodb, const Parting& parting,
                              Listing& listing) {
  ASSIGN_OR_RETURN(const base::WallTime from, base::ParseIso8601(parting.at));
  ASSIGN_OR_RETURN(const model::Region writer, WriterRegion(looking, store));
  const steps::ItemTable old =
      ItemsOf(looking.world, dynamodb, looking.inventory, store, parting.old_region, {});
  ASSIGN_OR_RETURN(const auto to, steps::GetStamp(old, probe::CanaryOf(parting.old_region.str())));
  ASSIGN_OR_RETURN(const Value told,
                   old.call("DescribeTable", Value::Struct({{"TableName", dynamodb.table}})));
  Found found{store, parting, "", {}, steps::LateItems{}};
  steps::LateSource source;
  source.stream_arn = told.Sub("Table").String("LatestStreamArn");
  source.writer = ItemsOf(looking.world, dynamodb, looking.inventory, store, writer, {});
  source.streams = [&](std::string_view operation, const Value& input) {
    aws::CallOptions options;
    options.region = parting.old_region.str();
    return looking.world.aws->Call("dynamodbstreams", operation, input, options);
  };
  source.cancelled = [&] { return looking.world.stop.stop_requested(); };
  source.pause = [&](base::Duration wait) {
    return looking.world.Pause(wait) ? base::Ok()
                                     : base::Status(base::Cancelled("stopped on request"));
  };
  if (!to || source.stream_arn.empty())
    return base::NotFound(fmt::format("{} in {} has no stream and no canary to compare by",
                                      dynamodb.table, parting.old_region.str()));
  ASSIGN_OR_RETURN(found.items, steps::FindLateItems(source, {from, *to}));
  for (const steps::LateItem& item : found.items->items)
    RETURN_IF_ERROR(listing.Take(store, dynamodb.table, item));
  return found;
}

base::Result<Found> ListStore(Looking& looking, const model::ComponentName& store,
                              const Parting& parting, Listing& listing) {
  const model::Component* component = looking.project.application.Find(store);
  if (component != nullptr) {
    if (const auto* dynamodb = std::get_if<model::Dynamodb>(&component->kind))
      return ListTable(looking, store, *dynamodb, parting, listing);
  }
  const auto* rds = component == nullptr ? nullptr : std::get_if<model::Rds>(&component->kind);
  if (rds == nullptr)
    return base::Invalid(store.str() + " of the journal is no rds component of the spec any more");
  Found found{store, parting, parting.kept.empty() ? rds->instance : parting.kept, {}, {}};
  ASSIGN_OR_RETURN(const model::Region writer, WriterRegion(looking, store));
  if (parting.kept.empty() && writer == parting.old_region)
    return base::WrongState(store.str() + " takes writes in " + writer.str() +
                            " again, and what it held was not put aside");
  ASSIGN_OR_RETURN(const probe::SqlAddress old, OldAddress(looking, *rds, found));
  World& world = looking.world;
  const probe::LateReader reader{*world.resolver, world.clock,
                                 world.clock.Monotonic() + kReadPatience,
                                 [&] { return world.stop.stop_requested(); }};
  ASSIGN_OR_RETURN(
      found.tables,
      probe::FindLateWritesIn(
          old, StoreAddress(world, *rds, looking.inventory, store, writer), parting.at,
          [&](const probe::LateRow& row) { return listing.Take(store, row); }, reader));
  return found;
}

Json JsonOf(const Found& found) {
  Json json;
  json["component"] = found.store.str();
  json["region"] = found.parting.old_region.str();
  if (found.items) {
    json["items"] = found.items->items.size();
    json["replaced"] = std::count_if(found.items->items.begin(), found.items->items.end(),
                                     [](const steps::LateItem& item) { return !item.stands; });
    json["complete"] = found.items->complete;
    return json;
  }
  json["instance"] = found.old_instance;
  json["tables"] = Json::array();
  for (const probe::LateTable& table : found.tables) {
    if (table.transactions > 0) {
      json["tables"].push_back({{"table", table.table}, {"transactions", table.transactions}});
      continue;
    }
    json["tables"].push_back({{"table", table.table},
                              {"inserted", table.inserted},
                              {"changed", table.changed},
                              {"deleted", table.deleted},
                              {"unkeyed", table.unkeyed}});
  }
  return json;
}

// None yet is an empty one: what happened elsewhere is asked for next.
base::Result<std::vector<model::Event>> ReadHistory(World& world, const Project& project) {
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  if (!exists) return std::vector<model::Event>();
  ASSIGN_OR_RETURN(journal::Contents contents, journal::Read(world.files, project.JournalPath()));
  return std::move(contents.events);
}

std::string FoundText(const Found& found) {
  const std::string store = found.store.str(), region = found.parting.old_region.str();
  if (found.items)
    return fmt::format("{}: {} sent {}", store, region, steps::Summary(*found.items));
  return fmt::format("{}: {} in {} alone holds {}", store, found.old_instance, region,
                     probe::Summary(found.tables));
}

base::Result<int> List(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(Project project, OpenProject(world.files, arguments));
  InventoryKeeper inventory(world.files, project.InventoryPath());
  RETURN_IF_ERROR(inventory.Load());
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  ASSIGN_OR_RETURN(const std::vector<model::Event> events, ReadHistory(world, project));
  RETURN_IF_ERROR(CheckKnowsLateWrites(world, project, events, "late-writes"));
  Looking looking{arguments, world, std::move(project), inventory.current()};
  const std::map<model::ComponentName, Parting> partings = PartingsOf(events);
  if (partings.empty()) {
    return base::NotFound(
        fmt::format("the journal in {} has no failover that parted a store from its old writer, so "
                    "there is nothing to compare by; one that was carried out with another journal "
                    "is told of there (--state)",
                    looking.project.state));
  }
  Listing listing(arguments);
  Json stores = Json::array();
  std::string told;
  base::Status all = base::Ok();
  for (const auto& [store, parting] : partings) {
    const base::Result<Found> found = ListStore(looking, store, parting, listing);
    if (found.ok()) {
      stores.push_back(JsonOf(*found));
      told += FoundText(*found) + "\n";
      continue;
    }
    // What the other stores hold is worth knowing all the same.
    stores.push_back({{"component", store.str()}, {"failure", found.error().message()}});
    told += store.str() + ": not compared to its end\n";
    if (all.ok()) all = base::Error(found.error()).Context(store.str());
    if (partings.size() == 1 || looking.world.stop.stop_requested()) return all.error();
  }
  if (!arguments.export_file.empty())
    RETURN_IF_ERROR(world.files.WriteAtomically(arguments.export_file, listing.lines()));
  if (arguments.json) {
    Json json{{"schema", "leeward/late-writes/v1"},
              {"application", looking.project.application.name.str()},
              {"stores", stores}};
    Emit("{}\n", json.dump());
  } else {
    Emit("{}{}", told, listing.Sample());
  }
  RETURN_IF_ERROR(all);
  return kDone;
}

}  // namespace

int RunLateWrites(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.resolver = arguments.resolver;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = List(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
