// Service: the session service as a process: its HTTP listeners, its threads, its looks ahead.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/event_loop.h"
#include "os/http_server.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "ports/random.h"
#include "sessions/api.h"
#include "sessions/base_sessions.h"
#include "sessions/meter.h"
#include "sessions/peers.h"
#include "sessions/token_sessions.h"

namespace leeward::sessions {

// The four ways of keeping sessions.
enum class Mode { kRedis, kDynamoDb, kSync, kTokens };
std::string_view Name(Mode mode);  // "redis", "dynamodb", "sync", "tokens"
base::Result<Mode> ModeOf(std::string_view name);

inline constexpr std::size_t kLeastSecret = 32;  // characters

// What the services of one application share, from one secret. kInvalid: it is too short.
struct SharedSecrets {
  std::string peer_token;  // between the services
  std::string seal_key;    // of signing keys in the store
};
base::Result<SharedSecrets> SecretsFrom(std::string_view secret);

struct ServiceOptions {
  Mode mode = Mode::kSync;
  Terms terms;
  Place place;
  os::Address listen;
  std::string token;                       // of the application; empty: none is asked for
  std::optional<os::Address> peer_listen;  // absent: no other Region can tell anything
  std::vector<std::string> peers;          // the other Regions' peer listeners, as URLs
  std::string peer_token;
  std::string source_address;      // local address to call peers from; empty: the system's choice
  TokenTerms tokens;               // of kTokens
  std::size_t threads = 32;        // that wait for the store, 1 to 256
  std::size_t most_waiting = 512;  // requests at once; then 503
  std::size_t most_connections = 1024;  // of clients
  base::Duration tick{std::chrono::milliseconds(250)};
};

class Service : public Condition {
 public:
  // Serves from now on, in the loop. What is referred to outlives the service.
  static base::Result<std::unique_ptr<Service>> Start(os::EventLoop& loop, ServiceOptions options,
                                                      std::unique_ptr<SessionStore> store,
                                                      ports::HttpTransport& transport,
                                                      const ports::Clock& clock,
                                                      ports::Random& random);
  // On the loop's thread, or when the loop does not run.
  ~Service() override;

  os::Address address() const { return server_->address(); }
  std::optional<os::Address> peer_address() const;
  std::string Sickness() const override;
  std::string MetricsText() const override;
  // How it is, for people: "well", or what is wrong with the store or a peer.
  std::string Standing() const;

 private:
  Service(os::EventLoop& loop, ServiceOptions options, std::unique_ptr<SessionStore> store,
          ports::HttpTransport& transport, const ports::Clock& clock, ports::Random& random);
  base::Status Listen();
  void Handle(const std::shared_ptr<os::HttpExchange>& exchange);
  void HandlePeer(const std::shared_ptr<os::HttpExchange>& exchange);
  // Requests that wait for their turn: clients never in the way of what other Regions tell.
  struct Line {
    std::size_t waiting = 0;  // on the loop's thread
    std::unique_ptr<os::WorkerPool> pool;
  };
  template <typename Answer>
  void InPool(Line& line, std::shared_ptr<os::HttpExchange> exchange, Answer answer);
  void Ticking();

  os::EventLoop& loop_;
  const ServiceOptions options_;
  const ports::Clock& clock_;
  const std::unique_ptr<SessionStore> store_;
  Meter meter_;
  std::atomic<std::uint64_t> turned_away_{0};
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<BaseSessions> sessions_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<PeerApi> peer_api_;
  std::unique_ptr<os::HttpServer> server_, peer_server_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread ticker_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // answers that come too late see it gone
  Line clients_line_, peers_line_;                         // the last: their threads use the others
};

}  // namespace leeward::sessions
