// Whole services over real HTTP on loopback: alone, and two Regions that speak to one another.
#include "sessions/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/random.h"
#include "sessions/testing/faulty_store.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using testing::FaultyStore;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const os::SystemClock kClock;
os::SystemRandom g_random;

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

struct Wanted {
  Mode mode = Mode::kSync;
  std::string token;
  std::vector<std::string> peers;
  std::uint16_t peer_port = 0;
  std::string secret = kSecret;
  std::size_t most_waiting = ServiceOptions().most_waiting;
};

// One Region's service, its loop on a thread of its own.
class Running {
 public:
  Running(const std::string& region, const Wanted& setup) : transport_(os::MakeCurlTransport({})) {
    auto store = std::make_unique<FaultyStore>(kClock);
    store_ = store.get();
    const SharedSecrets secrets = SecretsFrom(setup.secret).value();
    ServiceOptions options;
    options.mode = setup.mode;
    options.place.region = region;
    options.place.node = region + "/" + std::to_string(g_random.Next());
    options.listen.host = "127.0.0.1";
    options.peer_listen = os::Address{"127.0.0.1", setup.peer_port, ""};
    options.peers = setup.peers;
    options.token = setup.token;
    options.peer_token = secrets.peer_token;
    options.tokens.keys.seal_key = secrets.seal_key;
    options.tokens.issuer = "leeward/shop";
    options.tokens.audience = "shop";
    options.tick = 20ms;
    options.threads = 4;
    options.most_waiting = setup.most_waiting;
    auto service = Service::Start(loop_, options, std::move(store), *transport_, kClock, g_random);
    CHECK_MSG(service.ok(), service.ok() ? "" : service.error().message().c_str());
    service_ = std::move(*service);
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~Running() {
    loop_.Stop();
    thread_.join();
    service_.reset();
  }

  FaultyStore& store() { return *store_; }
  std::string url() const { return "http://" + service_->address().ToString(); }
  std::string peer_url() const { return "http://" + service_->peer_address()->ToString(); }
  std::uint16_t peer_port() const { return service_->peer_address()->port; }

  ports::HttpResponse Ask(const std::string& method, const std::string& path,
                          const std::string& session = "", const std::string& body = "",
                          const std::string& token = "") const {
    ports::HttpRequest request{method, url() + path, {}, body};
    if (!session.empty()) request.headers.emplace_back(kCredentialHeader, session);
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    const auto response = transport_->Send(request, {});
    CHECK_MSG(response.ok(), "the service does not answer");
    return *response;
  }
  std::string Create(const std::string& subject) const {
    const auto made = Ask("POST", "/v1/sessions", "", Json{{"subject", subject}}.dump());
    EXPECT_EQ(made.status, 201) << made.body;
    return Json::parse(made.body)["session"];
  }
  int StatusOf(const std::string& session) const {
    return Ask("GET", "/v1/session", session).status;
  }

 private:
  std::unique_ptr<ports::HttpTransport> transport_;
  os::EventLoop loop_;
  FaultyStore* store_ = nullptr;
  std::unique_ptr<Service> service_;
  std::thread thread_;
};

::testing::AssertionResult Eventually(const std::function<bool()>& condition) {
  const base::MonotonicTime until = kClock.Monotonic() + 20s;
  while (kClock.Monotonic() < until) {
    if (condition()) return ::testing::AssertionSuccess();
    ::poll(nullptr, 0, 5);
  }
  return ::testing::AssertionFailure() << "not within 20 s";
}

TEST(ServiceTest, ASessionsWholeLifeOverHttp) {
  const Running service("us-east-1", {});
  const auto made = service.Ask("POST", "/v1/sessions", "",
                                R"({"subject":"ann","data":{"cart":"7"},"life":"1h"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.Header("Cache-Control"), "no-store");
  const std::string id = Json::parse(made.body)["session"];
  const auto read = service.Ask("GET", "/v1/session", id);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(Json::parse(read.body)["data"]["cart"], "7");
  EXPECT_THAT(read.body, Not(HasSubstr(id)));
  EXPECT_EQ(service.Ask("POST", "/v1/session/touch", id).status, 200);
  const auto changed = service.Ask("PATCH", "/v1/session", id, R"({"cart":null,"theme":"dark"})");
  EXPECT_EQ(Json::parse(changed.body)["data"], (Json{{"theme", "dark"}}));
  const auto revoked = service.Ask("DELETE", "/v1/session", id);
  EXPECT_EQ(revoked.status, 200);
  EXPECT_EQ(Json::parse(revoked.body)["revoked"], "local");
  const auto after = service.Ask("GET", "/v1/session", id);
  EXPECT_EQ(after.status, 410);
  EXPECT_EQ(Json::parse(after.body)["reason"], "revoked");
  const auto by_handle = service.Ask("POST", "/v1/revocations", "",
                                     Json{{"handle", Json::parse(read.body)["handle"]}}.dump());
  EXPECT_EQ(by_handle.status, 200) << by_handle.body;
}

TEST(ServiceTest, WhatIsNoRequestIsRefusedWithAReason) {
  const Running service("us-east-1", {});
  const std::string id = service.Create("ann");
  EXPECT_EQ(service.Ask("GET", "/v1/session").status, 400);
  EXPECT_EQ(service.StatusOf("nonsense"), 400);
  EXPECT_EQ(service.StatusOf(std::string(43, 'A')), 404);
  for (const char* body : {"", "[]", "{}", R"({"subject":1})", R"({"subject":"a","idle":"1h"})",
                           R"({"subject":"a","data":{"x":1}})", R"({"subject":"a","life":"1"})"})
    EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", body).status, 400) << body;
  for (const char* body : {"", "{}", R"({"a":1})"})
    EXPECT_EQ(service.Ask("PATCH", "/v1/session", id, body).status, 400) << body;
  const std::string large = Json{{"a", std::string(5000, 'x')}}.dump();
  EXPECT_EQ(service.Ask("PATCH", "/v1/session", id, large).status, 413);
  EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", std::string(kMostApiBody + 1, ' ')).status,
            413);
  EXPECT_EQ(service.Ask("PUT", "/v1/session", id).status, 405);
  EXPECT_EQ(service.Ask("GET", "/v1/sessions").status, 405);
  EXPECT_EQ(service.Ask("GET", "/v1/peer/exchange").status, 404);
  EXPECT_EQ(service.Ask("GET", "/.well-known/jwks.json").status, 404);
  EXPECT_EQ(service.Ask("POST", "/v1/keys/rotate").status, 409);
  EXPECT_EQ(service.Ask("POST", "/v1/revocations", "", R"({"handle":"x"})").status, 400);
}

TEST(ServiceTest, WithATokenNobodyAsksWithoutIt) {
  const Running service("us-east-1", {.token = "the-applications-token"});
  EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", R"({"subject":"a"})").status, 401);
  EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", R"({"subject":"a"})", "the-applications-tokem")
                .status,
            401);
  EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", R"({"subject":"a"})", "the-applications-token")
                .status,
            201);
  EXPECT_TRUE(Eventually([&] { return service.Ask("GET", "/healthz").status == 200; }));
}

