// Silence at the level of packets: the kernel drops what a filter on the socket refuses, so that a
// connect attempt times out instead of being refused, and a sender gets no acknowledgement.
#pragma once

#include <vector>

#include "base/result.h"
#include "lab/network/topology.h"

namespace leeward::lab {

struct PacketRules {
  // First match wins; addresses in none of them: `others`.
  struct Source {
    Cidr network;
    bool pass = true;
  };
  std::vector<Source> sources;
  bool others = true;
  // Of those that pass, the ones in any of these networks get through.
  std::vector<Cidr> ingress;

  bool Passes(std::uint32_t address) const;  // the same rules, for tests and for links
};

// Puts the rules on a socket. On a listening one they hold for connect attempts, on a connected one
// for all that arrives.
base::Status AttachRules(int socket, const PacketRules& rules);
base::Status AttachSilence(int socket);
void DetachFilter(int socket);

}  // namespace leeward::lab
