#include "lab/network/filter.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace leeward::lab {
namespace {

// What a program answers: of a filter, how many bytes pass; of one that steers, which listener of
// the group.
struct Verdicts {
  std::uint32_t pass;
  std::uint32_t drop;
};
constexpr Verdicts kFilter = {0x40000, 0};
constexpr Verdicts kSteer = {0, 1};
constexpr int kFillSeconds = 2;
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
std::vector<sock_filter> IngressStage(const PacketRules& rules, const Verdicts& verdicts) {
  std::vector<sock_filter> program;
  for (const Cidr& network : rules.ingress) {
    UnlessIn(network, 1, &program);
    program.push_back(Statement(BPF_RET | BPF_K, verdicts.pass));
  }
  program.push_back(Statement(BPF_RET | BPF_K, verdicts.drop));
  return program;
}

base::Status Attach(int socket, int how, std::vector<sock_filter> program) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(socket, SOL_SOCKET, how, &filter, sizeof filter) == 0) return base::Ok();
  return base::ServiceBroken(
      fmt::format("cannot put a packet filter on a socket: {}", strerror(errno)));
}

std::vector<sock_filter> Program(const PacketRules& rules, const Verdicts& verdicts) {
  const std::vector<sock_filter> ingress = IngressStage(rules, verdicts);
  std::vector<sock_filter> program;
  for (auto source = rules.sources.begin(); source != rules.sources.end(); ++source) {
    if (!source->pass) {
      UnlessIn(source->network, 1, &program);
      program.push_back(Statement(BPF_RET | BPF_K, verdicts.drop));
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
  if (!rules.others) program.push_back(Statement(BPF_RET | BPF_K, verdicts.drop));
  program.insert(program.end(), ingress.begin(), ingress.end());
  return program;
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
  return Attach(socket, SO_ATTACH_FILTER, Program(rules, kFilter));
}

base::Status AttachSilence(int socket) {
  return Attach(socket, SO_ATTACH_FILTER, {Statement(BPF_RET | BPF_K, kFilter.drop)});
}

void DetachFilter(int socket) {
  const int ignored = 0;
  setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored);
}

Silencing SilencingHere() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return Silencing::kFilters;
  const bool may = AttachSilence(socket).ok();
  close(socket);
  return may ? Silencing::kFilters : Silencing::kFullQueues;
}

base::Result<std::unique_ptr<FullQueue>> FullQueue::Beside(int listening,
                                                           const os::Address& address) {
  ASSIGN_OR_RETURN(const std::uint32_t own, ParseIpv4(address.host));
  // Only what fills it comes from the address itself: no client gets into the
  // queue before it is full.
  PacketRules filling;
  filling.sources = {{{own, ~0u}, false}};
  filling.ingress = {{0, 0}};
  RETURN_IF_ERROR(Attach(listening, SO_ATTACH_REUSEPORT_CBPF, Program(filling, kSteer)));
  ASSIGN_OR_RETURN(const int full, os::Listen(address, 0, os::Sharing::kGroup));
  std::unique_ptr<FullQueue> queue(new FullQueue(full, -1));
  ASSIGN_OR_RETURN(queue->filling_, os::StartConnect(address, address.host));
  pollfd made{queue->filling_, POLLOUT, 0};
  if (poll(&made, 1, kFillSeconds * 1000) != 1)
    return base::ServiceBroken(fmt::format("cannot fill the queue of {}", address.host));
  return queue;
}

FullQueue::~FullQueue() {
  if (filling_ >= 0) close(filling_);
  close(full_);
}

base::Status FullQueue::Steer(const PacketRules& rules) const {
  return Attach(full_, SO_ATTACH_REUSEPORT_CBPF, Program(rules, kSteer));
}

}  // namespace leeward::lab
