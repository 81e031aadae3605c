// Short texts from everywhere: times, durations, encodings, addresses, URLs, transaction ids. What
// is read and can be written again is the same when it is read again.
#include "aws/endpoint.h"
#include "aws/sigv4.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/time.h"
#include "fuzz/input.h"
#include "lab/dns/sockets.h"
#include "lab/network/topology.h"
#include "os/socket.h"
#include "probe/dns.h"
#include "probe/gtid.h"
#include "probe/http.h"

namespace leeward::fuzz {
namespace {

void Times(std::string_view text) {
  const auto iso = base::ParseIso8601(text);
  if (iso.ok()) {
    const auto millis = base::ParseIso8601(base::FormatIso8601(*iso));
    CHECK(millis.ok() && base::FormatIso8601(*millis) == base::FormatIso8601(*iso));
  }
  const auto amz = base::ParseAmzDate(text);
  if (amz.ok()) CHECK(base::ParseAmzDate(base::FormatAmzDate(*amz)).value() == *amz);
  const auto http = base::ParseHttpDate(text);
  if (http.ok()) CHECK(base::ParseHttpDate(base::FormatHttpDate(*http)).value() == *http);
  const auto duration = base::ParseDuration(text);
  if (duration.ok()) {
    CHECK(base::ParseDuration(base::FormatDuration(*duration)).value() == *duration);
    CHECK(!base::HumanDuration(*duration).empty());
  }
}

void Encodings(std::string_view text) {
  const auto hex = base::HexDecode(text);
  if (hex.ok()) CHECK(base::HexDecode(base::HexEncode(*hex)).value() == *hex);
  const auto base64 = base::Base64Decode(text);
  if (base64.ok()) CHECK(base::Base64Decode(base::Base64Encode(*base64)).value() == *base64);
  const auto percent = base::PercentDecode(text);
  if (percent.ok()) CHECK(base::PercentDecode(base::PercentEncode(*percent)).value() == *percent);
  (void)aws::ParseQuery(text);
}

void Addresses(const std::string& text) {
  const auto address = os::Address::ParseHostPort(text);
  if (address.ok()) CHECK(os::Address::ParseHostPort(address->ToString()).ok());
  (void)lab::ParseEndpoint(text);
  (void)lab::Cidr::Parse(text);
  (void)lab::ParseIpv4(text);
  (void)probe::ParseDnsServer(text);
  (void)probe::HostOf(text);
  static const shapes::Model& rds = *shapes::FindModel("rds");
  (void)aws::ResolveEndpoint(rds, nullptr, "us-east-1", text);
  (void)aws::ResolveEndpoint(rds, nullptr, text, "");
}

void TransactionIds(std::string_view text) {
  const auto position = probe::GtidPosition::Parse(text);
  if (position.ok()) {
    CHECK(probe::GtidPosition::Parse(position->Text()).value() == *position);
    CHECK(position->Missing(*position) == 0);
  }
  const auto set = probe::GtidSet::Parse(text);
  if (set.ok()) {
    CHECK(probe::GtidSet::Parse(set->Text()).value() == *set);
    CHECK(set->Missing(*set) == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = View(data, size);
  Times(text);
  Encodings(text);
  Addresses(std::string(text));
  TransactionIds(text);
  return 0;
}

}  // namespace leeward::fuzz
