#include "aws/exchange.h"

#include <fmt/format.h>

#include "aws/client_internal.h"
#include "base/bytes.h"

namespace leeward::aws {
namespace {

constexpr std::string_view kUserAgent = "leeward/0.1";
constexpr int kFirstErrorStatus = 300;

struct Place {
  std::string scheme;  // "https://"
  std::string host;    // with the port, unless it is the scheme's own
  std::string path;
};

// Nothing can stand before an address, nor before the name that this machine has for itself.
bool TakesPrefix(std::string_view host) {
  if (host.starts_with('[')) return false;
  host = host.substr(0, host.find(':'));
  return host != "localhost" && host.find_first_not_of("0123456789.") != std::string_view::npos;
}

Place Locate(const Attempt& attempt) {
  const std::string& url = attempt.endpoint.url;
  const std::size_t start = url.find("://") + 3;
  const std::size_t end = std::min(url.find('/', start), url.size());
  Place out{.scheme = url.substr(0, start), .host = url.substr(start, end - start), .path = ""};
  for (const auto& [scheme, port] : {std::pair("https://", ":443"), std::pair("http://", ":80")}) {
    if (out.scheme == scheme && out.host.ends_with(port))
      out.host.resize(out.host.size() - std::string_view(port).size());
  }
  if (TakesPrefix(out.host)) out.host = attempt.wire->host_prefix + out.host;
  out.path = JoinPaths(EndpointPath(url), attempt.wire->path);
  return out;
}

SigningOptions OptionsFor(const shapes::Model& model) {
  // S3 and S3 Control.
  if (model.signing_name != "s3") return {};
  return {.path_style = PathStyle::kS3,
          .token_rule = TokenRule::kSigned,
          .content_hash = ContentHash::kAsHeader};
}

std::string Url(const Place& place, const QueryParameters& query) {
  const std::string text = CanonicalQuery(query);
  return place.scheme + place.host + place.path + (text.empty() ? "" : "?" + text);
}

SigningScope ScopeOf(const Attempt& attempt) {
  return {attempt.endpoint.signing_region, attempt.endpoint.signing_name, attempt.now};
}

}  // namespace

ports::HttpRequest BuildHttp(const Attempt& attempt) {
  const Place place = Locate(attempt);
  Signable signable{.method = attempt.wire->method,
                    .path = place.path,
                    .query = attempt.wire->query,
                    .headers = {{"Host", place.host}},
                    .payload_hash = base::Sha256Hex(attempt.wire->body)};
  for (const auto& header : attempt.wire->headers) signable.headers.push_back(header);
  if (attempt.credentials != nullptr) {
    SignHeaders(signable, *attempt.credentials, ScopeOf(attempt), OptionsFor(*attempt.model));
  }
  signable.headers.emplace_back("User-Agent", kUserAgent);
  return {.method = signable.method,
          .url = Url(place, signable.query),
          .headers = std::move(signable.headers),
          .body = attempt.wire->body};
}

base::Result<std::string> BuildPresigned(const Attempt& attempt, base::Duration valid_for) {
  const shapes::Protocol protocol = attempt.model->protocols.front();
  if (protocol != shapes::Protocol::kQuery && protocol != shapes::Protocol::kEc2) {
    return base::Invalid(fmt::format("{} calls cannot be presigned", attempt.model->service));
  }
  const Place place = Locate(attempt);
  Signable signable{.method = "GET",
                    .path = place.path,
                    .query = ParseQuery(attempt.wire->body),
                    .headers = {{"Host", place.host}},
                    .payload_hash = base::Sha256Hex("")};
  for (const auto& [name, value] : attempt.also) signable.query.push_back({name, value});
  SignQuery(signable, *attempt.credentials, ScopeOf(attempt), valid_for, {});
  return Url(place, signable.query);
}

base::Result<Outcome> Exchange(const Attempt& attempt, ports::HttpTransport& transport) {
  ASSIGN_OR_RETURN(const ports::HttpResponse response,
                   transport.Send(BuildHttp(attempt), attempt.limits));
  if (response.status >= kFirstErrorStatus) {
    ServiceError error = DecodeError(*attempt.model, *attempt.operation, response);
    HideSecrets(error, attempt.secrets, attempt.credentials);
    return Outcome(std::move(error));
  }
  ASSIGN_OR_RETURN(shapes::Value value,
                   DecodeResponse(*attempt.model, *attempt.operation, response));
  return Outcome(std::move(value));
}

}  // namespace leeward::aws
