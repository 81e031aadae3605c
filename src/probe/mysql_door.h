// Closing a MySQL or MariaDB server to everybody but Leeward.
//
// These engines can let nobody into one database, or let everybody only read, by nothing that a
// master user of RDS may do. What such a user may do is to lock logins. So closing locks every
// other login of the server and ends its sessions; which ones it locked is remembered in
// `leeward.closed` first, and opening unlocks those and no others. The replica has the table and
// the locks, too. Leeward's own login stays: it is the one that the application must not use.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "probe/database.h"
#include "probe/mysql.h"
#include "probe/wait.h"

namespace leeward::probe {

// What a statement of Leeward's own begins with where it would else look like anybody's.
inline constexpr const char* kOwnStatement = "/* leeward */ ";

// kWrongState when this session's own login is used by somebody else: who has it cannot be kept
// out.
base::Status CheckCanCloseServer(MySqlSession& session, base::MonotonicTime deadline);
base::Status CloseServer(MySqlSession& session, base::MonotonicTime deadline,
                         const Cancelled& cancelled);
base::Status OpenServer(MySqlSession& session, base::MonotonicTime deadline);
base::Result<bool> IsServerOpen(MySqlSession& session, base::MonotonicTime deadline);
// kNotFound: no such database.
base::Result<DoorSeen> LookAtServerDoor(MySqlSession& session, const std::string& database,
                                        base::MonotonicTime deadline);

}  // namespace leeward::probe
