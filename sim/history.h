// History: the facts of one simulated run, in the order of true time. All that checkers know.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/event.h"

namespace leeward::sim {

using base::Duration;

enum class Place : std::uint8_t { kHome, kRecovery, kWitness };
inline constexpr int kPlaces = 3;
inline constexpr int kSites = 2;  // home and recovery run the application
constexpr int Index(Place place) { return static_cast<int>(place); }
const char* Name(Place place);

enum class FactKind : std::uint8_t {
  kAcknowledged,  // place took write `number` of lease epoch `epoch`
  kOpens,         // place begins to take writes, believing in epoch `epoch`
  kCloses,        // place takes none any more
  kLeaseTaken,    // the lease is place's from now on, with epoch `epoch`
  kPromoted,      // place's store left recovery and holds every write up to `number`
  kRecorded,      // a controller's journal took record `number`; `text`: its kind, step or outcome
  kEffect,        // the world was changed by step `text`, execution `detail`; the journal of the
                  // controller had `number` durable bytes
  kDecided,       // `text`: the goal, `detail`: the reason
  kFault,         // `text`: which
  kEnded,         // the run is over; `text`: how, `detail`: the reason
};
const char* Name(FactKind kind);

struct Fact {
  Duration at{0};  // true time
  FactKind kind = FactKind::kFault;
  Place place = Place::kHome;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::string text, detail;
};

// One line, the same for the same fact.
std::string ToText(const Fact& fact);

struct History {
  std::vector<Fact> facts;
  // What the controllers' journals hold in the end, with the offset behind each record.
  struct Entry {
    model::Event event;
    std::uint64_t end_offset = 0;
  };
  std::vector<Entry> journal;
};

std::string ToText(const History& history);

}  // namespace leeward::sim
