// What a session service reads: requests of the application (method and target; Authorization;
// Leeward-Session; body), messages of peers, tokens, and records out of a store.
#include "base/check.h"
#include "fuzz/input.h"
#include "session/claims.h"
#include "session/jws.h"
#include "session/key_ring.h"
#include "session/record_json.h"
#include "session/seal.h"
#include "sessions/api.h"
#include "sessions/memory_store.h"
#include "sessions/stored_sessions.h"
#include "sessions/token_sessions.h"

namespace leeward::fuzz {
namespace {

class NoTransport : public ports::HttpTransport {
 public:
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest&,
                                         const ports::HttpLimits&) override {
    return base::Unreachable("there is nobody");
  }
};

class Well : public sessions::Condition {
 public:
  std::string Sickness() const override { return ""; }
  std::string MetricsText() const override { return ""; }
};

// Both kinds of service on one store, with a session and a token made.
struct World {
  ports::ManualClock clock{base::ParseIso8601("2026-11-23T08:00:00Z").value()};
  ports::SeededRandom random{1};
  NoTransport transport;
  sessions::MemoryStore store{{.most = 100}, clock};
  sessions::Peers peers{{}, {}, transport, store, clock};
  sessions::Place place;
  sessions::TokenTerms tokens;
  std::unique_ptr<sessions::StoredSessions> stored;
  std::unique_ptr<sessions::TokenSessions> signed_ones;
  std::string id, token;

  World() {
    place.region = place.node = "us-east-1";
    tokens.issuer = tokens.audience = "shop";
    tokens.keys.seal_key = std::string(session::kSealKeyBytes, 's');
    const sessions::Surroundings around{clock, random, store, peers};
    stored = std::make_unique<sessions::StoredSessions>(
        sessions::Terms{}, place, around, sessions::StoredSessions::Replication::kByTheServices);
    signed_ones =
        std::make_unique<sessions::TokenSessions>(sessions::Terms{}, place, around, tokens);
    signed_ones->Tick();
    id = stored->Create({"ann", {{"cart", "7"}}, {}})->credential;
    token = signed_ones->Create({"ann", {}, {}})->credential;
  }
};

void TryApi(std::string_view rest) {
  World world;
  const Well well;
  const bool with_tokens = TakeLine(rest) == "tokens";
  std::string_view first = TakeLine(rest);
  sessions::ApiRequest request;
  request.method = TakeWord(first);
  request.target = first;
  request.authorization = TakeLine(rest);
  request.credential = TakeLine(rest);
  if (request.credential == "id") request.credential = world.id;
  if (request.credential == "token") request.credential = world.token;
  request.body = rest;
  sessions::Sessions& sessions =
      with_tokens ? static_cast<sessions::Sessions&>(*world.signed_ones) : *world.stored;
  sessions::Operation operation{};
  const ports::HttpResponse response =
      sessions::Api("0123456789abcdef", sessions, well).Answer(request, &operation);
  CHECK(response.status >= 200 && response.status < 600);
  const bool allowed = request.authorization == "Bearer 0123456789abcdef";
  CHECK(allowed || !request.target.starts_with("/v1/") || response.status == 401);
}

void TryPeer(std::string_view rest) {
  World world;
  sessions::ApiRequest request{"POST", sessions::kExchangePath, TakeLine(rest), "", rest};
  const ports::HttpResponse response =
      sessions::PeerApi("0123456789abcdef", {}, *world.stored).Answer(request);
  CHECK(response.status >= 200 && response.status < 600);
  CHECK(request.authorization == "Bearer 0123456789abcdef" || response.status == 401);
  const auto answer = sessions::PeerAnswerFromJson(rest);
  if (answer.ok()) CHECK(sessions::PeerAnswerFromJson(ToJson(*answer)).ok());
}

void TryToken(std::string_view rest) {
  static const session::SigningKey key =
      session::SigningKey::FromSecret(session::Algorithm::kEdDsa, std::string(32, 'k')).value();
  const auto payload =
      session::VerifyCompact(rest, [](std::string_view) { return &key.verifying(); });
  // Nobody who does not have the key makes a token.
  if (payload.ok()) CHECK(!session::SignCompact(key, *payload).empty());
  const auto claims = session::ClaimsFromJson(rest, {});
  if (!claims.ok()) return;
  CHECK(session::ClaimsFromJson(ToJson(*claims), {}).value() == *claims);
}

void TryRecord(std::string_view rest) {
  const auto held = session::HeldFromJson(rest, {});
  if (held.ok()) {
    CHECK(session::HeldFromJson(ToJson(*held), {}).value() == *held);
    CHECK(Merge(*held, *held) == Merge(*held, {}));
  }
  (void)session::RingKeyFromJson(rest, std::string(session::kSealKeyBytes, 's')).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  const std::string_view kind = TakeLine(rest);
  if (kind == "api") TryApi(rest);
  if (kind == "peer") TryPeer(rest);
  if (kind == "token") TryToken(rest);
  if (kind == "record") TryRecord(rest);
  return 0;
}

}  // namespace leeward::fuzz
