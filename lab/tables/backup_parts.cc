#include "lab/tables/backup_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lab/tables/backup.h"
#include "lab/tables/layout.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::size_t kNumberBytes = 4;  // before a place in its table
constexpr std::size_t kMostBytes = 4 << 20;

base::Error Refusal(const ApiError& error) {
  return base::WrongState(error.message).WithServiceCode(error.code);
}

base::Result<Backup*> Named(const Core& core, const Value& input) {
  Backup* backup = FindBackup(core, input.String("BackupArn"));
  if (backup == nullptr)
    return base::NotFound(fmt::format("Backup not found: {}", input.String("BackupArn")));
  return backup;
}

base::Result<Backup*> Arriving(const Core& core, const Value& input) {
  ASSIGN_OR_RETURN(Backup* const backup, Named(core, input));
  if (backup->status != Backup::Status::kArriving)
    return base::WrongState(fmt::format("{} is not being brought", backup->arn));
  return backup;
}

std::string_view BlobIn(const Value& input, std::string_view name) {
  const Value* blob = input.Find(name);
  return blob != nullptr && blob->is_blob() ? std::string_view(blob->blob().bytes) : "";
}

base::Result<Value> BackUpTable(Core& core, const Value& input) {
  const auto made =
      MakeBackup(core, {input.String("TableName"), input.String("Name"), Backup::Holder::kVault});
  if (!made.ok()) return Refusal(made.error());
  return Value::Struct({{"BackupArn", (*made)->arn}});
}

base::Result<Value> State(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(const Backup* const backup, Named(core, input));
  return Value::Struct(
      {{"Status", backup->status == Backup::Status::kAvailable ? "AVAILABLE" : "CREATING"},
       {"Items", backup->extent.items},
       {"Bytes", backup->extent.bytes}});
}

base::Result<Value> Form(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(const Backup* const backup, Named(core, input));
  return Value::Struct({{"Form", SavedTable(backup->table)}});
}

// Each item's place in its table and what stands there, both with their lengths before them.
base::Result<Value> Export(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(const Backup* const backup, Named(core, input));
  if (backup->status != Backup::Status::kAvailable)
    return base::WrongState(fmt::format("{} is not complete", backup->arn));
  const std::string_view after = BlobIn(input, "After");
  const std::string begin = after.empty() ? SlotPrefix(backup->number, kItemsSlot)
                                          : TablePrefix(backup->number) + std::string(after) + '\0';
  const auto most =
      std::clamp<std::size_t>(static_cast<std::size_t>(input.Int("Most")), 1, kMostBytes);
  Walk walk = core.store->Range(Space::kItems, begin, SlotPrefix(backup->number, kItemsSlot + 1),
                                Store::Caching::kPassBy);
  std::string data;
  std::string last;
  for (walk.SeekFirst(); walk.Valid() && data.size() < most; walk.Next()) {
    last = walk.key().substr(kNumberBytes);
    AppendBig32(static_cast<std::uint32_t>(last.size()), data);
    AppendBig32(static_cast<std::uint32_t>(walk.value().size()), data);
    data += last;
    data += walk.value();
  }
  RETURN_IF_ERROR(walk.status());
  Value out = Value::Struct({{"Data", shapes::Blob{std::move(data)}}});
  if (walk.Valid()) out.Set("Next", shapes::Blob{std::move(last)});
  return out;
}

base::Result<Value> BeginImport(Core& core, const Value& input) {
  const std::string arn(input.String("BackupArn"));
  if (FindBackup(core, arn) != nullptr)
    return base::Already(fmt::format("{} is being restored", arn));
  auto backup = std::make_unique<Backup>();
  ASSIGN_OR_RETURN(backup->table, TableFromSaved(input.String("Form")));
  backup->arn = arn;
  backup->name = backup->table.name;
  backup->status = Backup::Status::kArriving;
  backup->holder = Backup::Holder::kVault;
  backup->created = core.Now();
  if (const Value* created = input.Find("Created")) backup->created = created->time();
  backup->number = core.next_number;
  backup->extent = {input.Int("Items"), input.Int("Bytes")};
  Batch batch;
  TakeNumber(core, backup->number, batch);
  const Verdict saved = SaveBackup(core, *backup, batch);
  if (!saved.ok()) return Refusal(saved.error());
  ++core.next_number;
  core.backups.push_back(std::move(backup));
  return Value::Struct();
}

base::Result<Value> Import(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(const Backup* const backup, Arriving(core, input));
  std::string_view data = BlobIn(input, "Data");
  const std::string prefix = TablePrefix(backup->number);
  const base::Error broken = base::Invalid("a piece of a backup does not hold together");
  constexpr std::size_t kLengths = 8;
  Batch batch;
  while (!data.empty()) {
    if (data.size() < kLengths) return broken;
    const std::size_t place = ReadBig32(data);
    const std::size_t value = ReadBig32(data.substr(kLengths / 2));
    data.remove_prefix(kLengths);
    if (data.size() < place || data.size() - place < value) return broken;
    if (place == 0 || data.front() != static_cast<char>(kItemsSlot)) return broken;
    batch.Put(Space::kItems, prefix + std::string(data.substr(0, place)),
              data.substr(place, value));
    data.remove_prefix(place + value);
  }
  RETURN_IF_ERROR(core.store->Write(batch));
  return Value::Struct();
}

base::Result<Value> EndImport(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(Backup* const backup, Arriving(core, input));
  backup->status = Backup::Status::kAvailable;
  Batch batch;
  const Verdict saved = SaveBackup(core, *backup, batch);
  if (!saved.ok()) return Refusal(saved.error());
  return Value::Struct();
}

base::Result<Value> Forget(Core& core, const Value& input) {
  ASSIGN_OR_RETURN(const Backup* const backup, Named(core, input));
  if (backup->status == Backup::Status::kCreating || IsRestoring(core, *backup))
    return base::WrongState(fmt::format("{} is in use", backup->arn));
  const Verdict dropped = DropBackup(core, *backup);
  if (!dropped.ok()) return Refusal(dropped.error());
  return Value::Struct();
}

struct BackupPart {
  std::string_view operation;
  base::Result<Value> (*handle)(Core& core, const Value& input);
};
constexpr BackupPart kParts[] = {
    {"BackUp", BackUpTable},  {"State", State},   {"Form", Form},
    {"Export", Export},       {"Import", Import}, {"BeginImport", BeginImport},
    {"EndImport", EndImport}, {"Forget", Forget},
};

}  // namespace

base::Result<Value> HandleBackupParts(Core& core, std::string_view operation, const Value& input) {
  for (const BackupPart& part : kParts) {
    if (part.operation == operation) return part.handle(core, input);
  }
  return base::Invalid(fmt::format("{} is no part of a backup", operation));
}

}  // namespace leeward::lab::tables
