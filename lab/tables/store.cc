#include "lab/tables/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace leeward::lab::tables {
namespace {

constexpr std::size_t kSpaces = 3;
constexpr std::size_t kCacheBytes = std::size_t{12} << 20;
// What is not yet in a sorted file is read back from the log at the next start, at about 200 MB a
// second: this bounds the start, and the memory of a Region that has stopped writing.
constexpr std::size_t kItemsBuffer = std::size_t{12} << 20;
constexpr std::size_t kLogBuffer = std::size_t{4} << 20;
constexpr std::size_t kMetaBuffer = std::size_t{2} << 20;
constexpr std::uint64_t kMaxLogFiles = std::uint64_t{24} << 20;
constexpr std::size_t kBlock = std::size_t{8} << 10;
constexpr int kOpenFiles = 400;
// Values from here on stand in files of their own, so that sorting keys does not copy them again
// and again: what keeps the cost of an item flat.
constexpr std::uint64_t kApartFrom = 400;
// Their keys and where their values stand: what is read back with one small block, as it is, and
// merged with what is about as large, so that a key is not copied each time a few others arrive.
constexpr std::size_t kItemsBlock = std::size_t{4} << 10;
constexpr int kRunsBeforeMerge = 8;
constexpr unsigned kAboutAsLarge = 20;  // percent
// Of the items' buffer, for a filter in front of it: about ten bits an item of 100 bytes.
constexpr double kFilterShare = 0.015;
constexpr std::size_t kMaxWaitingBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxWaitingKeys = 1000;

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

base::Error ToError(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (status.IsCorruption()) return base::Corrupt("the item store: " + text);
  if (status.IsNoSpace()) return base::Exhausted("the item store: " + text);
  if (status.IsIOError() && text.find("lock") != std::string::npos) {
    return base::WrongState("the item store is in use by another process: " + text);
  }
  return base::ServiceBroken("the item store: " + text);
}

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_open_files = kOpenFiles;
  options.max_background_jobs = 2;
  options.max_total_wal_size = kMaxLogFiles;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = std::size_t{1} << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.avoid_flush_during_recovery = true;
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.bytes_per_sync = std::uint64_t{1} << 20;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return options;
}

rocksdb::BlockBasedTableOptions TableOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                             std::size_t block) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  table.block_size = block;
  table.cache_index_and_filter_blocks = false;
  return table;
}

rocksdb::ColumnFamilyOptions SpaceOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                          std::size_t buffer) {
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(cache, kBlock)));
  options.write_buffer_size = buffer;
  options.max_write_buffer_number = 3;
  options.arena_block_size = std::size_t{256} << 10;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = std::uint64_t{16} << 20;
  options.max_bytes_for_level_base = std::uint64_t{64} << 20;
  return options;
}

rocksdb::ColumnFamilyOptions ItemsOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = SpaceOptions(cache, kItemsBuffer);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(cache, kItemsBlock)));
  options.compression = rocksdb::kNoCompression;
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.compaction_options_universal.size_ratio = kAboutAsLarge;
  options.level0_file_num_compaction_trigger = kRunsBeforeMerge;
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = kFilterShare;
  options.enable_blob_files = true;
  options.min_blob_size = kApartFrom;
  options.blob_file_size = std::uint64_t{128} << 20;
  options.blob_compression_type = rocksdb::kLZ4Compression;
  options.enable_blob_garbage_collection = true;
  options.blob_garbage_collection_age_cutoff = 0.25;
  options.blob_garbage_collection_force_threshold = 0.6;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families() {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kCacheBytes);
  return {{rocksdb::kDefaultColumnFamilyName, SpaceOptions(cache, kMetaBuffer)},
          {"items", ItemsOptions(cache)},
          {"log", SpaceOptions(cache, kLogBuffer)}};
}

}  // namespace

// The batch is written before a store is known: it names column families by their number, which is
// the order in which Families() makes them.
namespace {
std::uint32_t Number(Space space) { return static_cast<std::uint32_t>(space); }
class Named final : public rocksdb::ColumnFamilyHandle {
 public:
  explicit Named(std::uint32_t id) : id_(id) {}
  const std::string& GetName() const override { return name_; }
  std::uint32_t GetID() const override { return id_; }
  rocksdb::Status GetDescriptor(rocksdb::ColumnFamilyDescriptor*) override {
    return rocksdb::Status::NotSupported();
  }
  const rocksdb::Comparator* GetComparator() const override {
    return rocksdb::BytewiseComparator();
  }

 private:
  std::uint32_t id_;
  std::string name_;
};
rocksdb::ColumnFamilyHandle* Handle(Space space) {
  static std::array<Named, kSpaces> handles = {Named(0), Named(1), Named(2)};
  return &handles[Number(space)];
}
}  // namespace

