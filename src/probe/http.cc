#include "probe/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>

namespace leeward::probe {
namespace {

constexpr std::size_t kMaxBody = 64u << 10;

struct CurlFree {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, CurlFree>;
using List = std::unique_ptr<curl_slist, CurlFree>;

std::size_t Keep(char* data, std::size_t size, std::size_t count, void* user) {
  auto* body = static_cast<std::string*>(user);
  const std::size_t room = kMaxBody - std::min(kMaxBody, body->size());
  body->append(data, std::min(room, size * count));
  return size * count;
}

List ConnectTo(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  const std::string entry =
      "::" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
  return List(curl_slist_append(nullptr, entry.c_str()));
}

void SetLimits(CURL* curl, base::MonotonicTime deadline, const ports::Clock& clock) {
  const long millis = LeftMillis(deadline, clock);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, millis);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, millis);
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
}

}  // namespace

void SetUpCurl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

base::Result<UrlHost> HostOf(const std::string& url) {
  const std::unique_ptr<CURLU, CurlFree> parsed(curl_url());
  UrlHost result;
  char* host = nullptr;
  char* port = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
    curl_free(host);
    return base::Invalid("'" + url + "' is not an http or https URL");
  }
  result.host = host;
  std::from_chars(port, port + std::strlen(port), result.port);
  curl_free(host);
  curl_free(port);
  if (result.host.size() > 2 && result.host.front() == '[') {
    result.host = result.host.substr(1, result.host.size() - 2);
  }
  return result;
}

base::Result<HttpReply> AskHttp(const HttpQuestion& question, const Resolver& resolver,
                                base::MonotonicTime deadline, const ports::Clock& clock) {
  SetUpCurl();
  ASSIGN_OR_RETURN(const UrlHost host, HostOf(question.url));
  std::string address = question.connect_to;
  if (address.empty()) {
    ASSIGN_OR_RETURN(const DnsAnswer answer, resolver.Resolve(host.host, deadline));
    address = answer.addresses.front();
  }
  const Easy curl(curl_easy_init());
  if (!curl) return base::Exhausted("no memory for an HTTP question");
  const List connect_to = ConnectTo(address, host.port);
  List headers;
  HttpReply reply;
  SetLimits(curl.get(), deadline, clock);
  curl_easy_setopt(curl.get(), CURLOPT_URL, question.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CONNECT_TO, connect_to.get());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, question.method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
  if (!question.body.empty()) {
    headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(question.body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, question.body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  if (!question.source_address.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_INTERFACE, ("host!" + question.source_address).c_str());
  }
  char reason[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    const std::string why = reason[0] != '\0' ? reason : curl_easy_strerror(code);
    return base::Unreachable(question.url + " at " + address + ": " + why);
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  reply.address = address;
  return reply;
}

namespace {

// A socket that is connecting to `address`, bound to `source` when it is given.
base::Result<int> StartConnect(const std::string& address, std::uint16_t port,
                               const std::string& source) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) {
    return base::Invalid("'" + address + "' is not an IPv4 address");
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::Exhausted("no socket for a connection test");
  sockaddr_in from{};
  from.sin_family = AF_INET;
  if (!source.empty() && (::inet_pton(AF_INET, source.c_str(), &from.sin_addr) != 1 ||
                          ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0)) {
    ::close(fd);
    return base::Invalid("cannot connect from " + source);
  }
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return base::Unreachable("connect to " + address + ": " + std::strerror(errno));
  }
  return fd;
}

}  // namespace

base::Status AskTcp(const std::string& host, std::uint16_t port, const std::string& source_address,
                    const Resolver& resolver, base::MonotonicTime deadline,
                    const ports::Clock& clock) {
  ASSIGN_OR_RETURN(const DnsAnswer answer, resolver.Resolve(host, deadline));
  const std::string where = answer.addresses.front() + ":" + std::to_string(port);
  ASSIGN_OR_RETURN(const int fd, StartConnect(answer.addresses.front(), port, source_address));
  const base::Status ready = WaitFor(fd, Ready::kWrite, deadline, clock);
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  ::close(fd);
  if (!ready.ok()) return base::Error(ready.error()).Context("connect to " + where);
  if (error != 0) return base::Unreachable("connect to " + where + ": " + std::strerror(error));
  return base::Ok();
}

}  // namespace leeward::probe
