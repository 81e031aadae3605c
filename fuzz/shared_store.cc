// The values of the shared store, which other processes write: the lease, requests to hand it over,
// the move, an observer's view, and what people are asked for. First line: which of them.
#include "base/check.h"
#include "decide/approvals.h"
#include "fuzz/input.h"
#include "lease/hand_over.h"
#include "lease/record.h"
#include "observe/view.h"
#include "serve/move.h"

namespace leeward::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = View(data, size);
  const std::string_view which = TakeLine(text);
  if (which == "lease") {
    const auto record = lease::RecordFromJson(text);
    if (record.ok()) CHECK(lease::RecordFromJson(lease::ToJson(*record)).value() == *record);
  } else if (which == "hand-over") {
    const auto request = lease::HandOverFromJson(text);
    if (request.ok()) CHECK(lease::HandOverFromJson(lease::ToJson(*request)).value() == *request);
  } else if (which == "move") {
    const auto move = serve::MoveFromJson(text);
    if (move.ok()) CHECK(serve::MoveFromJson(serve::ToJson(*move)).ok());
  } else if (which == "approvals") {
    const auto request = decide::ApprovalRequestFromJson(text);
    if (request.ok()) CHECK(decide::ApprovalRequestFromJson(decide::ToJson(*request)).ok());
  } else {
    const auto view = observe::ViewFromJson(text);
    if (view.ok()) CHECK(observe::ViewFromJson(observe::ToJson(*view)).ok());
  }
  return 0;
}

}  // namespace leeward::fuzz
