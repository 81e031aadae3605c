#include "probe/mysql_late.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "probe/mysql_door.h"

namespace leeward::probe {
namespace {

constexpr int kEventsAtOnce = 1000;
constexpr std::size_t kMostOfATransaction = std::size_t{1} << 20;  // bytes of statements kept

// Written by Leeward (canaries, probe rows, the list of logins that it locked), or by RDS itself.
bool IsOwn(std::string_view statement) {
  static constexpr std::array<std::string_view, 7> kBegins = {
      kOwnStatement,
      "INSERT INTO leeward.",
      "INSERT IGNORE INTO leeward.",
      "DELETE FROM leeward.",
      "CREATE DATABASE IF NOT EXISTS leeward",
      "CREATE TABLE IF NOT EXISTS leeward.",
      "INSERT INTO mysql.rds_heartbeat2"};
  return std::any_of(kBegins.begin(), kBegins.end(),
                     [&](std::string_view begin) { return statement.starts_with(begin); });
}

// The log has passwords in clear in what makes and alters users.
std::string WithoutSecrets(const std::string& statement) {
  std::string upper = statement.substr(0, 256);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string_view word : {"USER", "GRANT", "PASSWORD", "MASTER", "SERVER"}) {
    if (upper.find(word) == std::string::npos) continue;
    upper = statement;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (const std::string_view secret : {"IDENTIFIED", "PASSWORD"}) {
      const std::size_t at = upper.find(secret);
      if (at != std::string::npos) return statement.substr(0, at) + secret.data() + " ...";
    }
    break;
  }
  return statement;
}

// "use `shop`; insert ..." is the database and the statement.
std::pair<std::string, std::string> Apart(const std::string& info) {
  constexpr std::string_view kUse = "use `";
  if (!info.starts_with(kUse)) return {"", info};
  const std::size_t end = info.find("`; ", kUse.size());
  if (end == std::string::npos) return {"", info};
  return {info.substr(kUse.size(), end - kUse.size()), info.substr(end + 3)};
}

// "BEGIN GTID 0-7-16 cid=5" names 0-7-16.
std::string GtidIn(const std::string& info) {
  const std::size_t at = info.find("GTID ");
  if (at == std::string::npos) return "";
  const std::string rest = info.substr(at + 5);
  return rest.substr(0, rest.find(' '));
}

std::string TextIn(const NamedRow& row, const char* column) {
  const auto found = row.find(column);
  return found == row.end() ? "" : found->second.value_or("");
}

// The log files, oldest first.
base::Result<std::vector<std::string>> LogFiles(MySqlSession& session, const LateReader& reader) {
  ASSIGN_OR_RETURN(const std::vector<NamedRow> rows,
                   session.Query("SHOW BINARY LOGS", {}, reader.deadline, reader.cancelled));
  std::vector<std::string> files;
  for (const NamedRow& row : rows) files.push_back(TextIn(row, "Log_name"));
  return files;
}

base::Result<std::vector<NamedRow>> EventsOf(MySqlSession& session, const std::string& file,
                                             const std::string& from, int most,
                                             const LateReader& reader) {
  return session.Query("SHOW BINLOG EVENTS IN ? FROM " + from + " LIMIT " + std::to_string(most),
                       {file}, reader.deadline, reader.cancelled);
}

// What was written before the file began.
base::Result<GtidPosition> BeginOf(MySqlSession& session, const std::string& file,
                                   const LateReader& reader) {
  constexpr int kFirstEvents = 4;
  ASSIGN_OR_RETURN(const std::vector<NamedRow> rows,
                   EventsOf(session, file, "4", kFirstEvents, reader));
  for (const NamedRow& row : rows) {
    if (TextIn(row, "Event_type") != "Gtid_list") continue;
    std::string list = TextIn(row, "Info");
    std::erase_if(list, [](char c) { return c == '[' || c == ']' || c == ' '; });
    return GtidPosition::Parse(list);
  }
  return base::ServiceBroken("the binary log " + file + " of " + session.address().Text() +
                             " does not say where it begins");
}

// The file that the parting is in, and those after it.
base::Result<std::vector<std::string>> FilesSince(MySqlSession& session, const GtidPosition& parted,
                                                  const LateReader& reader) {
  ASSIGN_OR_RETURN(std::vector<std::string> files, LogFiles(session, reader));
  for (std::size_t i = files.size(); i > 0; --i) {
    ASSIGN_OR_RETURN(const GtidPosition begin, BeginOf(session, files[i - 1], reader));
    if (parted.Missing(begin) > 0) continue;
    files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(i - 1));
    return files;
  }
  return base::NotFound("the binary log of " + session.address().Text() +
                        " does not reach back to " + parted.Text() +
                        ", where it parted: what was written since cannot be listed");
}

