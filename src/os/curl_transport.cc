#include "os/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>
#include <vector>

#include "base/check.h"

namespace leeward::os {
namespace {

// Idle connections kept over all hosts; more are closed when their request is done.
constexpr std::size_t kMaxIdle = 64;
constexpr long kKeepAliveIdleSeconds = 30;
constexpr std::size_t kMaxHeaderBytes = 256u << 10;

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

// Idle handles by where their connection goes. A handle's connection serves one request at a time.
class Pool {
 public:
  Easy Take(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = idle_.find(key);
    if (found == idle_.end()) return Easy(curl_easy_init());
    Easy easy = std::move(found->second);
    idle_.erase(found);
    return easy;
  }
  void Give(const std::string& key, Easy easy) {
    curl_easy_reset(easy.get());  // options only; the connection stays
    const std::lock_guard lock(mutex_);
    if (idle_.size() >= kMaxIdle) idle_.erase(idle_.begin());
    idle_.emplace(key, std::move(easy));
  }

 private:
  std::mutex mutex_;
  std::multimap<std::string, Easy> idle_;
};

struct Incoming {
  ports::HttpResponse response;
  std::size_t max_body = 0;
  std::size_t header_bytes = 0;
  bool too_large = false;
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto* in = static_cast<Incoming*>(user);
  const std::size_t bytes = size * count;
  if (in->response.body.size() + bytes > in->max_body) {
    in->too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  in->response.body.append(data, bytes);
  return bytes;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return text;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto* in = static_cast<Incoming*>(user);
  const std::string_view line(data, size * count);
  in->header_bytes += line.size();
  if (in->header_bytes > kMaxHeaderBytes) {
    in->too_large = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    in->response.headers.clear();  // an interim answer (100) came before
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    in->response.headers.emplace_back(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
  }
  return line.size();
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

bool HasHeader(const ports::HttpRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
    return std::equal(header.first.begin(), header.first.end(), name.begin(), name.end(),
                      [](char a, char b) {
                        return std::tolower(static_cast<unsigned char>(a)) ==
                               std::tolower(static_cast<unsigned char>(b));
                      });
  });
}

HeaderList MakeHeaders(const ports::HttpRequest& request) {
  curl_slist* list = nullptr;
  for (const auto& [name, value] : request.headers) {
    const std::string line =
        value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value);
    list = curl_slist_append(list, line.c_str());
  }
  // What curl would add by itself and the caller did not ask for.
  list = curl_slist_append(list, "Expect:");
  if (!HasHeader(request, "content-type")) list = curl_slist_append(list, "Content-Type:");
  return HeaderList(list);
}

void SetMethod(CURL* easy, const ports::HttpRequest& request) {
  const bool has_body = !request.body.empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  if (request.method == "HEAD") {
    Set(easy, CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "HEAD") Set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void SetLimits(CURL* easy, const ports::HttpLimits& limits) {
  // Zero means "for ever" to curl.
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::max<long>(1, base::Millis(limits.connect)));
  Set(easy, CURLOPT_TIMEOUT_MS, std::max<long>(1, base::Millis(limits.total)));
  if (!limits.source_address.empty()) {
    Set(easy, CURLOPT_INTERFACE, ("host!" + limits.source_address).c_str());
  }
}

void SetFixed(CURL* easy, const std::string& ca_bundle) {
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  Set(easy, CURLOPT_PATH_AS_IS, 1L);  // the path is signed as it is
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  Set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  Set(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  if (!ca_bundle.empty()) Set(easy, CURLOPT_CAINFO, ca_bundle.c_str());
  Set(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  Set(easy, CURLOPT_HEADERFUNCTION, &OnHeader);
}

// "https://host:443" of a URL: the part that decides which connection may be used again.
std::string Origin(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find_first_of("/?#", scheme + 3)));
}

std::string_view TimeOutKind(CURL* easy) {
  double connected = 0;
  curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME, &connected);
  return connected > 0 ? "no answer in time" : "no connection in time";
}

base::Error ToError(CURLcode code, CURL* easy, const Incoming& in, const std::string& origin) {
  if (in.too_large) {
    return base::Exhausted(fmt::format("{}: answer is larger than {} bytes", origin, in.max_body));
  }
  const std::string_view detail = curl_easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return base::Invalid(fmt::format("'{}' is not an http:// or https:// URL", origin));
    case CURLE_OUT_OF_MEMORY:
      return base::Exhausted(fmt::format("{}: {}", origin, detail));
    case CURLE_SSL_CACERT_BADFILE:
      return base::Invalid(
          fmt::format("the CA bundle cannot be read ({}); check AWS_CA_BUNDLE", detail));
    case CURLE_OPERATION_TIMEDOUT:
      return base::Unreachable(fmt::format("{}: {}", origin, TimeOutKind(easy)));
    case CURLE_COULDNT_RESOLVE_HOST:
      return base::Unreachable(fmt::format("{}: DNS: {}", origin, detail));
    case CURLE_COULDNT_CONNECT:
      return base::Unreachable(fmt::format("{}: connect: {}", origin, detail));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
      return base::Unreachable(fmt::format("{}: TLS: {}", origin, detail));
    default:
      return base::Unreachable(fmt::format("{}: {}", origin, detail));
  }
}

class CurlTransport : public ports::HttpTransport {
 public:
  explicit CurlTransport(CurlTransportOptions options) : options_(std::move(options)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK(initialised == CURLE_OK);
  }

  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits& limits) override {
    const std::string origin = Origin(request.url);
    const std::string key = limits.source_address + " " + origin;
    Easy easy = pool_.Take(key);
    if (easy == nullptr) return base::Exhausted("no memory for another connection");
    Incoming in;
    in.max_body = limits.max_body;
    const HeaderList headers = MakeHeaders(request);
    SetFixed(easy.get(), options_.ca_bundle);
    SetMethod(easy.get(), request);
    SetLimits(easy.get(), limits);
    Set(easy.get(), CURLOPT_URL, request.url.c_str());
    Set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
    Set(easy.get(), CURLOPT_WRITEDATA, &in);
    Set(easy.get(), CURLOPT_HEADERDATA, &in);
    const CURLcode code = curl_easy_perform(easy.get());
    if (code != CURLE_OK) return ToError(code, easy.get(), in, origin);
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    in.response.status = static_cast<int>(status);
    pool_.Give(key, std::move(easy));
    return std::move(in.response);
  }

 private:
  const CurlTransportOptions options_;
  Pool pool_;
};

}  // namespace

std::unique_ptr<ports::HttpTransport> MakeCurlTransport(const CurlTransportOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

}  // namespace leeward::os
