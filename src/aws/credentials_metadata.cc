// Credentials that the machine hands out: the container endpoint, and EC2's instance metadata
// (version 2).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "aws/credentials.h"

namespace leeward::aws {
namespace {

using namespace std::chrono_literals;

// Metadata services are on the same machine: what does not answer at once is not there.
constexpr base::Duration kConnect = 300ms;
constexpr base::Duration kTotal = 1s;
constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr std::uint64_t kMaxTokenBytes = 64u << 10;
constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceHost = "http://169.254.169.254";
constexpr const char* kTokenSeconds = "21600";
constexpr std::array kPlainHosts = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                    "[fd00:ec2::23]"};

base::Result<ports::HttpResponse> Ask(const SourceContext& context,
                                      const ports::HttpRequest& request) {
  ports::HttpLimits limits;
  limits.connect = kConnect;
  limits.total = kTotal;
  limits.max_body = kMaxAnswer;
  ASSIGN_OR_RETURN(limits, WithinTime(context, limits));
  return context.ports->transport->Send(request, limits);
}

bool IsTrue(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text == "true";
}

// Keys travel in the clear only to this machine and to the addresses that containers are given.
bool IsPlainHost(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return false;
  url.remove_prefix(kScheme.size());
  std::string_view host = url.substr(0, url.find('/'));
  if (const std::size_t port = host.rfind(':'); !host.ends_with(']')) host = host.substr(0, port);
  const bool loopback =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return loopback || std::find(kPlainHosts.begin(), kPlainHosts.end(), host) != kPlainHosts.end();
}

base::Result<std::string> ContainerToken(const SourceContext& context) {
  const Environment& environment = context.settings->environment;
  const std::string file = Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    base::Result<std::string> text = context.ports->files->Read(file, kMaxTokenBytes);
    if (!text.ok()) return base::Denied(fmt::format("container token: {}", text.error().message()));
    token = std::move(text).value();
    while (token.ends_with('\n')) token.pop_back();
  }
  if (token.find_first_of("\r\n") != std::string::npos)
    return base::Denied("container token has a line break in it");
  return token;
}

}  // namespace

Found FromContainer(const SourceContext& context) {
  const Environment& environment = context.settings->environment;
  const std::string relative = Variable(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = Variable(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty()) url = kContainerHost + relative;
  if (url.empty()) return std::optional<Credentials>();
  const bool trusted = url.starts_with("https://") || IsPlainHost(url);
  if (!trusted)
    return base::Denied(
        fmt::format("container credentials: '{}' is neither HTTPS nor this machine", url));
  ports::HttpRequest request{
      .method = "GET", .url = url, .headers = {{"Accept", "application/json"}}, .body = ""};
  ASSIGN_OR_RETURN(const std::string token, ContainerToken(context));
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  const base::Result<ports::HttpResponse> answer = Ask(context, request);
  if (!answer.ok())
    return base::Denied(fmt::format("container credentials: {}", answer.error().message()));
  if (answer->status != 200) {
    return base::Denied(
        fmt::format("container credentials: {} answered status {}", url, answer->status));
  }
  ASSIGN_OR_RETURN(Credentials credentials,
                   CredentialsFromJson(answer->body, "container credentials"));
  return std::optional(std::move(credentials));
}

Found FromInstanceMetadata(const SourceContext& context) {
  const Environment& environment = context.settings->environment;
  if (IsTrue(Variable(environment, "AWS_EC2_METADATA_DISABLED")))
    return std::optional<Credentials>();
  std::string host = Variable(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (host.empty()) host = kInstanceHost;
  while (host.ends_with('/')) host.pop_back();
  const ports::HttpRequest ask_token{
      .method = "PUT",
      .url = host + "/latest/api/token",
      .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", kTokenSeconds}},
      .body = ""};
  const base::Result<ports::HttpResponse> token = Ask(context, ask_token);
  // Not an EC2 instance, or one without metadata.
  if (!token.ok() || token->status != 200) return std::optional<Credentials>();
  ports::HttpRequest ask{.method = "GET",
                         .url = host + "/latest/meta-data/iam/security-credentials/",
                         .headers = {{"x-aws-ec2-metadata-token", token->body}},
                         .body = ""};
  const base::Result<ports::HttpResponse> role = Ask(context, ask);
  if (!role.ok() || role->status != 200) return std::optional<Credentials>();
  ask.url += role->body.substr(0, role->body.find('\n'));
  const base::Result<ports::HttpResponse> keys = Ask(context, ask);
  if (!keys.ok()) return base::Denied(fmt::format("instance metadata: {}", keys.error().message()));
  if (keys->status != 200)
    return base::Denied(fmt::format("instance metadata answered status {}", keys->status));
  ASSIGN_OR_RETURN(Credentials credentials, CredentialsFromJson(keys->body, "instance metadata"));
  return std::optional(std::move(credentials));
}

}  // namespace leeward::aws
