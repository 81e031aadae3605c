// Tables, caches and loads of sessions in specs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "model/names.h"
#include "spec/testing/mistakes.h"

namespace leeward::spec {
namespace {

using testing::Complaints;
using testing::Mistake;
using testing::PlaceOf;
using testing::Replaced;

constexpr char kStores[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2, witness: eu-west-1 }
objectives: { rto: 15m, rpo: 5s }
components:
  carts:    { kind: dynamodb }
  prices:   { kind: dynamodb, table: shop.prices, consistency: strong, third: replica }
  sessions: { kind: elasticache, engine: valkey, auth-token-env: SESSIONS_TOKEN }
  web:      { kind: ecs, environment: { CARTS: carts, REDIS: sessions }, needs: [carts, sessions] }
workload:
  url: http://shop.example.test
  write: POST /orders
  read: GET /orders/{id}
  reads: { carts: "GET /carts/{id}", sessions: "HEAD /sessions/{id}" }
  rate: 10/s
  sessions:
    - { mode: redis, store: sessions, rate: 500/s }
    - { mode: dynamodb, store: carts, rate: 400/s }
    - { mode: sync, rate: 30/s }
    - { mode: tokens, store: carts, rate: 0.5/s }
)";

TEST(StoresSpecTest, TablesAndCachesAreReadWithTheirDefaults) {
  const auto parsed = Parse(kStores, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(kStores);
  const auto& shop = std::get<model::Application>(parsed);
  const auto& carts = std::get<model::Dynamodb>(shop.components[0].kind);
  EXPECT_EQ(carts.table, "carts");
  EXPECT_EQ(carts.consistency, model::Consistency::kEventual);
  const auto& prices = std::get<model::Dynamodb>(shop.components[1].kind);
  EXPECT_EQ(prices.table, "shop.prices");
  EXPECT_EQ(prices.third, model::ThirdMember::kReplica);
  const auto& sessions = std::get<model::Elasticache>(shop.components[2].kind);
  EXPECT_EQ(sessions.replication_group, "sessions");
  EXPECT_EQ(sessions.datastore, "sessions");
  EXPECT_EQ(sessions.engine, model::CacheEngine::kValkey);
  EXPECT_EQ(sessions.auth_token_env, "SESSIONS_TOKEN");
  EXPECT_EQ(std::get<model::Ecs>(shop.components[3].kind).environment.at("REDIS").str(),
            "sessions");
  const auto& reads = shop.workload->reads;
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads.at(model::ComponentName("sessions")).method, "HEAD");
  EXPECT_EQ(reads.at(model::ComponentName("carts")).path, "/carts/{id}");
}

TEST(StoresSpecTest, SessionLoadsAreRead) {
  const auto shop = std::get<model::Application>(Parse(kStores, "shop.yaml"));
  std::string read;
  for (const model::SessionLoad& load : shop.workload->sessions)
    read += fmt::format("{} in '{}' {:.1f}; ", model::Name(load.mode), load.store.str(), load.rate);
  EXPECT_EQ(read,
            "redis in 'sessions' 500.0; dynamodb in 'carts' 400.0; sync in '' 30.0; "
            "tokens in 'carts' 0.5; ");
}

TEST(StoresSpecTest, MistakesInSessionLoadsAreNamed) {
  const std::vector<std::array<std::string, 3>> mistakes = {
      {"mode: redis, store: sessions", "mode: redsi, store: sessions",
       "'mode' in session load 1 is 'redsi', which is not known; did you mean redis?"},
      {"mode: redis, store: sessions", "mode: redis, store: session",
       "session load 1 names component 'session', which does not exist; did you mean sessions?"},
      {"mode: redis, store: sessions", "mode: redis, store: carts",
       "session load 1, of mode redis, has a store of kind dynamodb; write a component of kind "
       "elasticache"},
      {"mode: tokens, store: carts", "mode: tokens, store: web",
       "session load 4, of mode tokens, has a store of kind ecs; write a component of kind "
       "elasticache or dynamodb"},
      {"mode: dynamodb, store: carts", "mode: dynamodb",
       "session load 2, of mode dynamodb, has no store; add store: a component of kind dynamodb"},
      {"mode: sync, rate", "mode: sync, store: carts, rate",
       "session load 3, of mode sync, has a store; leave it out: each Region's service keeps its "
       "own"},
      {"mode: sync, rate", "mode: redis, store: sessions, rate",
       "session load 3 is another of mode redis; write each mode once"},
  };
  for (const auto& [from, to, complaint] : mistakes) {
    const std::string said = Complaints(Replaced(kStores, from, to));
    EXPECT_TRUE(said.ends_with(": " + complaint + "\n")) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  }
}

TEST(StoresSpecTest, MistakesInTablesAndCachesAreNamed) {
  const std::vector<Mistake> mistakes = {
      {"engine: valkey", "engine: memcached", "memcached",
       "'engine' in component sessions is 'memcached', which has no replication between Regions; "
       "write redis or valkey: Global Datastore knows no other"},
      {"engine: valkey", "engine: redsi", "redsi",
       "'engine' in component sessions is 'redsi', which is not known; did you mean redis?"},
      {", witness: eu-west-1", "", "strong",
       "component prices is strong, which takes exactly three Regions, and the spec has two; "
       "add the third as 'witness' in regions, or write eventual"},
      {"carts:    { kind: dynamodb }", "carts:    { kind: dynamodb, third: replica }", "replica",
       "'third' in component carts is only for strong tables; leave it out, or write "
       "consistency: strong"},
      {"table: shop.prices", "table: a/b", "a/b",
       "'table' in component prices is 'a/b'; write a table's name: 3 to 255 letters, digits, "
       "'-', '_' and '.'"},
      {"engine: valkey", "replication-group: my--cache", "my--cache",
       "'replication-group' in component sessions is 'my--cache'; write 1 to 40 letters, digits "
       "and single '-', beginning with a letter and not ending with '-'"},
      {"REDIS: sessions", "REDIS: web", "web }",
       "component web names component 'web', which is not a store; write a component of kind "
       "rds, dynamodb, elasticache, efs, datasync, ebs or s3"},
      {"carts: \"GET /carts/{id}\"", "carts: \"GET /carts\"", "\"GET /carts",
       "'carts' in 'reads' asks for no write: its path has no {id}; write a path such as "
       "/carts/{id}"},
      {"carts: \"GET", "cart: \"GET", "\"GET",
       "'reads' in workload names component 'cart', which does not exist; did you mean carts?"},
      {"sessions: \"HEAD", "web: \"HEAD", "\"HEAD",
       "'reads' in workload names component 'web', which is not a store; write a component of "
       "kind rds, dynamodb, elasticache, efs, datasync, ebs or s3"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string text = Replaced(kStores, mistake.from, mistake.to);
    const std::string near = mistake.to.empty() ? "consistency" : mistake.to;
    EXPECT_EQ(Complaints(text),
              PlaceOf(text, near, mistake.token) + ": " + mistake.complaint + "\n")
        << mistake.to;
  }
}

}  // namespace
}  // namespace leeward::spec
