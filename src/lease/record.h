// Record: who may write, as the shared store keeps it. docs/failover-protocol.md names each member.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace leeward::lease {

// On what ground the lease came to its holder's Region.
enum class How {
  kFirst,      // there was no record
  kReleased,   // the holder before had closed its door and given the lease up
  kExpired,    // the lease of the guard before had surely ended
  kUnguarded,  // no guard had ever obeyed the lease before; proves nothing about that Region's door
};
std::string_view Name(How how);

struct Record {
  std::uint64_t epoch = 0;
  model::Region holder;
  std::string who;
  base::Duration ttl{};
  std::uint64_t renewal = 0;
  bool guarded = false;
  bool released = false;
  How how = How::kFirst;
  model::Region from;            // empty for kFirst
  std::uint64_t from_epoch = 0;  // 0 for kFirst

  friend bool operator==(const Record&, const Record&) = default;
};

// A record as it was read: `revision` is the store's, and changes with every write.
struct Seen {
  Record record;
  std::uint64_t revision = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// "leeward/<application>/lease"
std::string Key(const model::ApplicationName& application);

std::string ToJson(const Record& record);
// kCorrupt for anything but such a record: a key that is unknown, missing or out of range.
base::Result<Record> RecordFromJson(std::string_view text);

// "epoch 4, us-east-1 (guard-3fa2)", for messages.
std::string Describe(const Record& record);

}  // namespace leeward::lease
