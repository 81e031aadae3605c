// MySQL and MariaDB as a SqlSession.
#include "probe/mysql_database.h"
#include "probe/mysql_door.h"
#include "probe/sql_session_engines.h"

namespace leeward::probe {
namespace {

std::string Column(const std::vector<NamedRow>& rows, const std::string& name) {
  if (rows.size() != 1) return "";
  const auto found = rows.front().find(name);
  return found == rows.front().end() ? "" : found->second.value_or("");
}

class MySqlSql final : public SqlSession {
 public:
  MySqlSql(SqlAddress address, std::unique_ptr<MySqlSession> session)
      : SqlSession(std::move(address)), session_(std::move(session)) {}

  bool broken() const override { return session_->broken(); }
  base::Status Ping(base::MonotonicTime deadline) override {
    const auto answered = session_->Query("SELECT 1", {}, deadline);
    return answered.ok() ? base::Ok() : base::Status(answered.error());
  }
  base::Result<bool> TakesWrites(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const auto rows,
                     session_->Query("SELECT @@global.read_only AS held", {}, deadline));
    return Column(rows, "held") == "0";
  }

  base::Result<SqlPosition> Position(base::MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckIsMariaDb(deadline));
    ASSIGN_OR_RETURN(const ReplicaPosition at, ReadReplicaPosition(*session_, deadline));
    SqlPosition position;
    // Between its promotion and the end of it, it has no source any more and refuses writes still.
    position.replica = at.replica || at.read_only;
    position.replayed = at.applied;
    // One that has not reached its source since it started fetches again what it had received.
    position.received = at.to_apply ? at.received : at.applied;
    if (at.replica && !at.applying) position.rest = SqlPosition::Rest::kStopped;
    return position;
  }
  base::Result<std::string> Mark(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const WriterMark mark, ReadWriterMark(deadline));
    return mark.value;
  }
  base::Result<WriterMark> ReadWriterMark(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const SqlPosition at, Position(deadline));
    if (at.replica) return base::WrongState(address().Text() + " is still a replica");
    return WriterMark{"position", at.replayed};
  }
  base::Result<std::string> Parting(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const SqlPosition at, Position(deadline));
    if (!at.replica)
      return base::WrongState(address().Text() +
                              " is no replica any more: where it parted cannot be read");
    return at.replayed;
  }

  base::Status EnsureTables(base::MonotonicTime deadline) override {
    return probe::EnsureTables(*session_, deadline);
  }
  base::Result<bool> HasTables(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const auto rows,
                     session_->Query("SELECT count(*) AS tables FROM information_schema.tables"
                                     " WHERE table_schema = 'leeward' AND table_name IN"
                                     " ('canary', 'probe')",
                                     {}, deadline));
    return Column(rows, "tables") == "2";
  }
  base::Status WriteCanary(const Canary& canary, base::MonotonicTime deadline) override {
    return probe::WriteCanary(*session_, canary, deadline);
  }
  base::Result<std::optional<base::WallTime>> NewestCanary(base::MonotonicTime deadline) override {
    return probe::NewestCanary(*session_, deadline);
  }
  base::Status ProbeWrite(const std::string& key, base::MonotonicTime deadline) override {
    return probe::ProbeWrite(*session_, key, deadline);
  }

  base::Status CloseDoor(const std::string& /*database*/, base::MonotonicTime deadline,
                         const Cancelled& cancelled) override {
    return CloseServer(*session_, deadline, cancelled);
  }
  base::Status OpenDoor(const std::string& /*database*/, base::MonotonicTime deadline) override {
    return OpenServer(*session_, deadline);
  }
  base::Result<bool> IsDoorOpen(const std::string& /*database*/,
                                base::MonotonicTime deadline) override {
    return IsServerOpen(*session_, deadline);
  }
  base::Result<DoorSeen> LookAtDoor(const std::string& database,
                                    base::MonotonicTime deadline) override {
    return LookAtServerDoor(*session_, database, deadline);
  }
  base::Status CheckCanClose(base::MonotonicTime deadline) override {
    return CheckCanCloseServer(*session_, deadline);
  }
  // Guards hold no logins of this engine.
  base::Status LiftHold(base::MonotonicTime /*deadline*/) override { return base::Ok(); }
  base::Result<std::vector<std::string>> LoginsShutOut(base::MonotonicTime /*deadline*/) override {
    return std::vector<std::string>{};
  }

  // In the application's database, as a statement of its owner's expects.
  base::Result<std::string> Verdict(const std::string& sql, base::MonotonicTime deadline,
                                    const Cancelled& cancelled) override {
    RETURN_IF_ERROR(Use(address().database, deadline));
    // As a string: a question mark of the user's is no parameter of ours.
    const auto rows = session_->Query("EXECUTE IMMEDIATE ?", {sql}, deadline, cancelled);
    if (!session_->broken()) RETURN_IF_ERROR(Use(session_->address().database, deadline));
    if (!rows.ok()) return rows.error();
    if (rows->size() != 1 || rows->front().size() != 1) return NoVerdict();
    const std::string answer = rows->front().begin()->second.value_or("null");
    if (answer == "1") return std::string("true");
    return answer == "0" ? std::string("false") : answer;
  }

  base::Result<std::vector<AnswerRow>> Rows(const RowQuestion& question,
                                            base::MonotonicTime deadline,
                                            const Cancelled& cancelled) override {
    RETURN_IF_ERROR(Use(address().database, deadline));
    const std::string at = question.at.empty() ? "NULL"
                                               : "CAST(UNIX_TIMESTAMP(leeward_row." +
                                                     Quoted(question.at) + ") * 1000000 AS SIGNED)";
    const std::string sql = "SELECT leeward_row.*, " + at + " AS " + kAtColumn + " FROM (" +
                            Inner(question.sql) + "\n) leeward_row LIMIT " +
                            std::to_string(question.most);
    const auto rows = session_->Query("EXECUTE IMMEDIATE ?", {sql}, deadline, cancelled);
    if (!session_->broken()) RETURN_IF_ERROR(Use(session_->address().database, deadline));
    if (!rows.ok()) return rows.error();
    std::vector<AnswerRow> answer;
    answer.reserve(rows->size());
    for (const NamedRow& row : *rows) {
      AnswerRow& one = answer.emplace_back();
      for (const auto& [name, value] : row) {
        if (name == kAtColumn) {
          one.at = FromMicroseconds(value);
        } else {
          one.columns[name] = value ? std::optional(value->substr(0, kMaxColumnText)) : value;
        }
      }
    }
    return answer;
  }
  // In the session's time zone, as its columns without a zone are.
  std::string Literal(base::WallTime at) const override {
    constexpr std::int64_t kMicrosecond = 1'000;
    return "FROM_UNIXTIME(" + std::to_string(at.since_epoch.count() / kMicrosecond) + " / 1000000)";
  }

 private:
  static constexpr char kAtColumn[] = "leeward_at_us";
  static std::string Quoted(const std::string& name) {
    std::string text = "`";
    for (const char c : name) text += c == '`' ? "``" : std::string(1, c);
    return text + "`";
  }

  base::Status Use(const std::string& database, base::MonotonicTime deadline) {
    std::string name = "`";
    for (const char c : database) name += c == '`' ? "``" : std::string(1, c);
    if (database.find('?') != std::string::npos)
      return base::Invalid("a database whose name has a question mark cannot be checked");
    const auto used = session_->Query("USE " + name + "`", {}, deadline);
    return used.ok() ? base::Ok() : base::Status(used.error());
  }

  // MySQL itself names its transactions otherwise, and answers none of what MariaDB is asked.
  base::Status CheckIsMariaDb(base::MonotonicTime deadline) {
    if (known_) return base::Ok();
    ASSIGN_OR_RETURN(const auto rows, session_->Query("SELECT version() AS v", {}, deadline));
    const std::string version = Column(rows, "v");
    if (version.find("MariaDB") == std::string::npos) {
      return base::Invalid(address().Text() + " is MySQL " + version +
                           " itself, whose transaction ids are not read yet; only MariaDB is "
                           "served, under either engine's name");
    }
    known_ = true;
    return base::Ok();
  }

  const std::unique_ptr<MySqlSession> session_;
  bool known_ = false;
};

}  // namespace

std::unique_ptr<SqlSession> Adapt(SqlAddress address, std::unique_ptr<MySqlSession> session) {
  return std::make_unique<MySqlSql>(std::move(address), std::move(session));
}

}  // namespace leeward::probe
