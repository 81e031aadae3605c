// History: the facts of one simulated run, in the order of true time. All that checkers know.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/application.h"
#include "model/event.h"

namespace leeward::sim {

using base::Duration;

enum class Place : std::uint8_t { kHome, kRecovery, kWitness };
inline constexpr int kPlaces = 3;
inline constexpr int kSites = 2;  // home and recovery run the application
constexpr int Index(Place place) { return static_cast<int>(place); }
const char* Name(Place place);

// Who carries plans out, each with a journal of its own: a controller in the recovery and one in
// the witness Region, and a person with the command line.
enum class Hand : std::uint8_t { kNobody, kRecovery, kWitness, kPerson };
inline constexpr int kHands = 4;
constexpr int Index(Hand hand) { return static_cast<int>(hand); }
const char* Name(Hand hand);

enum class FactKind : std::uint8_t {
  kAcknowledged,  // place took write `number` of lease epoch `epoch`
  kOpens,         // place begins to take writes, believing in epoch `epoch`
  kCloses,        // place takes none any more
  kLeaseTaken,    // the lease is place's from now on, with epoch `epoch`
  kPromoted,      // place's store left recovery and holds every write up to `number`
  kRecorded,      // a hand's journal took record `number` of execution `detail`; `text`: its kind,
                  // and its step, action or outcome
  kEffect,        // the world was changed by step `text`, execution `detail`; the journal of the
                  // hand had `number` durable bytes
  kBroken,        // what a hand's journal and the mirror say does not go together; `text`: why
  kAccepted,      // people accept that execution `detail` loses up to `number` ns; `text`: how
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
  Hand hand = Hand::kNobody;
};

// One line, the same for the same fact.
std::string ToText(const Fact& fact);

// How people accept: the `text` of a kAccepted.
inline constexpr char kApproved[] = "approved";       // of the gate's question, for good
inline constexpr char kOrdered[] = "ordered";         // the controller was told to go on with it
inline constexpr char kAcceptLoss[] = "accept-loss";  // it goes on so, this once

struct History {
  // The terms of the gates for loss.
  Duration rpo{0};
  model::OverRpo policy = model::OverRpo::kProceed;
  std::vector<Fact> facts;
  // What the hands' journals hold in the end, with the offset behind each record.
  struct Entry {
    model::Event event;
    std::uint64_t end_offset = 0;
  };
  std::array<std::vector<Entry>, kHands> journals;
  // By the number of an acknowledged write: whether any database has it in the end.
  std::vector<bool> survivors;
};

std::string ToText(const History& history);

}  // namespace leeward::sim
