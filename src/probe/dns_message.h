// DNS messages as a client writes and reads them: the question for a name's addresses, and what
// came back. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::probe {

struct DnsAnswer {
  std::vector<std::string> addresses;  // literals, in the order of the answer; never empty
  base::Duration ttl{};                // the smallest along the chain of the answer
};

// The question for the name's addresses (A) in wire form. kInvalid: it is no name.
base::Result<std::string> DnsQuestion(const std::string& name, std::uint16_t id);

struct DnsAsked {
  std::uint16_t id = 0;
  std::string name;
  std::string server;  // "DNS server 127.0.0.1:53", for messages
};
struct DnsReply {
  bool truncated = false;  // it has to be asked again over TCP
  base::Result<DnsAnswer> answer;
};
// What the message says; absent when it is no answer to this very question (stray or forged).
std::optional<DnsReply> ReadDnsReply(std::string_view bytes, const DnsAsked& asked);

}  // namespace leeward::probe
