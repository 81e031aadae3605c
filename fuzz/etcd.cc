// An answer of etcd's JSON gateway, or of what stands in its place: "get", "list" or "put" and the
// status in the first line, then the body.
#include "store/etcd.h"

#include <charconv>

#include "base/check.h"
#include "fuzz/input.h"
#include "ports/clock.h"

namespace leeward::fuzz {
namespace {

class Canned : public ports::HttpTransport {
 public:
  ports::HttpResponse response;
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest&,
                                         const ports::HttpLimits&) override {
    return response;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  std::string_view first = TakeLine(rest);
  const std::string_view verb = TakeWord(first);
  Canned transport;
  std::from_chars(first.data(), first.data() + first.size(), transport.response.status);
  transport.response.body = rest;
  const ports::ManualClock clock{base::WallTime{}};
  const auto store = store::OpenEtcd({{"http://127.0.0.1:1"}}, transport, clock);
  CHECK(store.ok());
  const base::MonotonicTime deadline = clock.Monotonic() + std::chrono::seconds(1);
  if (verb == "put") {
    const auto revision = (*store)->Put("k", "v", 1, deadline);
    if (revision.ok()) CHECK(*revision != ports::kAbsent);
  } else if (verb == "list") {
    const auto entries = (*store)->List("k", 10, deadline);
    if (entries.ok()) {
      for (const ports::SharedEntry& each : *entries) CHECK(each.revision != ports::kAbsent);
    }
  } else {
    (void)(*store)->Get("k", deadline);
  }
  return 0;
}

}  // namespace leeward::fuzz
