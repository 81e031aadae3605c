// DNS packets to questions and answers to packets (RFC 1035, 6891), by way of ldns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "lab/dns/answer.h"

namespace leeward::lab {

struct DnsQuery {
  std::uint16_t id = 0;
  std::string asked;  // the name as it was written: its case is given back
  Question question{"", RrType::kA};
  bool recursion_desired = false;
  bool edns = false;
  std::uint8_t edns_version = 0;
  std::size_t udp_size = 512;  // what the asker takes over UDP
};

// A query that can be answered; or the ready packet that says why not; or nothing, when even that
// would be wrong (an answer, or noise without a whole header).
using ParsedQuery = std::variant<std::monostate, DnsQuery, std::string>;
ParsedQuery ParseQuery(std::string_view packet);

// The packet, at most `limit` bytes; when the answer does not fit it is cut and marked truncated.
std::string BuildResponse(const DnsQuery& query, const DnsAnswer& answer, std::size_t limit);

inline constexpr std::size_t kMaxUdpPayload = 1232;  // what we offer, and the most we send
inline constexpr std::size_t kMaxTcpMessage = 65535;

// Whether ldns reads `value` as the record data of `type`: the form check of
// ChangeResourceRecordSets.
bool IsValidRecordData(RrType type, const std::string& value);

}  // namespace leeward::lab
