// The databases of tests as SqlSession is told of them.
#pragma once

#include "probe/sql_session.h"
#include "probe/testing/mariadb_server.h"
#include "probe/testing/postgres_server.h"

namespace leeward::probe::testing {

inline SqlAddress SqlAddressOf(const PostgresServer& server, const std::string& database = "shop") {
  const PostgresAddress at = server.Address(database);
  return {model::Engine::kPostgres, at.host, at.port, at.database, at.user, at.password};
}

inline SqlAddress SqlAddressOf(const MariaDbServer& server, const std::string& database = "shop") {
  const MySqlAddress at = server.Address(database);
  return {model::Engine::kMariadb, at.host, at.port, at.database, at.user, at.password};
}

}  // namespace leeward::probe::testing
