// Silence at the level of packets: the kernel drops what a filter on the socket refuses, so that a
// connect attempt times out instead of being refused, and a sender gets no acknowledgement.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "lab/network/topology.h"
#include "os/socket.h"

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

// How packets can be dropped here. Some kernels let only root put a filter on a socket; there, a
// listener with a full queue takes the connect attempts that are to meet silence, and what arrives
// on an open connection is acknowledged, but not read.
enum class Silencing { kFilters, kFullQueues };
Silencing SilencingHere();  // asks the kernel

// Puts the rules on a socket. On a listening one they hold for connect attempts, on a connected one
// for all that arrives.
base::Status AttachRules(int socket, const PacketRules& rules);
base::Status AttachSilence(int socket);
void DetachFilter(int socket);

// For Silencing::kFullQueues: the second listener of an address, whose queue is full, so that the
// kernel drops the connect attempts that are steered to it.
class FullQueue {
 public:
  // `listening` is the address's listener: the first of its group, and so far the only one.
  static base::Result<std::unique_ptr<FullQueue>> Beside(int listening, const os::Address& address);
  ~FullQueue();
  FullQueue(const FullQueue&) = delete;
  FullQueue& operator=(const FullQueue&) = delete;
  // What passes goes to the listener, the rest to the full queue.
  base::Status Steer(const PacketRules& rules) const;

 private:
  FullQueue(int full, int filling) : full_(full), filling_(filling) {}

  int full_;
  int filling_;  // the connection that fills it
};

}  // namespace leeward::lab
