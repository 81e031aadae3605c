// What passes the lab's load balancer: heads of requests and answers, and where their bodies end.
// "request", "answer" or "head" (an answer to HEAD) in the first line; the rest as it comes.
#include <algorithm>

#include "base/check.h"
#include "fuzz/input.h"
#include "lab/services/elbv2_http.h"

namespace leeward::fuzz {
namespace {

// In two pieces or in one, a body ends at the same place.
void Follow(const lab::HttpHead& head, std::string_view body) {
  lab::BodyTracker whole(head.framing, head.length);
  const auto taken = whole.Take(body);
  CHECK(!taken || *taken <= body.size());
  lab::BodyTracker pieces(head.framing, head.length);
  const std::size_t half = body.size() / 2;
  const auto first = pieces.Take(body.substr(0, half));
  if (!first) {
    CHECK(!taken);
    return;
  }
  const auto second = pieces.Take(body.substr(*first));
  CHECK(taken.has_value() == second.has_value());
  if (taken) CHECK(*taken == *first + *second && whole.done() == pieces.done());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes = View(data, size);
  const std::string_view what = TakeLine(bytes);
  lab::HttpHead head;
  const lab::HeadState state =
      what == "request" ? lab::ParseRequestHead(bytes, head)
                        : lab::ParseResponseHead(
                              bytes, what == "head" ? lab::Asked::kHead : lab::Asked::kOther, head);
  if (state != lab::HeadState::kWhole) return 0;
  CHECK(head.size <= bytes.size());
  Follow(head, bytes.substr(head.size));
  const std::string next = lab::RewriteHead(head, {"X-Forwarded-For: 127.0.0.1"});
  lab::HttpHead again;
  const lab::HeadState passed_on = what == "request"
                                       ? lab::ParseRequestHead(next, again)
                                       : lab::ParseResponseHead(next, lab::Asked::kOther, again);
  // What one hop takes, the next one takes too, and sees the same body.
  CHECK(passed_on == lab::HeadState::kWhole);
  if (what != "head") CHECK(again.framing == head.framing && again.length == head.length);
  return 0;
}

}  // namespace leeward::fuzz
