#include "sessions/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "sessions/stored_sessions.h"

namespace leeward::sessions {
namespace {

constexpr std::size_t kMaxHead = 16u << 10;
constexpr base::Duration kIdle = std::chrono::seconds(75);
constexpr std::size_t kPeerThreads = 4;
constexpr std::size_t kPeerConnections = 64;

std::unique_ptr<BaseSessions> MakeSessions(const ServiceOptions& options,
                                           const Surroundings& around) {
  if (options.mode == Mode::kTokens)
    return std::make_unique<TokenSessions>(options.terms, options.place, around, options.tokens);
  const auto replication = options.mode == Mode::kSync ? StoredSessions::Replication::kByTheServices
                                                       : StoredSessions::Replication::kByTheStore;
  return std::make_unique<StoredSessions>(options.terms, options.place, around, replication);
}

PeerTerms PeerTermsOf(const ServiceOptions& options) {
  PeerTerms terms;
  terms.region = options.place.region;
  terms.node = options.place.node;
  terms.token = options.peer_token;
  terms.source_address = options.source_address;
  terms.data = options.terms.data;
  terms.exchange = options.mode == Mode::kSync ? PeerTerms::Exchange::kEverything
                                               : PeerTerms::Exchange::kRevocations;
  return terms;
}

ports::HttpResponse Busy() {
  return {503,
          {{"Content-Type", "application/json"}, {"Retry-After", "1"}},
          "{\"error\":\"too many requests wait for the store\"}\n"};
}

ApiRequest RequestOf(const os::HttpServerRequest& request) {
  return {request.method, request.target, request.Header("Authorization"),
          request.Header(kCredentialHeader), request.body};
}

void Append(std::string* text, std::string_view name, std::string_view labels, double value) {
  *text += fmt::format("{}{} {}\n", name, labels, value);
}

}  // namespace

std::string_view Name(Mode mode) {
  switch (mode) {
    case Mode::kRedis:
      return "redis";
    case Mode::kDynamoDb:
      return "dynamodb";
    case Mode::kSync:
      return "sync";
    case Mode::kTokens:
      return "tokens";
  }
  CHECK_NEVER("a mode");
}

base::Result<Mode> ModeOf(std::string_view name) {
  for (const Mode mode : {Mode::kRedis, Mode::kDynamoDb, Mode::kSync, Mode::kTokens}) {
    if (Name(mode) == name) return mode;
  }
  return base::Invalid("sessions are kept by redis, dynamodb, sync or tokens");
}

base::Result<SharedSecrets> SecretsFrom(std::string_view secret) {
  if (secret.size() < kLeastSecret)
    return base::Invalid(fmt::format(
        "the services' secret has {} or more characters, such as those of `openssl rand -hex 32`",
        kLeastSecret));
  const auto derived = [&](const char* what) { return base::HmacSha256(secret, what); };
  return SharedSecrets{base::HexEncode(base::AsView(derived("leeward session peers 1"))),
                       std::string(base::AsView(derived("leeward session keys 1")))};
}

Service::Service(os::EventLoop& loop, ServiceOptions options, std::unique_ptr<SessionStore> store,
                 ports::HttpTransport& transport, const ports::Clock& clock, ports::Random& random)
    : loop_(loop), options_(std::move(options)), clock_(clock), store_(std::move(store)) {
  peers_ =
      std::make_unique<Peers>(PeerTermsOf(options_), options_.peers, transport, *store_, clock);
  sessions_ = MakeSessions(options_, {clock, random, *store_, *peers_});
  api_ = std::make_unique<Api>(options_.token, *sessions_, *this);
  peer_api_ = std::make_unique<PeerApi>(options_.peer_token, options_.terms.data, *sessions_);
  clients_line_.pool = std::make_unique<os::WorkerPool>(options_.threads);
  peers_line_.pool = std::make_unique<os::WorkerPool>(kPeerThreads);
  ticker_ = std::thread([this] { Ticking(); });
}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  ticker_.join();
  server_.reset();
  peer_server_.reset();
  alive_.reset();
}

base::Result<std::unique_ptr<Service>> Service::Start(os::EventLoop& loop, ServiceOptions options,
                                                      std::unique_ptr<SessionStore> store,
                                                      ports::HttpTransport& transport,
                                                      const ports::Clock& clock,
                                                      ports::Random& random) {
  RETURN_IF_ERROR(Validate(options.terms));
  if (options.peers.size() > Peers::kMost)
    return base::Invalid(fmt::format("there are at most {} peers", Peers::kMost));
  if (options.peer_listen && options.peer_token.empty())
    return base::Invalid("a peer listener needs the services' secret");
  if (options.mode == Mode::kTokens) RETURN_IF_ERROR(Validate(options.tokens.keys.rotation));
  std::unique_ptr<Service> service(
      new Service(loop, std::move(options), std::move(store), transport, clock, random));
  RETURN_IF_ERROR(service->Listen());
  return service;
}

