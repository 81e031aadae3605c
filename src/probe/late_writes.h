// Late writes: what an old writer committed and the promoted replica never got. The two databases
// are compared row by row; nothing is changed in either.
//
// A physical replica continues its source's transaction numbers. What the source numbered before
// the replica's last snapshot is in both, so only rows numbered later are looked at: each of them
// is looked for, by primary key, in the new writer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/postgres.h"
#include "probe/wait.h"

namespace leeward::probe {

// Where two timelines parted, in 64-bit transaction numbers.
struct Divergence {
  std::uint64_t oldest_open = 0;  // everything below had ended, and is in both
  std::uint64_t next = 0;         // from here on each side has given out numbers of its own
  friend bool operator==(const Divergence&, const Divergence&) = default;

  std::string Text() const;  // "746:751"
};
// kInvalid when it is not one.
base::Result<Divergence> ParseDivergence(const std::string& text);

// Reads it on a replica that has replayed all it will replay; on a promoted one it is too late.
base::Result<Divergence> ReadDivergence(PostgresSession& replica, base::MonotonicTime deadline);

enum class LateKind {
  kInserted,     // the new writer has no such row
  kChanged,      // it has another version of it
  kDeleted,      // it still has a row, unchanged since, that the old writer deleted
  kUnkeyed,      // written late, in a table without a primary key: it cannot be looked for
  kTransaction,  // a whole transaction, of an engine whose log tells them and not rows
};
std::string_view Name(LateKind kind);

struct LateRow {
  std::string table;  // "public.orders"; of a transaction the first it wrote, or its database
  LateKind kind = LateKind::kInserted;
  std::string key;      // JSON object of the primary key, or of the id; empty for kUnkeyed
  std::string old_row;  // JSON object; empty for kDeleted; of a transaction its statements
};

struct LateTable {
  std::string table;
  std::uint64_t inserted = 0, changed = 0, deleted = 0, unkeyed = 0;
  std::uint64_t transactions = 0;

  std::uint64_t all() const { return inserted + changed + deleted + unkeyed + transactions; }
};

// Hands each late row to `take` and returns the counts of the tables that have any, by name.
// Tables of the schema `leeward` are passed over. A row that was deleted there and changed in the
// new writer since is not found. `deadline` bounds all of it; memory is bounded by pages of rows.
base::Result<std::vector<LateTable>> FindLateWrites(
    PostgresSession& old_writer, PostgresSession& new_writer, const Divergence& divergence,
    const std::function<base::Status(const LateRow&)>& take, base::MonotonicTime deadline);

// What one reader of an old writer needs.
struct LateReader {
  const Resolver& resolver;
  const ports::Clock& clock;
  base::MonotonicTime deadline;  // of all of it
  Cancelled cancelled;
};

// The same for an old writer whose database is closed. It is made read-only, opened for this one
// reader, and closed again whatever comes of it.
base::Result<std::vector<LateTable>> FindLateWritesOfClosed(
    const PostgresAddress& old_writer, const PostgresAddress& new_writer,
    const Divergence& divergence, const std::function<base::Status(const LateRow&)>& take,
    const LateReader& reader);

// "13 rows: public.orders 6 inserted; public.lines 7 inserted", "2 transactions: shop.orders 2", or
// "none".
std::string Summary(const std::vector<LateTable>& tables);

}  // namespace leeward::probe
