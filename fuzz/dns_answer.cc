// A DNS server's answer, as the client reads it. The first two bytes of a message are its id.
#include "base/check.h"
#include "fuzz/input.h"
#include "probe/dns_message.h"

namespace leeward::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint16_t id = size < 2 ? 0 : static_cast<std::uint16_t>(data[0] << 8 | data[1]);
  const auto reply = probe::ReadDnsReply(View(data, size), {id, "shop.example.test", "server"});
  if (!reply || !reply->answer.ok()) return 0;
  CHECK(!reply->answer->addresses.empty() && reply->answer->ttl.count() >= 0);
  for (const std::string& address : reply->answer->addresses) CHECK(address.size() >= 7);
  return 0;
}

}  // namespace leeward::fuzz