base::Status Service::Listen() {
  os::HttpServerOptions limits;
  limits.max_head = kMaxHead;
  limits.max_body = kMostApiBody;
  limits.max_connections = options_.most_connections;
  limits.idle = kIdle;
  ASSIGN_OR_RETURN(server_,
                   os::HttpServer::Start(
                       loop_, options_.listen,
                       [this](std::shared_ptr<os::HttpExchange> each) { Handle(each); }, limits));
  if (!options_.peer_listen) return base::Ok();
  limits.max_body = kMostMessageBytes;
  limits.max_connections = kPeerConnections;
  ASSIGN_OR_RETURN(
      peer_server_,
      os::HttpServer::Start(
          loop_, *options_.peer_listen,
          [this](std::shared_ptr<os::HttpExchange> each) { HandlePeer(each); }, limits));
  return base::Ok();
}

std::optional<os::Address> Service::peer_address() const {
  if (peer_server_ == nullptr) return std::nullopt;
  return peer_server_->address();
}

template <typename Answer>
void Service::InPool(Line& line, std::shared_ptr<os::HttpExchange> exchange, Answer answer) {
  if (line.waiting >= options_.most_waiting) {
    ++turned_away_;
    return exchange->Reply(Busy());
  }
  ++line.waiting;
  line.pool->Run([this, &line, exchange = std::move(exchange), answer,
                  alive = std::weak_ptr(alive_)]() mutable {
    ports::HttpResponse response = answer(exchange->request());
    // The exchange is the loop's: it goes back there to be answered, or dropped.
    loop_.Post([&line, exchange = std::move(exchange), response = std::move(response), alive] {
      exchange->Reply(response);
      if (!alive.expired()) --line.waiting;
    });
  });
}

void Service::Handle(const std::shared_ptr<os::HttpExchange>& exchange) {
  const base::MonotonicTime began = clock_.Monotonic();
  const auto answer = [this, began](const os::HttpServerRequest& request) {
    Operation operation = Operation::kOther;
    ports::HttpResponse response = api_->Answer(RequestOf(request), &operation);
    meter_.Count(operation, response.status, clock_.Monotonic() - began);
    return response;
  };
  // What is not about sessions is known at once, and has to be told also when the store is slow.
  if (!exchange->request().target.starts_with("/v1/"))
    return exchange->Reply(answer(exchange->request()));
  InPool(clients_line_, exchange, answer);
}

void Service::HandlePeer(const std::shared_ptr<os::HttpExchange>& exchange) {
  InPool(peers_line_, exchange, [this](const os::HttpServerRequest& request) {
    return peer_api_->Answer(RequestOf(request));
  });
}

void Service::Ticking() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    sessions_->Tick();
    lock.lock();
    wake_.wait_for(lock, options_.tick, [this] { return stopping_; });
  }
}

std::string Service::Sickness() const { return sessions_->Sickness(); }

std::string Service::Standing() const {
  std::string standing = Sickness();
  for (const PeerStatus& peer : peers_->Status()) {
    if (peer.answers || peer.failed == 0) continue;
    if (!standing.empty()) standing += "; ";
    standing += fmt::format("peer {}: {}", peer.url, peer.trouble);
  }
  return standing.empty() ? "well" : standing;
}

std::string Service::MetricsText() const {
  std::string text = meter_.Text();
  Append(&text, "leeward_session_up", fmt::format("{{mode=\"{}\"}}", Name(options_.mode)),
         Sickness().empty() ? 1 : 0);
  Append(&text, "leeward_session_turned_away_total", "", static_cast<double>(turned_away_));
  Append(&text, "leeward_session_revocations_held", "", static_cast<double>(sessions_->held()));
  for (const PeerStatus& peer : peers_->Status()) {
    const std::string label = fmt::format("{{peer=\"{}\"}}", peer.url);
    Append(&text, "leeward_session_peer_up", label, peer.answers ? 1 : 0);
    Append(&text, "leeward_session_peer_waiting", label, static_cast<double>(peer.waiting));
    Append(&text, "leeward_session_peer_messages_total", label, static_cast<double>(peer.sent));
    Append(&text, "leeward_session_peer_failures_total", label, static_cast<double>(peer.failed));
    Append(&text, "leeward_session_peer_refused_total", label, static_cast<double>(peer.refused));
    Append(&text, "leeward_session_peer_dropped_total", label, static_cast<double>(peer.dropped));
    if (peer.silence)
      Append(&text, "leeward_session_peer_silence_seconds", label, base::Seconds(*peer.silence));
  }
  return text;
}

}  // namespace leeward::sessions