base::Status ReadFile(MySqlSession& session, const std::string& file, const LateReader& reader,
                      LateTransactions& late,
                      const std::function<base::Status(const LateRow&)>& take) {
  std::string from = "4";
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<NamedRow> rows,
                     EventsOf(session, file, from, kEventsAtOnce, reader));
    for (const NamedRow& row : rows) {
      RETURN_IF_ERROR(late.Add({TextIn(row, "Event_type"), TextIn(row, "Info")}, take));
    }
    if (rows.size() < kEventsAtOnce) return base::Ok();
    from = TextIn(rows.back(), "End_log_pos");
  }
}

}  // namespace

void LateTransactions::Begin(std::string gtid) {
  gtid_ = std::move(gtid);
  table_.clear();
  statements_.clear();
  kept_ = 0;
  late_ = cut_ = annotated_ = strange_ = false;
}

void LateTransactions::AddStatement(const std::string& statement) {
  strange_ = strange_ || !IsOwn(statement);
  cut_ = cut_ || kept_ + statement.size() > kMostOfATransaction;
  if (cut_) return;
  kept_ += statement.size();
  statements_.push_back(WithoutSecrets(statement));
}

base::Status LateTransactions::Add(const BinlogEvent& event,
                                   const std::function<base::Status(const LateRow&)>& take) {
  if (event.type == "Gtid") {
    RETURN_IF_ERROR(Finish(take));
    const std::string gtid = GtidIn(event.info);
    const auto position = GtidPosition::Parse(gtid);
    if (!position.ok() || gtid.empty())
      return base::ServiceBroken("'" + event.info + "' in a binary log names no transaction");
    Begin(gtid);
    late_ = parted_.Missing(*position) > 0;
  } else if (late_ && event.type == "Query") {
    const auto [database, statement] = Apart(event.info);
    if (table_.empty()) table_ = database;
    AddStatement(statement);
  } else if (late_ && event.type == "Annotate_rows") {
    annotated_ = true;
    AddStatement(event.info);
  } else if (late_ && event.type == "Table_map") {
    // "table_id: 22 (shop.orders)"
    const std::size_t open = event.info.find('(');
    const std::string name = open == std::string::npos
                                 ? ""
                                 : event.info.substr(open + 1, event.info.rfind(')') - open - 1);
    if (table_.empty() || table_.find('.') == std::string::npos) table_ = name;
    if (!annotated_)
      AddStatement((name.starts_with("leeward.") ? kOwnStatement : "rows of ") + name);
  }
  return base::Ok();
}

base::Status LateTransactions::Finish(const std::function<base::Status(const LateRow&)>& take) {
  const bool tell = late_ && (strange_ || statements_.empty());
  late_ = false;
  if (!tell) return base::Ok();
  const std::string table = table_.empty() ? "(no database)" : table_;
  auto counts = std::find_if(found_.begin(), found_.end(),
                             [&](const LateTable& one) { return one.table == table; });
  if (counts == found_.end()) counts = found_.insert(found_.end(), LateTable{.table = table});
  ++counts->transactions;
  nlohmann::ordered_json row{{"statements", statements_}};
  if (cut_) row["cut"] = true;
  return take(LateRow{table, LateKind::kTransaction, nlohmann::ordered_json{{"gtid", gtid_}}.dump(),
                      row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)});
}

base::Result<std::vector<LateTable>> FindLateTransactions(
    MySqlSession& old_writer, const GtidPosition& parted,
    const std::function<base::Status(const LateRow&)>& take, const LateReader& reader) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesSince(old_writer, parted, reader));
  LateTransactions late(parted);
  for (const std::string& file : files)
    RETURN_IF_ERROR(ReadFile(old_writer, file, reader, late, take));
  RETURN_IF_ERROR(late.Finish(take));
  std::vector<LateTable> found = late.found();
  std::sort(found.begin(), found.end(),
            [](const LateTable& a, const LateTable& b) { return a.table < b.table; });
  return found;
}

}  // namespace leeward::probe
