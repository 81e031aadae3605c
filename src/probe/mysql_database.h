// What Leeward asks of an application's MySQL or MariaDB database: what it has received and
// applied, how fresh it is, canaries and probe writes. The same promises as database.h.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "probe/database.h"
#include "probe/gtid.h"
#include "probe/mysql.h"

namespace leeward::probe {

struct ReplicaPosition {
  bool read_only = false;  // the server refuses what ordinary users write
  bool replica = false;    // it has a source; the rest says nothing when it has none
  bool receiving = false;
  bool applying = false;
  // In the server's own notation; a writer has both at the last transaction it wrote.
  std::string received;
  std::string applied;
  // Transactions that were received and are still to be applied; absent: the server did not say
  // what it has received.
  std::optional<std::uint64_t> to_apply;
  std::optional<base::Duration> lag;  // absent: it does not replicate, or does not know
};

// Asks MariaDB, whose positions are named by domains.
base::Result<ReplicaPosition> ReadReplicaPosition(MySqlSession& session,
                                                  base::MonotonicTime deadline);
// What its answers mean: SHOW SLAVE STATUS (empty: no source), then the values of read_only,
// gtid_slave_pos and gtid_binlog_pos. kService when they make no sense together. Pure.
base::Result<ReplicaPosition> ToReplicaPosition(const NamedRow& status, const NamedRow& variables);

// Makes the database `leeward` with the tables `canary` and `probe` where they are not there.
base::Status EnsureTables(MySqlSession& session, base::MonotonicTime deadline);
base::Status WriteCanary(MySqlSession& session, const Canary& canary, base::MonotonicTime deadline);
// The newest stamp of all observers; nullopt when there is no canary or no table.
base::Result<std::optional<base::WallTime>> NewestCanary(MySqlSession& session,
                                                         base::MonotonicTime deadline);
// Commits a row. kWrongState while the server is read-only. Makes the table when it is missing.
base::Status ProbeWrite(MySqlSession& session, const std::string& key,
                        base::MonotonicTime deadline);

}  // namespace leeward::probe
