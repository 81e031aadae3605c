// The log of changes: what streams show, what restores undo, what other Regions are sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/tables/layout.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

struct LogRecord {
  std::uint64_t sequence = 0;
  base::WallTime when;  // committed here
  Version version;      // of the item after it
  Author author = Author::kCaller;
  bool changed = true;                        // false: the item was the same before
  std::string_view key;                       // items::ToStored of the key attributes
  std::optional<std::string_view> old_image;  // items::ToStored
  std::optional<std::string_view> new_image;
};

void AppendLogRecord(const LogRecord& record, std::string& out);
// Views into `value`. CHECKs.
LogRecord ReadLogRecord(std::string_view place, std::string_view value);

}  // namespace leeward::lab::tables
