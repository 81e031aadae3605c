// SQL to one of the lab's own PostgreSQL servers, over its Unix socket. Blocking: for worker
// threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lab/services/rds_rows.h"

namespace leeward::lab::rds {

struct SqlTarget {
  std::string socket_directory;
  std::string user;
  std::string password;
  std::string database = "postgres";
  base::Duration statement_timeout{10'000'000'000};
};

class SqlConnection {
 public:
  // kUnreachable when nothing accepts there, kDenied when the server refuses us.
  static base::Result<std::unique_ptr<SqlConnection>> Open(const SqlTarget& target);
  ~SqlConnection();
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;

  // One statement. kService with SQLSTATE as service code when the server refuses it.
  base::Result<Rows> Query(const std::string& sql);

 private:
  struct Handle;
  explicit SqlConnection(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

// Opens, runs the statements in order, closes; the rows of the last one.
base::Result<Rows> RunSql(const SqlTarget& target, const std::vector<std::string>& statements);

std::string QuoteLiteral(std::string_view text);
std::string QuoteIdentifier(std::string_view text);

}  // namespace leeward::lab::rds
