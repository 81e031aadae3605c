// Look: what can be seen from here at this instant, for planning by hand and for `status`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/project.h"
#include "cli/world.h"
#include "model/inventory.h"
#include "model/observation.h"
#include "probe/sql_session.h"

namespace leeward::cli {

// Whether the error is an answer, too: who refuses or throttles is there. Credentials that nobody
// was shown prove nothing.
bool IsAnswer(const base::Error& error);

enum class StoreRole {
  kWriter,
  kReplica,  // takes no writes
  kPeer,     // takes writes beside others, as every replica of a global table does
  kBackup,   // is not there, and can be restored to its newest write
};

struct CopyStanding {
  bool good = false;  // unknown is not
  std::string told;   // "InSync"
};

// One store in one Region, as its own protocol answers.
struct StoreSeen {
  model::ComponentName component;
  model::Region region;
  std::optional<StoreRole> role = {};               // absent: no answer
  std::optional<probe::SqlPosition> position = {};  // of a database that answers
  // Written in the other Region and visible here; of a database, of any observer.
  std::optional<base::WallTime> newest_canary = {};
  std::string failure = {};  // why there was no answer
  // Of a secret or a key: how it stands to that of the other Region.
  std::optional<CopyStanding> standing = {};
};

struct Seen {
  base::WallTime at;
  std::vector<StoreSeen> stores;
  // Of the home and the recovery Region; of LookAround only.
  std::map<model::Region, base::Status> control_planes;
  std::map<model::Region, bool> routing_on;  // absent Region: not known
};

// Where the application is active. Asks everything at once, nothing for longer than two seconds:
// databases and caches by their own protocols, and AWS for the routing controls and for databases
// that are restored when they are needed, so that what a daemon asks of AWS all day hardly grows
// with the components. Tables, which have no writer that could be told, are left out, and so are
// secrets and keys, which are no stores.
Seen Look(World& world, const Project& project, const model::Inventory& inventory);
// And every table, secret and key, and whether the Regions' APIs answer: for verdicts from here.
Seen LookAround(World& world, const Project& project, const model::Inventory& inventory);

// A snapshot for planning. Verdicts are one view's, and say so.
model::Snapshot SnapshotOf(const Seen& seen, const Project& project,
                           const model::Inventory& inventory);

}  // namespace leeward::cli
