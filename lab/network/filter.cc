#include "lab/network/filter.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

namespace leeward::lab {
namespace {

constexpr std::uint32_t kPass = 0x40000;
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kSourceAddress = 12;  // offset in the IPv4 header

sock_filter Statement(unsigned code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
sock_filter Jump(unsigned code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, k};
}

void LoadSource(std::vector<sock_filter>* program) {
  program->push_back(Statement(BPF_LD | BPF_W | BPF_ABS,
                               static_cast<std::uint32_t>(SKF_NET_OFF) + kSourceAddress));
}

// Loads the source, masks it, and skips `length` statements unless it is in the network.
void UnlessIn(const Cidr& network, std::uint8_t length, std::vector<sock_filter>* program) {
  LoadSource(program);
  program->push_back(Statement(BPF_ALU | BPF_AND | BPF_K, network.mask));
  program->push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, network.network, 0, length));
}

// The second stage, which ends in a verdict for every packet.
std::vector<sock_filter> IngressStage(const PacketRules& rules) {
  std::vector<sock_filter> program;
  for (const Cidr& network : rules.ingress) {
    UnlessIn(network, 1, &program);
    program.push_back(Statement(BPF_RET | BPF_K, kPass));
  }
  program.push_back(Statement(BPF_RET | BPF_K, kDrop));
  return program;
}

base::Status Attach(int socket, std::vector<sock_filter> program) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0)
    return base::Ok();
  return base::ServiceBroken(
      fmt::format("cannot put a packet filter on a socket: {}", strerror(errno)));
}

}  // namespace

bool PacketRules::Passes(std::uint32_t address) const {
  bool pass = others;
  for (const Source& source : sources) {
    if (!source.network.Contains(address)) continue;
    pass = source.pass;
    break;
  }
  return pass && std::any_of(ingress.begin(), ingress.end(),
                             [&](const Cidr& network) { return network.Contains(address); });
}

base::Status AttachRules(int socket, const PacketRules& rules) {
  const std::vector<sock_filter> ingress = IngressStage(rules);
  std::vector<sock_filter> program;
  for (auto source = rules.sources.begin(); source != rules.sources.end(); ++source) {
    if (!source->pass) {
      UnlessIn(source->network, 1, &program);
      program.push_back(Statement(BPF_RET | BPF_K, kDrop));
      continue;
    }
    UnlessIn(source->network, 1, &program);
    // Over the rest of this stage to the next; the distance is known once the rest is counted: 4
    // statements for each further source and 1 for the others.
    const auto rest =
        static_cast<std::uint32_t>(std::distance(source, rules.sources.end()) - 1) * 4 +
        (rules.others ? 0 : 1);
    program.push_back(Statement(BPF_JMP | BPF_JA, rest));
  }
  if (!rules.others) program.push_back(Statement(BPF_RET | BPF_K, kDrop));
  program.insert(program.end(), ingress.begin(), ingress.end());
  return Attach(socket, std::move(program));
}

base::Status AttachSilence(int socket) {
  return Attach(socket, {Statement(BPF_RET | BPF_K, kDrop)});
}

void DetachFilter(int socket) {
  const int ignored = 0;
  setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored);
}

}  // namespace leeward::lab
