#include "lab/dns/packet.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <memory>

namespace leeward::lab {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::uint8_t kBadVersion = 16;  // RFC 6891: high bits travel in the OPT record

struct PacketDeleter {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using PacketPointer = std::unique_ptr<ldns_pkt, PacketDeleter>;

struct RrDeleter {
  void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
};
using RrPointer = std::unique_ptr<ldns_rr, RrDeleter>;

std::string ToWire(const ldns_pkt* packet) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&bytes, packet, &size) != LDNS_STATUS_OK) return {};
  std::string wire(reinterpret_cast<const char*>(bytes), size);
  LDNS_FREE(bytes);
  return wire;
}

// A header-only answer with the id, the opcode and the recursion bit of what was asked.
std::string HeaderOnly(std::string_view asked, Rcode rcode) {
  std::string header(kHeaderSize, '\0');
  header[0] = asked[0];
  header[1] = asked[1];
  header[2] = static_cast<char>((static_cast<unsigned char>(asked[2]) & 0x79U) | 0x80U);
  header[3] = static_cast<char>(rcode);
  return header;
}

std::string NameText(const ldns_rdf* name) {
  char* text = ldns_rdf2str(name);
  std::string copy = text == nullptr ? "" : text;
  LDNS_FREE(text);
  return copy;
}

RrPointer MakeRr(const std::string& text) {
  ldns_rr* rr = nullptr;
  const ldns_status status = ldns_rr_new_frm_str(&rr, text.c_str(), 0, nullptr, nullptr);
  RrPointer owned(rr);
  if (status != LDNS_STATUS_OK) return nullptr;
  return owned;
}

// Names inside the lab hold "*"; master-file text has nothing against it.
std::string MasterLine(const Rr& record, std::string_view owner) {
  return fmt::format("{} {} IN {} {}", owner, record.ttl, TypeName(record.type), record.value);
}

void Push(ldns_pkt* packet, ldns_pkt_section section, const Rr& record, const DnsQuery& query) {
  const std::string& owner = record.name == query.question.name ? query.asked : record.name;
  RrPointer rr = MakeRr(MasterLine(record, owner));
  if (rr != nullptr) ldns_pkt_push_rr(packet, section, rr.release());
}

PacketPointer NewResponse(const DnsQuery& query, const DnsAnswer& answer) {
  PacketPointer packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), query.id);
  ldns_pkt_set_qr(packet.get(), true);
  ldns_pkt_set_aa(packet.get(), answer.authoritative);
  ldns_pkt_set_rd(packet.get(), query.recursion_desired);
  ldns_pkt_set_rcode(packet.get(), static_cast<std::uint8_t>(answer.rcode));
  ldns_rr* question = ldns_rr_new();
  ldns_rr_set_question(question, true);
  ldns_rr_set_owner(question, ldns_dname_new_frm_str(query.asked.c_str()));
  ldns_rr_set_type(question, static_cast<ldns_rr_type>(query.question.type));
  ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
  ldns_pkt_push_rr(packet.get(), LDNS_SECTION_QUESTION, question);
  if (query.edns) {
    ldns_pkt_set_edns_udp_size(packet.get(), kMaxUdpPayload);
    ldns_pkt_set_edns_version(packet.get(), 0);
    if (query.edns_version != 0) {
      ldns_pkt_set_rcode(packet.get(), 0);
      ldns_pkt_set_edns_extended_rcode(packet.get(), kBadVersion >> 4U);
    }
  }
  return packet;
}

DnsQuery ReadQuery(const ldns_pkt* packet, const ldns_rr* question) {
  DnsQuery query;
  query.id = ldns_pkt_id(packet);
  query.recursion_desired = ldns_pkt_rd(packet);
  query.asked = NameText(ldns_rr_owner(question));
  query.question.name = CanonicalName(query.asked);
  query.question.type = static_cast<RrType>(ldns_rr_get_type(question));
  query.edns = ldns_pkt_edns(packet);
  if (query.edns) {
    query.edns_version = ldns_pkt_edns_version(packet);
    query.udp_size = std::clamp<std::size_t>(ldns_pkt_edns_udp_size(packet), 512, kMaxUdpPayload);
  }
  return query;
}

}  // namespace

ParsedQuery ParseQuery(std::string_view packet) {
  if (packet.size() < kHeaderSize || (static_cast<unsigned char>(packet[2]) & 0x80U) != 0)
    return {};
  ldns_pkt* raw = nullptr;
  const ldns_status status =
      ldns_wire2pkt(&raw, reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size());
  const PacketPointer parsed(status == LDNS_STATUS_OK ? raw : nullptr);
  if (parsed == nullptr) return HeaderOnly(packet, Rcode::kFormErr);
  if (ldns_pkt_get_opcode(parsed.get()) != LDNS_PACKET_QUERY) {
    return HeaderOnly(packet, Rcode::kNotImp);
  }
  if (ldns_pkt_qdcount(parsed.get()) != 1) return HeaderOnly(packet, Rcode::kFormErr);
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(parsed.get()), 0);
  if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN) return HeaderOnly(packet, Rcode::kRefused);
  return ReadQuery(parsed.get(), question);
}

std::string BuildResponse(const DnsQuery& query, const DnsAnswer& answer, std::size_t limit) {
  const PacketPointer packet = NewResponse(query, answer);
  if (query.edns_version != 0) return ToWire(packet.get());
  for (const Rr& record : answer.answer) Push(packet.get(), LDNS_SECTION_ANSWER, record, query);
  for (const Rr& record : answer.authority)
    Push(packet.get(), LDNS_SECTION_AUTHORITY, record, query);
  std::string wire = ToWire(packet.get());
  if (!wire.empty() && wire.size() <= limit) return wire;
  const PacketPointer cut = NewResponse(query, answer);
  ldns_pkt_set_tc(cut.get(), true);
  return ToWire(cut.get());
}

bool IsValidRecordData(RrType type, const std::string& value) {
  if (value.find('\n') != std::string::npos) return false;
  return MakeRr(MasterLine({"x.", type, 0, value}, "x.")) != nullptr;
}

}  // namespace leeward::lab
