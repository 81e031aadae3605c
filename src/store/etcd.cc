#include "store/etcd.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "store/limits.h"

namespace leeward::store {
namespace {

using base::MonotonicTime;
using Json = nlohmann::json;
using ports::SharedEntry;

constexpr std::size_t kMaxEndpoints = 9;
constexpr std::size_t kMaxAnswer = 16u << 20;  // the gateway itself answers no more than 4 MiB
constexpr int kOk = 200;

base::Error Malformed(const std::string& endpoint) {
  return base::ServiceBroken(endpoint + " gave an answer that is not etcd's");
}

// int64 is text in this gateway's JSON; a zero is left out.
std::optional<std::uint64_t> Number(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return 0;
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::string> Bytes(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return std::nullopt;
  auto decoded = base::Base64Decode(found->get_ref<const std::string&>());
  if (!decoded.ok()) return std::nullopt;
  return *std::move(decoded);
}

std::optional<SharedEntry> Entry(const Json& pair) {
  if (!pair.is_object()) return std::nullopt;
  auto key = Bytes(pair, "key");
  auto value = Bytes(pair, "value");
  const auto revision = Number(pair, "mod_revision");
  if (!key || !value || !revision || *revision == 0) return std::nullopt;
  return SharedEntry{*std::move(key), *std::move(value), *revision};
}

// The first key behind all that begin with `prefix`; "\0" is etcd's word for "to the end".
std::string EndOf(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

base::Error Refusal(const std::string& endpoint, const ports::HttpResponse& response) {
  std::string reason = "HTTP " + std::to_string(response.status);
  const Json body = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) {
    reason += ": " + body["error"].get<std::string>();
  }
  const std::string what = endpoint + " answered " + reason;
  if (response.status == 401 || response.status == 403) return base::Denied(what);
  if (response.status >= 400 && response.status < 500) return base::Invalid(what);
  return base::ServiceBroken(what);
}

struct Answer {
  Json json;
  std::string endpoint;
  bool first = true;  // false: an endpoint asked before may have done it as well
};

class EtcdStore : public ports::SharedStore {
 public:
  EtcdStore(std::vector<std::string> endpoints, ports::HttpTransport& transport,
            const ports::Clock& clock)
      : endpoints_(std::move(endpoints)), transport_(transport), clock_(clock) {}

  base::Result<std::optional<SharedEntry>> Get(std::string_view key,
                                               MonotonicTime deadline) override {
    ASSIGN_OR_RETURN(const std::vector<SharedEntry> entries,
                     Range({{"key", base::Base64Encode(key)}}, deadline));
    if (entries.empty()) return std::optional<SharedEntry>();
    return std::optional(entries.front());
  }

  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckEntry(key, value));
    return Change(
        key, expected,
        {{"request_put", {{"key", base::Base64Encode(key)}, {"value", base::Base64Encode(value)}}}},
        deadline);
  }

