// A shared store in one SQLite file: for one machine. It survives a crash and a power cut, and no
// Region.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::store {

struct SqliteOptions {
  std::string path;  // made with mode 0600 when it is not there; its folder has to be
  // For opening: how long a lock of another process is waited for. 10 ms to 60 s.
  base::Duration open_timeout = std::chrono::seconds(5);
};

// kInvalid: not a file of this kind, or a place where SQLite's log cannot live; kUnreachable:
// locked for too long; kCorrupt: damaged.
base::Result<std::unique_ptr<ports::SharedStore>> OpenSqlite(const SqliteOptions& options,
                                                             const ports::Clock& clock);

}  // namespace leeward::store
