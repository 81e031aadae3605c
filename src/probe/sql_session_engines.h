// The engines behind SqlSession, for SqlSession::Open alone.
#pragma once

#include "probe/sql_session.h"

namespace leeward::probe {

std::unique_ptr<SqlSession> Adapt(SqlAddress address, std::unique_ptr<PostgresSession> session);
std::unique_ptr<SqlSession> Adapt(SqlAddress address, std::unique_ptr<MySqlSession> session);

}  // namespace leeward::probe