  base::Result<std::vector<SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                              MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckLimit(limit));
    const std::string from = prefix.empty() ? std::string(1, '\0') : std::string(prefix);
    return Range({{"key", base::Base64Encode(from)},
                  {"range_end", base::Base64Encode(EndOf(std::string(prefix)))},
                  {"limit", std::to_string(limit)}},
                 deadline);
  }

  base::Status Remove(std::string_view key, std::uint64_t expected,
                      MonotonicTime deadline) override {
    const auto removed = Change(
        key, expected, {{"request_delete_range", {{"key", base::Base64Encode(key)}}}}, deadline);
    if (!removed.ok()) return removed.error();
    return base::Ok();
  }

 private:
  // Linearizable: "serializable", which any lone member could answer from its past, is not asked.
  base::Result<std::vector<SharedEntry>> Range(const Json& request, MonotonicTime deadline) {
    ASSIGN_OR_RETURN(const Answer answer, Call("/v3/kv/range", request, deadline));
    std::vector<SharedEntry> entries;
    if (!answer.json.contains("kvs")) return entries;
    if (!answer.json["kvs"].is_array()) return Malformed(answer.endpoint);
    for (const Json& pair : answer.json["kvs"]) {
      std::optional<SharedEntry> entry = Entry(pair);
      if (!entry) return Malformed(answer.endpoint);
      entries.push_back(*std::move(entry));
    }
    return entries;
  }

  // One change of one key, made only at that revision; the revision after it.
  base::Result<std::uint64_t> Change(std::string_view key, std::uint64_t expected,
                                     const Json& operation, MonotonicTime deadline) {
    const Json compare = {{"key", base::Base64Encode(key)},
                          {"target", "MOD"},
                          {"result", "EQUAL"},
                          {"mod_revision", std::to_string(expected)}};
    const Json request = {{"compare", Json::array({compare})},
                          {"success", Json::array({operation})}};
    ASSIGN_OR_RETURN(const Answer answer, Call("/v3/kv/txn", request, deadline));
    const auto header = answer.json.find("header");
    if (header == answer.json.end() || !header->is_object()) return Malformed(answer.endpoint);
    const auto revision = Number(*header, "revision");
    if (!revision || *revision == 0) return Malformed(answer.endpoint);
    if (answer.json.value("succeeded", Json(false)) == Json(true)) return *revision;
    // What moved the revision may have been this very change, sent through the endpoint before.
    if (!answer.first) {
      return base::Unreachable("'" + std::string(key) +
                               "' may have been changed through an endpoint that did not answer");
    }
    return base::WrongState("'" + std::string(key) + "' is not at revision " +
                            std::to_string(expected));
  }

  // Asks one endpoint after the other until one answers or the deadline is there. Each gets an even
  // share of the time that is left.
  base::Result<Answer> Call(const std::string& path, const Json& request, MonotonicTime deadline) {
    const std::string body = request.dump();
    const std::size_t first = preferred_.load();
    base::Error last = base::Unreachable("no time left for etcd at " + endpoints_[first]);
    for (std::size_t tried = 0; tried < endpoints_.size(); ++tried) {
      const std::size_t index = (first + tried) % endpoints_.size();
      const base::Duration left = deadline - clock_.Monotonic();
      if (left < std::chrono::milliseconds(1)) break;
      const base::Duration share = left / static_cast<std::int64_t>(endpoints_.size() - tried);
      auto answer = Ask(endpoints_[index], path, body, share);
      if (answer.ok()) {
        preferred_.store(index);
        return Answer{*std::move(answer), endpoints_[index], tried == 0};
      }
      last = std::move(answer).error();
      // Another member would say the same.
      if (last.code() == base::ErrorCode::kInvalid || last.code() == base::ErrorCode::kDenied) {
        return last;
      }
    }
    return base::Unreachable("no member of etcd answered in time; the last: " + last.message());
  }

  base::Result<Json> Ask(const std::string& endpoint, const std::string& path,
                         const std::string& body, base::Duration share) {
    ports::HttpRequest request;
    request.method = "POST";
    request.url = endpoint + path;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    ports::HttpLimits limits;
    limits.connect = share;
    limits.total = share;
    limits.max_body = kMaxAnswer;
    ASSIGN_OR_RETURN(const ports::HttpResponse response, transport_.Send(request, limits));
    if (response.status != kOk) return Refusal(endpoint, response);
    Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return Malformed(endpoint);
    return json;
  }

  const std::vector<std::string> endpoints_;
  ports::HttpTransport& transport_;
  const ports::Clock& clock_;
  std::atomic<std::size_t> preferred_{0};  // the one that answered last
};

bool IsEndpoint(const std::string& text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = std::string_view(text).substr(scheme.size());
    return !rest.empty() && rest.find_first_of("/?# @") == std::string_view::npos;
  }
  return false;
}

}  // namespace

base::Result<std::unique_ptr<ports::SharedStore>> OpenEtcd(const EtcdOptions& options,
                                                           ports::HttpTransport& transport,
                                                           const ports::Clock& clock) {
  if (options.endpoints.empty() || options.endpoints.size() > kMaxEndpoints) {
    return base::Invalid("etcd needs 1 to " + std::to_string(kMaxEndpoints) + " endpoints");
  }
  for (const std::string& endpoint : options.endpoints) {
    if (!IsEndpoint(endpoint)) {
      return base::Invalid("'" + endpoint + "' is no endpoint of etcd: write http://HOST:PORT");
    }
  }
  return std::unique_ptr<ports::SharedStore>(
      std::make_unique<EtcdStore>(options.endpoints, transport, clock));
}

}  // namespace leeward::store