struct Batch::Parts {
  rocksdb::WriteBatch batch;
};
Batch::Batch() : parts_(std::make_unique<Parts>()) {}
Batch::~Batch() = default;
void Batch::Put(Space space, std::string_view key, std::string_view value) {
  CHECK(parts_->batch.Put(Handle(space), ToSlice(key), ToSlice(value)).ok());
}
void Batch::Put(Space space, std::string_view key, std::string_view head, std::string_view tail) {
  const rocksdb::Slice key_part = ToSlice(key);
  const std::array<rocksdb::Slice, 2> parts = {ToSlice(head), ToSlice(tail)};
  CHECK(parts_->batch
            .Put(Handle(space), rocksdb::SliceParts(&key_part, 1),
                 rocksdb::SliceParts(parts.data(), 2))
            .ok());
}
void Batch::Delete(Space space, std::string_view key) {
  CHECK(parts_->batch.Delete(Handle(space), ToSlice(key)).ok());
}
void Batch::DeleteRange(Space space, std::string_view begin, std::string_view end) {
  CHECK(parts_->batch.DeleteRange(Handle(space), ToSlice(begin), ToSlice(end)).ok());
}
void Batch::Clear() { parts_->batch.Clear(); }
bool Batch::empty() const { return parts_->batch.Count() == 0; }
std::size_t Batch::bytes() const { return parts_->batch.GetDataSize(); }

namespace {

std::size_t KeyHash(std::uint32_t space, std::string_view key) {
  return std::hash<std::string_view>()(key) + space;
}

// Adds a batch to another, and notes which keys it writes.
class Joiner final : public rocksdb::WriteBatch::Handler {
 public:
  Joiner(rocksdb::WriteBatch& all, std::vector<std::size_t>& keys) : all_(all), keys_(keys) {}

  rocksdb::Status PutCF(std::uint32_t space, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    keys_.push_back(KeyHash(space, ToView(key)));
    return all_.Put(Handle(static_cast<Space>(space)), key, value);
  }
  rocksdb::Status DeleteCF(std::uint32_t space, const rocksdb::Slice& key) override {
    keys_.push_back(KeyHash(space, ToView(key)));
    return all_.Delete(Handle(static_cast<Space>(space)), key);
  }

 private:
  rocksdb::WriteBatch& all_;
  std::vector<std::size_t>& keys_;
};

}  // namespace

struct Store::Parts {
  std::unique_ptr<rocksdb::DB> database;
  std::array<rocksdb::ColumnFamilyHandle*, kSpaces> spaces{};
  std::set<const rocksdb::Snapshot*> moments;  // that nobody has let go yet
  Batch joined;
  std::vector<std::size_t> joined_keys;  // hashes of what it writes
  OnSettle hooks;

  ~Parts() {
    for (const rocksdb::Snapshot* moment : moments) database->ReleaseSnapshot(moment);
    for (rocksdb::ColumnFamilyHandle* space : spaces) {
      if (space != nullptr) database->DestroyColumnFamilyHandle(space);
    }
  }
  rocksdb::ColumnFamilyHandle* Of(Space space) const {
    return spaces[static_cast<std::size_t>(space)];
  }
  // Two keys of one hash settle early, which does no harm.
  bool Waits(Space space, std::string_view key) const {
    return !joined_keys.empty() && std::find(joined_keys.begin(), joined_keys.end(),
                                             KeyHash(Number(space), key)) != joined_keys.end();
  }
  base::Status Settle();
  // What cannot be made is not there: that is all those who look have to know. Those who wrote it
  // are told by the hook.
  void SettleToLook() { std::ignore = Settle(); }
};

base::Status Store::Parts::Settle() {
  if (joined.empty()) return base::Ok();
  if (hooks.before) hooks.before(joined);
  const rocksdb::Status written = database->Write(rocksdb::WriteOptions(), &joined.parts_->batch);
  joined.Clear();
  joined_keys.clear();
  base::Status status = written.ok() ? base::Ok() : base::Status(ToError(written));
  if (hooks.after) hooks.after(status);
  return status;
}

struct Pinned::Parts {
  rocksdb::PinnableSlice slice;
};
Pinned::Pinned() : parts_(std::make_unique<Parts>()) {}
Pinned::~Pinned() = default;
Pinned::Pinned(Pinned&&) noexcept = default;
Pinned& Pinned::operator=(Pinned&&) noexcept = default;
std::string_view Pinned::bytes() const { return ToView(parts_->slice); }

