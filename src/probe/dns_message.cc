#include "probe/dns_message.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <memory>

namespace leeward::probe {
namespace {

constexpr int kMaxAliases = 16;  // CNAMEs followed inside one answer

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Packet = std::unique_ptr<ldns_pkt, Freer<ldns_pkt_free>>;
using Name = std::unique_ptr<ldns_rdf, Freer<ldns_rdf_deep_free>>;

// The message, when it is an answer to this very question; a stray or forged one is nullptr.
Packet Matching(std::string_view bytes, const DnsAsked& asked) {
  ldns_pkt* parsed = nullptr;
  if (ldns_wire2pkt(&parsed, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()) !=
      LDNS_STATUS_OK) {
    return nullptr;
  }
  Packet packet(parsed);
  if (!ldns_pkt_qr(parsed) || ldns_pkt_id(parsed) != asked.id) return nullptr;
  const ldns_rr_list* questions = ldns_pkt_question(parsed);
  if (ldns_rr_list_rr_count(questions) != 1) return nullptr;
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  const Name name(ldns_dname_new_frm_str(asked.name.c_str()));
  if (!name || ldns_rr_get_type(question) != LDNS_RR_TYPE_A ||
      ldns_dname_compare(ldns_rr_owner(question), name.get()) != 0) {
    return nullptr;
  }
  return packet;
}

std::string AddressText(const ldns_rr* rr) {
  char text[INET_ADDRSTRLEN] = {};
  const ldns_rdf* data = ldns_rr_rdf(rr, 0);
  if (data == nullptr || ldns_rdf_size(data) != 4) return {};
  ::inet_ntop(AF_INET, ldns_rdf_data(data), text, sizeof(text));
  return text;
}

const ldns_rr* FindAlias(const ldns_rr_list* answers, const ldns_rdf* owner) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answers); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(answers, i);
    if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME &&
        ldns_dname_compare(ldns_rr_owner(rr), owner) == 0) {
      return rr;
    }
  }
  return nullptr;
}

base::Result<DnsAnswer> ReadAnswer(const ldns_pkt* packet, const DnsAsked& asked) {
  const ldns_pkt_rcode code = ldns_pkt_get_rcode(packet);
  if (code == LDNS_RCODE_NXDOMAIN) return base::NotFound("no such name: " + asked.name);
  if (code != LDNS_RCODE_NOERROR) {
    return base::ServiceBroken(asked.server + " answered code " + std::to_string(code) + " for " +
                               asked.name);
  }
  const ldns_rr_list* answers = ldns_pkt_answer(packet);
  const Name name(ldns_dname_new_frm_str(asked.name.c_str()));
  const ldns_rdf* owner = name.get();
  std::uint32_t ttl = UINT32_MAX;
  for (int i = 0; i < kMaxAliases; ++i) {
    const ldns_rr* alias = FindAlias(answers, owner);
    if (alias == nullptr) break;
    ttl = std::min(ttl, ldns_rr_ttl(alias));
    owner = ldns_rr_rdf(alias, 0);
  }
  DnsAnswer answer;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answers); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(answers, i);
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_A ||
        ldns_dname_compare(ldns_rr_owner(rr), owner) != 0) {
      continue;
    }
    std::string address = AddressText(rr);
    if (address.empty()) continue;
    ttl = std::min(ttl, ldns_rr_ttl(rr));
    answer.addresses.push_back(std::move(address));
  }
  if (answer.addresses.empty()) return base::NotFound(asked.name + " has no address");
  answer.ttl = std::chrono::seconds(ttl);
  return answer;
}

}  // namespace

base::Result<std::string> DnsQuestion(const std::string& name, std::uint16_t id) {
  ldns_rdf* owner = nullptr;
  if (ldns_str2rdf_dname(&owner, name.c_str()) != LDNS_STATUS_OK) {
    return base::Invalid("'" + name + "' is not a host name");
  }
  Packet packet(ldns_pkt_query_new(owner, LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, LDNS_RD));
  ldns_pkt_set_id(packet.get(), id);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&wire, packet.get(), &size) != LDNS_STATUS_OK) {
    return base::Invalid("'" + name + "' does not fit a DNS question");
  }
  std::string bytes(reinterpret_cast<char*>(wire), size);
  LDNS_FREE(wire);
  return bytes;
}

std::optional<DnsReply> ReadDnsReply(std::string_view bytes, const DnsAsked& asked) {
  const Packet packet = Matching(bytes, asked);
  if (!packet) return std::nullopt;
  return DnsReply{ldns_pkt_tc(packet.get()), ReadAnswer(packet.get(), asked)};
}

}  // namespace leeward::probe
