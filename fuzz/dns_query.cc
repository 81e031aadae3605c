// What is sent to the lab's DNS server: a question over UDP or TCP; and, after a "#", the text of a
// record as ChangeResourceRecordSets brings it.
#include "base/check.h"
#include "fuzz/input.h"
#include "lab/dns/packet.h"

namespace leeward::fuzz {
namespace {

constexpr std::size_t kDnsHeader = 12;
constexpr lab::RrType kTypes[] = {lab::RrType::kA,   lab::RrType::kAaaa, lab::RrType::kCname,
                                  lab::RrType::kTxt, lab::RrType::kSoa,  lab::RrType::kNs};

void AnswerIt(const lab::DnsQuery& query) {
  lab::DnsAnswer answer;
  answer.answer = {{query.question.name, lab::RrType::kA, 60, "127.1.0.1"},
                   {query.question.name, lab::RrType::kTxt, 60, "\"text\""}};
  const std::string whole = lab::BuildResponse(query, answer, query.udp_size);
  CHECK(whole.size() >= kDnsHeader && whole.size() <= query.udp_size);
  // Our own answer can be read, and is not taken for a question.
  CHECK(std::holds_alternative<std::monostate>(lab::ParseQuery(whole)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = View(data, size);
  if (size >= 2 && data[0] == '#') {
    (void)lab::IsValidRecordData(kTypes[data[1] % std::size(kTypes)], std::string(input.substr(2)));
    return 0;
  }
  const lab::ParsedQuery query = lab::ParseQuery(input);
  if (const auto* refusal = std::get_if<std::string>(&query)) CHECK(refusal->size() >= kDnsHeader);
  if (const auto* read = std::get_if<lab::DnsQuery>(&query)) AnswerIt(*read);
  return 0;
}

}  // namespace leeward::fuzz
