// What the Regions' session services say to one another: one question, one answer, as JSON.
// docs/formats/session-api.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "session/record.h"

namespace leeward::sessions {

inline constexpr std::size_t kMostPerMessage = 1000;        // entries, and as many revocations
inline constexpr std::size_t kMostMessageBytes = 4u << 20;  // of a message or its answer
inline constexpr char kExchangePath[] = "/v1/peer/exchange";

// Empty lists are a sign of life.
struct PeerMessage {
  std::string region, node;  // of the sender; a node is one run of one process
  std::vector<session::Held> entries;
  std::vector<session::Revocation> revocations;
};

struct PeerAnswer {
  std::string region, node;
  std::vector<session::Handle> stored, held;  // of the revocations: durable there; in memory there
  std::vector<session::Handle> refused;       // of the entries: to be sent again later
};

std::string ToJson(const PeerMessage& message);
std::string ToJson(const PeerAnswer& answer);
// kCorrupt: anything else, or more than may be.
base::Result<PeerMessage> PeerMessageFromJson(std::string_view text,
                                              const session::DataLimits& limits);
base::Result<PeerAnswer> PeerAnswerFromJson(std::string_view text);

// What takes a message in, on the side that is told.
class PeerBackend {
 public:
  virtual ~PeerBackend() = default;
  virtual base::Result<PeerAnswer> Take(const PeerMessage& message) = 0;
};

}  // namespace leeward::sessions
