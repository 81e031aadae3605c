#include <gtest/gtest.h>

#include "spec/spec.h"

namespace leeward::spec {
namespace {

constexpr char kShop[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 5s }
components:
  orders:   { kind: rds, database: shop, user: shop }
  carts:    { kind: dynamodb }
  sessions: { kind: elasticache }
  uploads:  { kind: efs }
  web:      { kind: ecs, load-balancer: shop, needs: [orders, carts, sessions, uploads] }
  jobs:     { kind: ecs, needs: [uploads] }
)";

std::string With(const std::string& references, const std::string& sagas = "") {
  return std::string(kShop) + "references:\n" + references +
         (sagas.empty() ? "" : "sagas:\n" + sagas);
}

std::string ComplaintsOf(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

TEST(ReferencesTest, ReferencesAndSagasAreRead) {
  const std::string text = With(
      R"(  - { name: carts, from: orders, sql: select 1, at: placed_at, to: carts, key: "{cart_id}", range: "v1" }
  - { name: sessions, from: orders, sql: select 1, to: sessions, key: "session:{id}" }
  - { name: uploads, from: orders, sql: select 1, to: uploads, get: "/uploads/{file}" }
)",
      "  - { name: refund, for: uploads, compensate: { run: [/bin/refund, --now], within: 30s } "
      "}\n");
  const std::string refused = ComplaintsOf(text);
  EXPECT_NE(refused.find("'range' in reference 'carts' is the same for every row"),
            std::string::npos)
      << refused;
  const auto parsed = Parse(
      text.substr(0, text.find(", range")) + text.substr(text.find(" }", text.find(", range"))),
      "s");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed))
      << ToText(std::get<Diagnostics>(parsed).front());
  const auto& shop = std::get<model::Application>(parsed);
  ASSERT_EQ(shop.references.size(), 3u);
  EXPECT_EQ(shop.references[0].key, "{cart_id}");
  EXPECT_EQ(shop.references[0].at, "placed_at");
  EXPECT_EQ(shop.references[2].through.str(), "web") << "the one with a load balancer";
  ASSERT_EQ(shop.sagas.size(), 1u);
  EXPECT_EQ(shop.sagas[0].of, "uploads");
  EXPECT_EQ(shop.sagas[0].compensate.run, (std::vector<std::string>{"/bin/refund", "--now"}));
  EXPECT_EQ(shop.sagas[0].compensate.within, std::chrono::seconds(30));
}

TEST(ReferencesTest, MistakesAreNamedWithWhatToDo) {
  const std::pair<const char*, const char*> refused[] = {
      {"{ name: a, from: carts, sql: s, to: carts, key: \"{x}\" }",
       "reference 'a' reads rows of carts, which is no database; write a component of kind rds"},
      {"{ name: a, from: order, sql: s, to: carts, key: \"{x}\" }",
       "reference 'a' names component 'order', which does not exist; did you mean orders?"},
      {"{ name: a, from: orders, sql: s, to: web, get: \"/{x}\" }",
       "names something in web, which is not a store; write a component of kind rds, dynamodb, "
       "elasticache, efs, datasync, ebs or s3"},
      {"{ name: a, from: orders, sql: s, to: carts }",
       "does not say what a row names in carts; add key: such as \"{id}\""},
      {"{ name: a, from: orders, sql: s, to: uploads }",
       "does not say what a row names in uploads; add get: a path of the application"},
      {"{ name: a, from: orders, sql: s, to: uploads, key: \"{x}\" }",
       "a component of kind efs cannot be asked for one from here; write get"},
      {"{ name: a, from: orders, sql: s, to: carts, key: \"{x}\", get: \"/{x}\" }",
       "has both 'key' and 'get'"},
      {"{ name: a, from: orders, sql: s, to: sessions, key: \"{x}\", range: \"{y}\" }",
       "'range' in reference 'a' is for the key of a table alone"},
      {"{ name: a, from: orders, sql: s, to: carts, key: all }",
       "'key' in reference 'a' is the same for every row; write a column in braces"},
      {"{ name: a, from: orders, sql: s, to: carts, key: \"{x\" }",
       "'key' in reference 'a': a brace has no other one"},
      {"{ name: a, from: orders, sql: s, to: carts, get: \"/{x}\", through: jobs }",
       "asks jobs, which has no load balancer"},
      {"{ name: a, from: orders, sql: s, to: carts, key: \"{x}\", through: web }",
       "'through' in reference 'a' is for 'get' alone"},
      {"{ name: a, from: orders, to: carts, key: \"{x}\" }", "'sql' in reference 1 is missing"},
  };
  for (const auto& [entry, complaint] : refused) {
    const std::string told = ComplaintsOf(With(std::string("  - ") + entry + "\n"));
    EXPECT_NE(told.find(complaint), std::string::npos) << entry << "\n" << told;
    EXPECT_NE(told.find("shop.yaml:13:"), std::string::npos) << told;
  }
}

TEST(ReferencesTest, ASagaIsForAReferenceThatIsThere) {
  const std::string carts = "  - { name: carts, from: orders, sql: s, to: carts, key: \"{x}\" }\n";
  EXPECT_NE(
      ComplaintsOf(With(carts, "  - { name: a, for: cart, compensate: { run: [/bin/a] } }\n"))
          .find("saga 'a' is for reference 'cart', which does not exist; did you mean 'carts'?"),
      std::string::npos);
  EXPECT_NE(ComplaintsOf(With(carts + carts)).find("two references are called 'carts'"),
            std::string::npos);
}

}  // namespace
}  // namespace leeward::spec
