// PostgreSQL as a SqlSession.
#include <nlohmann/json.hpp>

#include "probe/sql_session_engines.h"

namespace leeward::probe {
namespace {

class PostgresSql final : public SqlSession {
 public:
  PostgresSql(SqlAddress address, std::unique_ptr<PostgresSession> session)
      : SqlSession(std::move(address)), session_(std::move(session)) {}

  bool broken() const override { return session_->broken(); }
  base::Status Ping(base::MonotonicTime deadline) override {
    const auto answered = session_->Query("select 1", {}, deadline);
    return answered.ok() ? base::Ok() : base::Status(answered.error());
  }
  base::Result<bool> TakesWrites(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const std::vector<Row> rows,
                     session_->Query("select pg_is_in_recovery()::int", {}, deadline));
    return rows.at(0).at(0) == "0";
  }

  base::Result<SqlPosition> Position(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const LogPosition at, ReadLogPosition(*session_, deadline));
    // A source writes its log out by pages, and may leave the rest of a record that nobody waits
    // for until it has more.
    return SqlPosition{at.in_recovery, at.received, at.replayed, at.last_replayed,
                       SqlPosition::Rest::kMayBePiece};
  }
  base::Result<std::string> Mark(base::MonotonicTime deadline) override {
    return MarkLog(*session_, deadline);
  }
  base::Result<WriterMark> ReadWriterMark(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const std::uint32_t timeline, WriterTimeline(*session_, deadline));
    return WriterMark{"timeline", std::to_string(timeline)};
  }
  base::Result<std::string> Parting(base::MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const Divergence parted, ReadDivergence(*session_, deadline));
    return parted.Text();
  }

  base::Status EnsureTables(base::MonotonicTime deadline) override {
    return probe::EnsureTables(*session_, deadline);
  }
  base::Result<bool> HasTables(base::MonotonicTime deadline) override {
    return probe::HasTables(*session_, deadline);
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

  base::Status CloseDoor(const std::string& database, base::MonotonicTime deadline,
                         const Cancelled& cancelled) override {
    return CloseDatabase(*session_, database, deadline, cancelled);
  }
  base::Status OpenDoor(const std::string& database, base::MonotonicTime deadline) override {
    return OpenDatabase(*session_, database, deadline);
  }
  base::Result<bool> IsDoorOpen(const std::string& database,
                                base::MonotonicTime deadline) override {
    return IsDatabaseOpen(*session_, database, deadline);
  }
  base::Result<DoorSeen> LookAtDoor(const std::string& database,
                                    base::MonotonicTime deadline) override {
    return probe::LookAtDoor(*session_, database, deadline);
  }
  // Whoever comes in by whatever login is kept out.
  base::Status CheckCanClose(base::MonotonicTime /*deadline*/) override { return base::Ok(); }
  base::Status LiftHold(base::MonotonicTime deadline) override {
    return probe::LiftHold(*session_, deadline);
  }
  base::Result<std::vector<std::string>> LoginsShutOut(base::MonotonicTime deadline) override {
    return probe::LoginsShutOut(*session_, deadline);
  }

  base::Result<std::string> Verdict(const std::string& sql, base::MonotonicTime deadline,
                                    const Cancelled& cancelled) override {
    ASSIGN_OR_RETURN(const std::vector<Row> rows, session_->Query(sql, {}, deadline, cancelled));
    if (rows.size() != 1 || rows.front().size() != 1) return NoVerdict();
    const std::string answer = rows.front().front().value_or("null");
    if (answer == "t") return std::string("true");
    return answer == "f" ? std::string("false") : answer;
  }

  // Each row as JSON of texts, so that its columns need not be known.
  base::Result<std::vector<AnswerRow>> Rows(const RowQuestion& question,
                                            base::MonotonicTime deadline,
                                            const Cancelled& cancelled) override {
    const std::string most = std::to_string(kMaxColumnText);
    const std::string at = question.at.empty() ? "null"
                                               : "round(extract(epoch from leeward_row." +
                                                     Quoted(question.at) + ") * 1000000)::bigint";
    const std::string sql = "select (select json_object_agg(key, left(value, " + most +
                            ")) from json_each_text(row_to_json(leeward_row)))::text, " + at +
                            " from (" + Inner(question.sql) + "\n) leeward_row limit " +
                            std::to_string(question.most);
    ASSIGN_OR_RETURN(const std::vector<Row> rows, session_->Query(sql, {}, deadline, cancelled));
    std::vector<AnswerRow> answer;
    answer.reserve(rows.size());
    for (const Row& row : rows) {
      const auto json = nlohmann::json::parse(row.at(0).value_or("{}"), nullptr, false);
      AnswerRow& one = answer.emplace_back();
      for (const auto& [name, value] : json.items()) {
        one.columns[name] =
            value.is_string() ? std::optional(value.template get<std::string>()) : std::nullopt;
      }
      one.at = FromMicroseconds(row.at(1));
    }
    return answer;
  }
  std::string Literal(base::WallTime at) const override {
    return "timestamptz '" + base::FormatIso8601(at) + "'";
  }

 private:
  static std::string Quoted(const std::string& name) {
    std::string text = "\"";
    for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
    return text + "\"";
  }

  const std::unique_ptr<PostgresSession> session_;
};

}  // namespace

std::unique_ptr<SqlSession> Adapt(SqlAddress address, std::unique_ptr<PostgresSession> session) {
  return std::make_unique<PostgresSql>(std::move(address), std::move(session));
}

}  // namespace leeward::probe