TEST(ServiceTest, HealthAndMetricsSayWhetherTheStoreAnswers) {
  Running service("us-east-1", {});
  EXPECT_TRUE(Eventually([&] { return service.Ask("GET", "/healthz").status == 200; }));
  service.Create("ann");
  service.store().fault = FaultyStore::Fault::kUnreachable;
  EXPECT_TRUE(Eventually([&] { return service.Ask("GET", "/healthz").status == 503; }));
  EXPECT_EQ(service.Ask("POST", "/v1/sessions", "", R"({"subject":"a"})").status, 503);
  const std::string metrics = service.Ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("leeward_session_up{mode=\"sync\"} 0\n"));
  EXPECT_THAT(metrics,
              HasSubstr("leeward_session_requests_total{operation=\"create\",outcome=\"ok\"} 1\n"));
  EXPECT_THAT(
      metrics,
      HasSubstr("leeward_session_requests_total{operation=\"create\",outcome=\"failed\"} 1\n"));
}

// Each needs the other's address: the first is told by being started again.
struct Pair {
  explicit Pair(const Wanted& setup = {}) {
    away = std::make_unique<Running>("us-west-2", setup);
    Wanted with = setup;
    with.peers = {away->peer_url()};
    home = std::make_unique<Running>("us-east-1", with);
    Wanted back = setup;
    back.peers = {home->peer_url()};
    back.peer_port = away->peer_port();
    away.reset();
    away = std::make_unique<Running>("us-west-2", back);
  }
  std::unique_ptr<Running> home, away;
};

TEST(ExchangeTest, SessionsOfOneRegionAreInTheOther) {
  const Pair regions;
  const std::string id = regions.home->Create("ann");
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(id) == 200; }));
  ASSERT_EQ(regions.away->Ask("PATCH", "/v1/session", id, R"({"cart":"7"})").status, 200);
  EXPECT_TRUE(Eventually([&] {
    return Json::parse(regions.home->Ask("GET", "/v1/session", id).body)["data"].contains("cart");
  }));
}

TEST(ExchangeTest, AnAcknowledgedRevocationIsInTheOtherRegionAlready) {
  const Pair regions;
  const std::string id = regions.home->Create("ann");
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(id) == 200; }));
  const auto revoked = regions.home->Ask("DELETE", "/v1/session", id);
  EXPECT_EQ(Json::parse(revoked.body)["revoked"], "everywhere") << revoked.body;
  EXPECT_EQ(Json::parse(revoked.body)["regions"], (Json{"us-east-1", "us-west-2"}));
  EXPECT_EQ(regions.away->StatusOf(id), 410);
}

TEST(ExchangeTest, WithoutTheOtherRegionARevocationSaysSoAndArrivesWhenItIsBack) {
  Pair regions;
  std::vector<std::string> ids(150);
  for (std::string& id : ids) id = regions.home->Create("ann");
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(ids.back()) == 200; }));
  Wanted again;
  again.peer_port = regions.away->peer_port();
  again.peers = {regions.home->peer_url()};
  regions.away.reset();
  const auto revoked = regions.home->Ask("DELETE", "/v1/session", ids.front());
  EXPECT_EQ(Json::parse(revoked.body)["revoked"], "local");
  const std::string fresh = regions.home->Create("bob");
  // It comes back with nothing, and gets everything.
  regions.away = std::make_unique<Running>("us-west-2", again);
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(ids.front()) == 410; }));
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(fresh) == 200; }));
  for (std::size_t i = 1; i < ids.size(); ++i)
    EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(ids[i]) == 200; })) << i;
}