struct Walk::Parts {
  std::string begin;
  std::string end;
  rocksdb::Slice lower;
  rocksdb::Slice upper;
  std::unique_ptr<rocksdb::Iterator> iterator;
};
Walk::Walk(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Walk::~Walk() = default;
Walk::Walk(Walk&&) noexcept = default;
Walk& Walk::operator=(Walk&&) noexcept = default;
void Walk::SeekFirst() { parts_->iterator->SeekToFirst(); }
void Walk::SeekLast() { parts_->iterator->SeekToLast(); }
void Walk::Seek(std::string_view key) { parts_->iterator->Seek(ToSlice(key)); }
void Walk::SeekBackwards(std::string_view key) { parts_->iterator->SeekForPrev(ToSlice(key)); }
bool Walk::Valid() const { return parts_->iterator->Valid(); }
void Walk::Next() { parts_->iterator->Next(); }
void Walk::Previous() { parts_->iterator->Prev(); }
std::string_view Walk::key() const { return ToView(parts_->iterator->key()); }
std::string_view Walk::value() const { return ToView(parts_->iterator->value()); }
base::Status Walk::status() const {
  const rocksdb::Status status = parts_->iterator->status();
  if (!status.ok()) return ToError(status);
  return base::Ok();
}

struct Moment::Parts {
  std::weak_ptr<Store::Parts> store;
  const rocksdb::Snapshot* snapshot = nullptr;
  ~Parts() {
    const auto open = store.lock();
    if (open == nullptr) return;
    open->moments.erase(snapshot);
    open->database->ReleaseSnapshot(snapshot);
  }
};
Moment::Moment(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Moment::~Moment() = default;

Store::Store(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
Store::~Store() = default;

base::Result<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& directory) {
  std::error_code made;
  std::filesystem::create_directories(directory, made);
  if (made) return base::ServiceBroken(directory.string() + ": " + made.message());
  const auto families = Families();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* database = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(DatabaseOptions(), directory.string(), families, &handles, &database);
  if (!status.ok()) return ToError(status);
  // Merging can wait; who asks for an item waits.
  std::ignore = rocksdb::Env::Default()->LowerThreadPoolCPUPriority(rocksdb::Env::LOW,
                                                                    rocksdb::CpuPriority::kLow);
  auto parts = std::make_shared<Parts>();
  parts->database.reset(database);
  for (std::size_t i = 0; i < kSpaces; ++i) {
    CHECK(handles[i]->GetID() == i);
    parts->spaces[i] = handles[i];
  }
  return std::unique_ptr<Store>(new Store(std::move(parts)));
}

base::Result<bool> Store::Get(Space space, std::string_view key, Pinned& value) const {
  if (parts_->Waits(space, key)) parts_->SettleToLook();
  rocksdb::PinnableSlice& slice = value.parts_->slice;
  slice.Reset();
  const rocksdb::Status status =
      parts_->database->Get(rocksdb::ReadOptions(), parts_->Of(space), ToSlice(key), &slice);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return ToError(status);
  return true;
}

base::Status Store::Write(Batch& batch) {
  parts_->SettleToLook();
  const rocksdb::Status status =
      parts_->database->Write(rocksdb::WriteOptions(), &batch.parts_->batch);
  if (!status.ok()) return ToError(status);
  return base::Ok();
}

void Store::Join(const Batch& batch) {
  Joiner joiner(parts_->joined.parts_->batch, parts_->joined_keys);
  CHECK(batch.parts_->batch.Iterate(&joiner).ok());
}

bool Store::waiting() const { return !parts_->joined.empty(); }

bool Store::full() const {
  return parts_->joined.bytes() > kMaxWaitingBytes || parts_->joined_keys.size() > kMaxWaitingKeys;
}

base::Status Store::Settle() { return parts_->Settle(); }

void Store::SetOnSettle(OnSettle hooks) { parts_->hooks = std::move(hooks); }

Walk Store::Range(Space space, std::string_view begin, std::string_view end, Caching caching,
                  const Moment* moment) const {
  parts_->SettleToLook();
  auto parts = std::make_unique<Walk::Parts>();
  parts->begin = begin;
  parts->end = end;
  parts->lower = parts->begin;
  parts->upper = parts->end;
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &parts->lower;
  if (!end.empty()) options.iterate_upper_bound = &parts->upper;
  options.fill_cache = caching == Caching::kKeep;
  if (moment != nullptr) options.snapshot = moment->parts_->snapshot;
  parts->iterator.reset(parts_->database->NewIterator(options, parts_->Of(space)));
  return Walk(std::move(parts));
}

std::unique_ptr<Moment> Store::Now() const {
  parts_->SettleToLook();
  auto parts = std::make_unique<Moment::Parts>();
  parts->store = parts_;
  parts->snapshot = parts_->database->GetSnapshot();
  parts_->moments.insert(parts->snapshot);
  return std::unique_ptr<Moment>(new Moment(std::move(parts)));
}

void Store::DropFiles(Space space, std::string_view begin, std::string_view end) {
  const rocksdb::Slice first = ToSlice(begin);
  const rocksdb::Slice last = ToSlice(end);
  // Only whole files inside the range go; what is left waits for the next sorting.
  const rocksdb::RangePtr range(&first, &last);
  const rocksdb::Status dropped =
      rocksdb::DeleteFilesInRanges(parts_->database.get(), parts_->Of(space), &range, 1, false);
  if (!dropped.ok()) return;
}

}  // namespace leeward::lab::tables
