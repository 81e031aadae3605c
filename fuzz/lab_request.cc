// A request to the lab: whose it is, for which operation, and what it asks for, in each protocol.
//
// "POST /path?query", then "Name: value" lines, an empty line, and the body.
#include "base/check.h"
#include "fuzz/input.h"
#include "lab/control/gzip.h"
#include "lab/wire/codec.h"
#include "lab/wire/validate.h"

namespace leeward::fuzz {
namespace {

constexpr std::size_t kMaxUnpacked = 64 << 10;
constexpr const char* kId = "00000000-0000-4000-a000-000000000000";

void Sign(const lab::wire::Request& request, const lab::wire::Claim& claim) {
  static const base::WallTime now = base::ParseIso8601("2026-11-23T08:00:00Z").value();
  // Nobody here knows the key.
  CHECK(!lab::wire::CheckSignature(request, claim, "secret", now).ok());
}

void ReadInput(const lab::wire::Request& request, const lab::wire::Route& route) {
  const auto refused = lab::wire::RefuseUnread(route);
  const auto input = lab::wire::DecodeInput(route, request);
  if (!input.ok()) {
    (void)lab::wire::UnreadableError(*route.model, route.protocol, input.error().message());
    return;
  }
  if (route.operation->input == nullptr) return;
  const auto wrong = lab::wire::Validate(*route.operation->input, *input);
  CHECK(wrong.size() <= lab::wire::kMaxViolations);
  if (!wrong.empty()) (void)lab::wire::ViolationError(*route.model, route.protocol, wrong);
  (void)shapes::ToJson(*input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  std::string_view first = TakeLine(rest);
  lab::wire::Request request;
  request.method = TakeWord(first);
  request.target = first;
  request.headers = TakeHeaders<ports::Headers>(rest);
  request.body = rest;
  if (request.Header("Content-Encoding") == "gzip") {
    auto unpacked = lab::Gunzip(request.body, kMaxUnpacked);
    if (!unpacked.ok()) return 0;
    request.body = std::move(*unpacked);
  }
  lab::wire::Claim claim;
  const lab::wire::AuthOutcome outcome = lab::wire::ReadClaim(request, &claim);
  if (outcome.ok()) Sign(request, claim);
  const lab::wire::Route route = lab::wire::FindRoute(request, claim.service, shapes::AllModels());
  if (!outcome.ok()) (void)lab::wire::AuthError(outcome, route.protocol);
  if (route.refusal)
    (void)lab::wire::EncodeError(route.protocol, route.model, route.operation, *route.refusal, kId);
  if (route.operation != nullptr && !route.refusal) ReadInput(request, route);
  return 0;
}

}  // namespace leeward::fuzz
