// Store: one Region's RocksDB database, and nothing of what is in it.
//
// A write is in the log file (given to the operating system, not synced) when Write or Settle comes
// back: it survives a kill of the process. All of a Batch is there after that, or none of it.
//
// Writes can be put off to be made together, which costs far less than each by itself. Whoever
// looks at the store does not notice: what waits is made before it could be missed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::lab::tables {

// Key spaces that are laid out for what is in them.
enum class Space : unsigned char {
  kMeta,   // descriptions of tables and backups, counters: small, few
  kItems,  // items, index entries, tombstones, copies in backups
  kLog,    // changes in their order: written once, read a few times, cut off at the old end
};

class Batch {
 public:
  Batch();
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void Put(Space space, std::string_view key, std::string_view value);
  // A value in two parts, so that neither is copied to stand beside the other.
  void Put(Space space, std::string_view key, std::string_view head, std::string_view tail);
  void Delete(Space space, std::string_view key);
  // Everything from `begin` up to but without `end`. Costs little to write and something to read
  // over: for whole tables and the ends of logs.
  void DeleteRange(Space space, std::string_view begin, std::string_view end);
  void Clear();
  bool empty() const;
  std::size_t bytes() const;

 private:
  friend class Store;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Bytes that the store keeps alive while this lives.
class Pinned {
 public:
  Pinned();
  ~Pinned();
  Pinned(Pinned&&) noexcept;
  Pinned& operator=(Pinned&&) noexcept;
  std::string_view bytes() const;

 private:
  friend class Store;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A walk over a range of keys as they are at one instant.
class Walk {
 public:
  ~Walk();
  Walk(Walk&&) noexcept;
  Walk& operator=(Walk&&) noexcept;

  void SeekFirst();
  void SeekLast();
  void Seek(std::string_view key);           // the first at or after
  void SeekBackwards(std::string_view key);  // the last at or before
  bool Valid() const;
  void Next();
  void Previous();
  std::string_view key() const;    // good until the walk moves
  std::string_view value() const;  // the same
  // What went wrong, once the walk is no longer Valid.
  base::Status status() const;

 private:
  friend class Store;
  struct Parts;
  explicit Walk(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// A moment to look at later. Holds disk space while it lives; may outlive the store.
class Moment {
 public:
  ~Moment();
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

 private:
  friend class Store;
  struct Parts;
  explicit Moment(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

class Store {
  struct Parts;
  friend class Moment;

 public:
  // kWrongState when another process has it; kCorrupt when it cannot be read.
  static base::Result<std::unique_ptr<Store>> Open(const std::filesystem::path& directory);
  ~Store();

  // Whether the key is there; `value` holds what is.
  base::Result<bool> Get(Space space, std::string_view key, Pinned& value) const;
  // After what waits.
  base::Status Write(Batch& batch);

  // Puts a write off until the next Settle, which makes all that wait in their order and in one
  // piece.
  void Join(const Batch& batch);
  bool waiting() const;
  // Whether so much waits that it should wait no longer.
  bool full() const;
  // Makes what waits. After an error nothing of it is there, and it waits no more.
  base::Status Settle();
  struct OnSettle {
    std::function<void(Batch&)> before;  // may add what is written once for all that waited
    std::function<void(const base::Status&)> after;
  };
  // Around every Settle that has something to make, whoever causes it. Both may be empty.
  void SetOnSettle(OnSettle hooks);

  // From `begin` up to but without `end`; both outlive the walk's making only. `moment` may be
  // null: now. `fill_cache`: whether what is read may push other things out of memory.
  enum class Caching { kKeep, kPassBy };
  Walk Range(Space space, std::string_view begin, std::string_view end,
             Caching caching = Caching::kKeep, const Moment* moment = nullptr) const;
  std::unique_ptr<Moment> Now() const;
  // Frees at once what a DeleteRange left on disk, as far as that is cheap.
  void DropFiles(Space space, std::string_view begin, std::string_view end);

 private:
  explicit Store(std::shared_ptr<Parts> parts);
  std::shared_ptr<Parts> parts_;
};

}  // namespace leeward::lab::tables
