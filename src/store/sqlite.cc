#include "store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "store/limits.h"

namespace leeward::store {
namespace {

using base::MonotonicTime;
using ports::SharedEntry;

constexpr int kApplicationId = 0x4c575354;  // "LWST"
constexpr int kVersion = 1;

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Who may use the connection, one at a time. A std::timed_mutex does the same, but GCC 12's thread
// sanitizer does not see it being locked.
class Turn {
 public:
  bool try_lock_for(base::Duration patience) {
    std::unique_lock lock(mutex_);
    if (!given_back_.wait_for(lock, patience, [this] { return !taken_; })) return false;
    taken_ = true;
    return true;
  }
  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    given_back_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_back_;
  bool taken_ = false;
};

base::ErrorCode CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::ErrorCode::kUnreachable;
    case SQLITE_CORRUPT:
      return base::ErrorCode::kCorrupt;
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
      return base::ErrorCode::kInvalid;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return base::ErrorCode::kDenied;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return base::ErrorCode::kExhausted;
    default:
      return base::ErrorCode::kService;
  }
}

// One prepared statement of one call.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    sqlite3_stmt* made = nullptr;
    result_ = sqlite3_prepare_v2(database, sql, -1, &made, nullptr);
    statement_.reset(made);
  }
  Statement& Bytes(std::string_view bytes) {
    // A null pointer would be NULL, not empty.
    const char* data = bytes.empty() ? "" : bytes.data();
    Keep(sqlite3_bind_blob64(statement_.get(), ++bound_, data, bytes.size(), SQLITE_TRANSIENT));
    return *this;
  }
  Statement& Number(std::uint64_t number) {
    Keep(sqlite3_bind_int64(statement_.get(), ++bound_, static_cast<sqlite3_int64>(number)));
    return *this;
  }
  // True: a row is there; false: no more.
  base::Result<bool> Step() {
    if (result_ == SQLITE_OK) {
      const int stepped = sqlite3_step(statement_.get());
      if (stepped == SQLITE_ROW) return true;
      if (stepped == SQLITE_DONE) return false;
      result_ = stepped;
    }
    return base::Error(CodeOf(result_), sqlite3_errmsg(database_));
  }
  std::string Text(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  }
  std::uint64_t Integer(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
  }

 private:
  void Keep(int result) {
    if (result_ == SQLITE_OK) result_ = result;
  }
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
  int result_ = SQLITE_OK;
  int bound_ = 0;
};

base::Status Run(sqlite3* database, const char* sql) {
  const auto stepped = Statement(database, sql).Step();
  if (!stepped.ok()) return stepped.error();
  return base::Ok();
}

base::Result<std::string> Ask(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Text(0) : std::string();
}

