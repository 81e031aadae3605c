#include "lab/services/presigned.h"

#include <fmt/format.h>

#include "lab/core/credentials.h"
#include "lab/wire/signature.h"

namespace leeward::lab {
namespace {

// What a presigned URL says: the request, and what its query asks for.
struct Presigned {
  wire::Request request;
  wire::Pairs asked;
};
std::optional<Presigned> ReadPresigned(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const std::string_view rest = url.substr(scheme + 3);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  Presigned read;
  read.request.method = "GET";
  read.request.target = rest.substr(slash);
  read.request.headers = {{"Host", std::string(rest.substr(0, slash))}};
  auto asked = wire::ParsePairs(read.request.Query());
  if (!asked.ok()) return std::nullopt;
  read.asked = *std::move(asked);
  return read;
}

}  // namespace

std::optional<std::string> WhyNotPresigned(Host& host, std::string_view url,
                                           const PresignedFor& what) {
  const auto read = ReadPresigned(url);
  if (!read) return "it is no URL";
  for (const auto& [name, value] : what.wanted) {
    if (wire::ValueOf(read->asked, name) != value)
      return fmt::format("its {} is not {}", name, value);
  }
  wire::Claim claim;
  wire::AuthOutcome outcome = wire::ReadClaim(read->request, &claim);
  if (!outcome.ok()) return outcome.detail;
  if (claim.region != what.region || claim.service != what.service)
    return "it is signed for another Region or service than the source's";
  const base::WallTime now = host.clock().Now();
  const auto who = host.credentials().Find(claim.access_key, claim.token, now);
  const auto* identity = std::get_if<Identity>(&who);
  if (identity == nullptr) return "its access key or token is not known";
  outcome = wire::CheckSignature(read->request, claim, identity->secret_key, now);
  if (!outcome.ok()) return outcome.detail;
  return std::nullopt;
}

}  // namespace leeward::lab
