// SQL to one of the lab's own MariaDB servers, over its Unix socket. Blocking: for worker threads.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lab/services/rds_rows.h"

namespace leeward::lab::rds {

struct MariaDbTarget {
  std::string socket;
  std::string user;
  std::string password;
  std::string database;
  base::Duration timeout{10'000'000'000};  // for connecting, and for each statement
  // Not empty: who connects, as the lab's network tells a server (PROXY protocol, version 1).
  std::string proxy_header;
};

class MariaDbConnection {
 public:
  // kUnreachable when nothing accepts there, kDenied when the server refuses us.
  static base::Result<std::unique_ptr<MariaDbConnection>> Open(const MariaDbTarget& target);
  ~MariaDbConnection();
  MariaDbConnection(const MariaDbConnection&) = delete;
  MariaDbConnection& operator=(const MariaDbConnection&) = delete;

  // One statement. kService with the server's error number as service code when it refuses.
  base::Result<Rows> Query(const std::string& sql);
  // The first row by the names of its columns; empty when there is none.
  base::Result<std::map<std::string, std::string>> QueryRow(const std::string& sql);

 private:
  struct Handle;
  explicit MariaDbConnection(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

// Opens, runs the statements in order, closes; the rows of the last one.
base::Result<Rows> RunMariaDb(const MariaDbTarget& target,
                              const std::vector<std::string>& statements);

std::string MariaDbLiteral(std::string_view text);
std::string MariaDbIdentifier(std::string_view text);

}  // namespace leeward::lab::rds