// Rolls back what was not committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* database) : database_(database) {}
  ~Transaction() {
    if (open_) sqlite3_exec(database_, "rollback", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  base::Status Begin() { return BeginWith("begin immediate"); }
  // All that is read shows the file at one moment.
  base::Status BeginReading() { return BeginWith("begin"); }
  base::Status Commit() {
    RETURN_IF_ERROR(Run(database_, "commit"));
    open_ = false;
    return base::Ok();
  }

 private:
  base::Status BeginWith(const char* sql) {
    RETURN_IF_ERROR(Run(database_, sql));
    open_ = true;
    return base::Ok();
  }
  sqlite3* database_;
  bool open_ = false;
};

class SqliteStore : public ports::SharedStore {
 public:
  SqliteStore(std::string path, Database database, const ports::Clock& clock)
      : path_(std::move(path)), database_(std::move(database)), clock_(clock) {}

  base::Result<std::optional<SharedEntry>> Get(std::string_view key,
                                               MonotonicTime deadline) override {
    using Answer = base::Result<std::optional<SharedEntry>>;
    return InTime(deadline, [&]() -> Answer { return Find(key); });
  }

  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckEntry(key, value));
    return InTime(deadline, [&]() -> base::Result<std::uint64_t> {
      Transaction transaction(database_.get());
      RETURN_IF_ERROR(transaction.Begin());
      RETURN_IF_ERROR(Expect(key, expected));
      RETURN_IF_ERROR(Run(database_.get(), "update counter set revision = revision + 1"));
      Statement put(database_.get(),
                    "insert into entry (key, value, revision) select ?1, ?2, revision from counter"
                    " where true on conflict (key) do update set value = excluded.value,"
                    " revision = excluded.revision returning revision");
      ASSIGN_OR_RETURN(const bool row, put.Bytes(key).Bytes(value).Step());
      CHECK(row);
      const std::uint64_t revision = put.Integer(0);
      ASSIGN_OR_RETURN(const bool more, put.Step());
      CHECK(!more);
      RETURN_IF_ERROR(transaction.Commit());
      return revision;
    });
  }

  base::Result<std::vector<SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                              MonotonicTime deadline) override {
    using Answer = base::Result<std::vector<SharedEntry>>;
    RETURN_IF_ERROR(CheckLimit(limit));
    return InTime(deadline, [&]() -> Answer {
      Statement list(database_.get(),
                     "select key, value, revision from entry where key >= ?1"
                     " and substr(key, 1, ?2) = ?1 order by key limit ?3");
      list.Bytes(prefix).Number(prefix.size()).Number(limit);
      std::vector<SharedEntry> entries;
      while (true) {
        ASSIGN_OR_RETURN(const bool row, list.Step());
        if (!row) return entries;
        entries.push_back({list.Text(0), list.Text(1), list.Integer(2)});
      }
    });
  }

  base::Status Remove(std::string_view key, std::uint64_t expected,
                      MonotonicTime deadline) override {
    return InTime(deadline, [&]() -> base::Status {
      Transaction transaction(database_.get());
      RETURN_IF_ERROR(transaction.Begin());
      RETURN_IF_ERROR(Expect(key, expected));
      Statement remove(database_.get(), "delete from entry where key = ?1");
      const auto removed = remove.Bytes(key).Step();
      if (!removed.ok()) return removed.error();
      return transaction.Commit();
    });
  }

 private:
  // Runs `work` alone on the connection, with locks waited for until the deadline.
  template <typename Work>
  auto InTime(MonotonicTime deadline, Work work) -> decltype(work()) {
    std::unique_lock<Turn> lock(turn_, std::defer_lock);
    const base::Duration left = deadline - clock_.Monotonic();
    if (left <= base::Duration(0) || !lock.try_lock_for(left)) return Late();
    const std::int64_t wait = base::Millis(deadline - clock_.Monotonic());
    if (wait <= 0) return Late();
    sqlite3_busy_timeout(database_.get(), static_cast<int>(std::min<std::int64_t>(wait, 60'000)));
    auto done = work();
    if (!done.ok()) return std::move(done).error().Context(path_);
    return done;
  }
  base::Error Late() const { return base::Unreachable(path_ + " did not answer in time"); }

  base::Result<std::optional<SharedEntry>> Find(std::string_view key) {
    Statement get(database_.get(), "select value, revision from entry where key = ?1");
    ASSIGN_OR_RETURN(const bool row, get.Bytes(key).Step());
    if (!row) return std::optional<SharedEntry>();
    return std::optional(SharedEntry{std::string(key), get.Text(0), get.Integer(1)});
  }

  base::Status Expect(std::string_view key, std::uint64_t expected) {
    ASSIGN_OR_RETURN(const std::optional<SharedEntry> found, Find(key));
    return CheckRevision(key, expected, found ? found->revision : ports::kAbsent);
  }

  const std::string path_;
  Turn turn_;
  Database database_;
  const ports::Clock& clock_;
};

// SQLite would make the file with the umask's mode. Its log and index take the file's own.
base::Status MakePrivate(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return base::Ok();
  }
  if (errno == EEXIST) return base::Ok();
  return base::Invalid("cannot make " + path + ": " + std::strerror(errno));
}

// Whether the file is a store already; false: it is empty. Anything else is refused.
base::Result<bool> IsStore(sqlite3* database) {
  ASSIGN_OR_RETURN(const std::string id, Ask(database, "pragma application_id"));
  ASSIGN_OR_RETURN(const std::string version, Ask(database, "pragma user_version"));
  ASSIGN_OR_RETURN(const std::string tables, Ask(database, "select count(*) from sqlite_schema"));
  if (id == std::to_string(kApplicationId)) {
    if (version == std::to_string(kVersion)) return true;
    return base::Invalid("a store of version " + version + ", this program knows version " +
                         std::to_string(kVersion));
  }
  if (id != "0" || tables != "0") return base::Invalid("not a store of Leeward's");
  return false;
}

// Before anything is changed, so that another program's file is left as it is.
base::Status CheckOurs(sqlite3* database) {
  Transaction transaction(database);
  RETURN_IF_ERROR(transaction.BeginReading());
  const auto made = IsStore(database);
  if (!made.ok()) return made.error();
  return transaction.Commit();
}

// SQLite refuses the change at once, without its busy handler, while another connection makes it
// too; so it is asked again, at most `patience` long.
base::Status UseWriteAheadLog(sqlite3* database, base::Duration patience) {
  constexpr std::int64_t kPause = 5;  // milliseconds
  const std::int64_t tries = base::Millis(patience) / kPause;
  for (std::int64_t tried = 0;; ++tried) {
    const auto mode = Ask(database, "pragma journal_mode = wal");
    if (mode.ok()) {
      if (*mode == "wal") return base::Ok();
      return base::Invalid("SQLite's write-ahead log cannot live there; choose a local disk");
    }
    if (mode.error().code() != base::ErrorCode::kUnreachable || tried >= tries) return mode.error();
    sqlite3_sleep(static_cast<int>(kPause));
  }
}

base::Status Prepare(sqlite3* database, base::Duration patience) {
  RETURN_IF_ERROR(CheckOurs(database));
  RETURN_IF_ERROR(UseWriteAheadLog(database, patience));
  RETURN_IF_ERROR(Run(database, "pragma synchronous = full"));
  Transaction transaction(database);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(const bool made, IsStore(database));
  if (made) return transaction.Commit();
  for (const std::string& statement :
       {"pragma application_id = " + std::to_string(kApplicationId),
        "pragma user_version = " + std::to_string(kVersion),
        std::string("create table entry (key blob primary key, value blob not null,"
                    " revision integer not null) without rowid"),
        std::string("create table counter (revision integer not null)"),
        std::string("insert into counter (revision) values (0)")}) {
    RETURN_IF_ERROR(Run(database, statement.c_str()));
  }
  return transaction.Commit();
}

}  // namespace

base::Result<std::unique_ptr<ports::SharedStore>> OpenSqlite(const SqliteOptions& options,
                                                             const ports::Clock& clock) {
  RETURN_IF_ERROR(MakePrivate(options.path));
  sqlite3* opened = nullptr;
  const int result =
      sqlite3_open_v2(options.path.c_str(), &opened,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(opened);
  if (result != SQLITE_OK) {
    return base::Error(CodeOf(result), options.path + ": " + sqlite3_errstr(result));
  }
  sqlite3_busy_timeout(database.get(), static_cast<int>(base::Millis(options.open_timeout)));
  base::Status prepared = Prepare(database.get(), options.open_timeout);
  if (!prepared.ok()) return std::move(prepared).error().Context(options.path);
  return std::unique_ptr<ports::SharedStore>(
      std::make_unique<SqliteStore>(options.path, std::move(database), clock));
}

}  // namespace leeward::store