TEST(ExchangeTest, ARevocationThatWaitsIsToldAlsoWhileTheOwnStoreIsAway) {
  Pair regions;
  const std::string id = regions.home->Create("ann");
  ASSERT_TRUE(Eventually([&] { return regions.away->StatusOf(id) == 200; }));
  Wanted again;
  again.peer_port = regions.away->peer_port();
  again.peers = {regions.home->peer_url()};
  regions.away.reset();
  ASSERT_EQ(Json::parse(regions.home->Ask("DELETE", "/v1/session", id).body)["revoked"], "local");
  regions.home->Create("bob");  // has to be read before it is sent
  regions.home->store().fault = FaultyStore::Fault::kUnreachable;
  regions.away = std::make_unique<Running>("us-west-2", again);
  EXPECT_TRUE(Eventually([&] { return regions.away->StatusOf(id) == 410; }));
  EXPECT_TRUE(Eventually([&] {
    const std::string metrics = regions.home->Ask("GET", "/metrics").body;
    return metrics.find("leeward_session_peer_up{peer=\"" + regions.away->peer_url() + "\"} 1\n") !=
           std::string::npos;
  })) << "the peer answers; it is the own store that does not";
}

TEST(ExchangeTest, ARevocationIsTakenInAlsoWhereClientsWaitInTheirTurn) {
  Pair regions({.most_waiting = 1});
  const std::string id = regions.home->Create("ann");
  ASSERT_TRUE(Eventually([&] { return regions.away->StatusOf(id) == 200; }));
  std::promise<void> reached, store_is_well;
  regions.away->store().before_write = [&] {
    reached.set_value();
    store_is_well.get_future().wait();
  };
  std::thread client([&] {
    const auto transport = os::MakeCurlTransport({});
    (void)transport->Send(
        {"POST", regions.away->url() + "/v1/sessions", {}, R"({"subject":"bob"})"}, {});
  });
  reached.get_future().wait();
  EXPECT_EQ(regions.away->StatusOf(id), 503) << "else there is room, and this shows nothing";
  EXPECT_EQ(regions.home->Ask("DELETE", "/v1/session", id).status, 200);
  const session::Handle handle = session::HandleOf(id).value();
  EXPECT_TRUE(Eventually([&] {
    const auto stored = regions.away->store().real().Read(handle, ReadFor::kLook, {});
    return stored.ok() && stored->held.revocation.has_value();
  }));
  store_is_well.set_value();
  client.join();
}

TEST(ExchangeTest, AServiceWithAnotherSecretIsToldNothing) {
  const Running away("us-west-2", {.secret = std::string(32, 'x')});
  const Running home("us-east-1", {.peers = {away.peer_url()}});
  const std::string id = home.Create("ann");
  EXPECT_TRUE(Eventually([&] {
    return home.Ask("GET", "/metrics")
               .body.find("peer_failures_total{peer=\"" + away.peer_url() + "\"} 0\n") ==
           std::string::npos;
  }));
  EXPECT_EQ(Json::parse(home.Ask("DELETE", "/v1/session", id).body)["revoked"], "local");
  EXPECT_EQ(away.StatusOf(id), 404);
}

TEST(TokenServiceTest, KeysArePublishedAndTokensAreVerified) {
  const Running service("us-east-1", {.mode = Mode::kTokens});
  EXPECT_TRUE(Eventually([&] { return service.Ask("GET", "/healthz").status == 200; }));
  const std::string token = service.Create("ann");
  EXPECT_EQ(service.StatusOf(token), 200);
  const Json jwks = Json::parse(service.Ask("GET", "/.well-known/jwks.json").body);
  ASSERT_EQ(jwks["keys"].size(), 1u);
  EXPECT_EQ(jwks["keys"][0]["alg"], "EdDSA");
  EXPECT_FALSE(jwks["keys"][0].contains("d"));
  EXPECT_EQ(service.Ask("POST", "/v1/keys/rotate").status, 200);
  EXPECT_EQ(service.StatusOf(token + "A"), 401);
  EXPECT_EQ(service.Ask("DELETE", "/v1/session", token).status, 200);
  EXPECT_EQ(service.StatusOf(token), 410);
}

TEST(SecretsTest, BothComeFromOneSecretAndASecretIsLong) {
  EXPECT_FALSE(SecretsFrom("short").ok());
  const SharedSecrets secrets = SecretsFrom(kSecret).value();
  EXPECT_EQ(secrets.seal_key.size(), 32u);
  EXPECT_EQ(secrets.peer_token.size(), 64u);
  EXPECT_THAT(secrets.peer_token, Not(HasSubstr(kSecret)));
}

}  // namespace
}  // namespace leeward::sessions
