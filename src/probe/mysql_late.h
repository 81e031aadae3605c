// Late writes of a MySQL or MariaDB server: the transactions of its binary log that its replica
// never got. Rows have no numbers in these engines that would tell when they were written, so that
// what is listed is transactions with their statements, as the log has them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/gtid.h"
#include "probe/late_writes.h"
#include "probe/mysql.h"

namespace leeward::probe {

// One line of SHOW BINLOG EVENTS.
struct BinlogEvent {
  std::string type;  // "Gtid", "Query", ...
  std::string info;
};

// Puts the events of a log together to transactions. Pure.
class LateTransactions {
 public:
  explicit LateTransactions(GtidPosition parted) : parted_(std::move(parted)) {}

  // kService when the server's words are no binary log.
  base::Status Add(const BinlogEvent& event,
                   const std::function<base::Status(const LateRow&)>& take);
  // The last one of the log.
  base::Status Finish(const std::function<base::Status(const LateRow&)>& take);
  const std::vector<LateTable>& found() const { return found_; }

 private:
  void AddStatement(const std::string& statement);
  void Begin(std::string gtid);

  const GtidPosition parted_;
  bool late_ = false;
  std::string gtid_, table_;
  std::vector<std::string> statements_;
  std::size_t kept_ = 0;  // bytes of statements
  bool cut_ = false, annotated_ = false, strange_ = false;
  std::vector<LateTable> found_;
};

// `parted`: what the new writer had when it was promoted. Leeward's own transactions are passed
// over. kNotFound when the log does not reach back so far.
base::Result<std::vector<LateTable>> FindLateTransactions(
    MySqlSession& old_writer, const GtidPosition& parted,
    const std::function<base::Status(const LateRow&)>& take, const LateReader& reader);

}  // namespace leeward::probe
