#include "spec/spec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "base/testing/golden.h"
#include "model/names.h"
#include "spec/testing/mistakes.h"

namespace leeward::spec {
namespace {

using testing::Complaints;
using testing::Mistake;
using testing::PlaceOf;
using testing::Replaced;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string ShopText() { return ReadFile("examples/shop/orders-only.yaml"); }

TEST(SpecTest, TheShopIsRead) {
  const auto parsed = Parse(ShopText(), "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(ShopText());
  const auto& shop = std::get<model::Application>(parsed);
  EXPECT_EQ(shop.name.str(), "shop");
  EXPECT_EQ(shop.regions.recovery.str(), "us-west-2");
  EXPECT_EQ(shop.objectives.rpo, std::chrono::seconds(5));
  ASSERT_EQ(shop.components.size(), 3u);
  const auto& orders = std::get<model::Rds>(shop.components[0].kind);
  EXPECT_EQ(orders.database, "shop");
  EXPECT_EQ(orders.security_group, "orders-db");
  const auto& web = std::get<model::Ecs>(shop.components[1].kind);
  EXPECT_EQ(web.active, 3);
  EXPECT_EQ(web.environment.at("SHOP_DB_HOST").str(), "orders");
  EXPECT_EQ(web.target_group, "shop") << "the load balancer's name by default";
  EXPECT_EQ(shop.components[1].needs,
            std::vector<model::ComponentName>{model::ComponentName("orders")});
  EXPECT_EQ(std::get<model::Route53>(shop.components[2].kind).ttl, std::chrono::seconds(1));
  EXPECT_EQ(shop.detection.probe_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(shop.failover.mode, model::FailoverMode::kAutomatic);
  ASSERT_TRUE(shop.workload.has_value());
  EXPECT_EQ(shop.workload->write_method, "POST");
  EXPECT_EQ(shop.workload->write_path, "/orders");
  EXPECT_EQ(shop.workload->rate, 200);
  ASSERT_EQ(shop.checks.size(), 1u);
  EXPECT_EQ(shop.lab->file, "stage-orders-only.yaml");
}

TEST(SpecTest, TheShopOfSeveralStoresIsRead) {
  const std::string text = ReadFile("examples/shop/shop.yaml");
  const auto parsed = Parse(text, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(text);
  const auto& shop = std::get<model::Application>(parsed);
  EXPECT_EQ(std::count_if(shop.components.begin(), shop.components.end(),
                          [](const model::Component& one) { return model::IsStore(one.kind); }),
            4);
  EXPECT_EQ(shop.workload->reads.size(), 3u);
  ASSERT_EQ(shop.references.size(), 2u);
  EXPECT_EQ(shop.references[1].through.str(), "web") << "it alone has a load balancer";
}

TEST(SpecTest, ThePatternSaysHowDatabasesAreRecovered) {
  const std::string text = ReadFile("examples/shop/backup-restore.yaml");
  const auto recovery = [](const std::string& of) {
    const auto parsed = Parse(of, "shop.yaml");
    EXPECT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(of);
    return std::get<model::Rds>(std::get<model::Application>(parsed).components[0].kind).recovery;
  };
  EXPECT_EQ(recovery(text), model::Recovery::kRestore);
  EXPECT_EQ(recovery(Replaced(text, "engine: postgres", "recovery: replica")),
            model::Recovery::kReplica);
  EXPECT_EQ(recovery(ShopText()), model::Recovery::kReplica);
  EXPECT_NE(Complaints(Replaced(text, "standby: 0", "standby: 1"))
                .find("'standby' in component web is 1, and SHOP_DB_HOST is the address of orders"),
            std::string::npos);
  const std::string files = Replaced(text, "  web: ", "  uploads: { kind: datasync }\n  web: ");
  EXPECT_NE(Complaints(files).find("which pattern backup-and-restore does not cover"),
            std::string::npos);
}

TEST(SpecTest, TheShortestSpecGetsDefaults) {
  const auto parsed = Parse(R"(apiVersion: leeward/v1
application: tiny
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 1h, rpo: 1m }
components:
  db: { kind: rds, database: app, user: app }
)",
                            "tiny.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed));
  const auto& tiny = std::get<model::Application>(parsed);
  EXPECT_EQ(std::get<model::Rds>(tiny.components[0].kind).instance, "db");
  EXPECT_EQ(tiny.detection.quorum, 1) << "no witness: one view is all there can be";
  EXPECT_EQ(tiny.failover.mode, model::FailoverMode::kManual);
  EXPECT_EQ(tiny.failover.when_loss_over_rpo, model::OverRpo::kAsk);
}

// The failover section `value` reads as, in a short spec; nothing when it is refused.
std::optional<model::Failover> StoreRead(const std::string& value) {
  const std::string spec = R"(apiVersion: leeward/v1
application: tiny
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 1h, rpo: 1m }
components:
  db: { kind: rds, database: app, user: app }
)";
  const auto parsed = Parse(spec + "failover: { store: '" + value + "' }\n", "tiny.yaml");
  if (!std::holds_alternative<model::Application>(parsed)) return std::nullopt;
  return std::get<model::Application>(parsed).failover;
}

TEST(SpecTest, WhoMustApproveIsReadOrRefused) {
  const auto read = [](const std::string& value) {
    const std::string spec = R"(apiVersion: leeward/v1
application: tiny
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 1h, rpo: 1m }
components:
  db: { kind: rds, database: app, user: app }
)";
    const auto parsed = Parse(spec + "failover: { approval: " + value + " }\n", "tiny.yaml");
    return std::holds_alternative<model::Application>(parsed)
               ? std::get<model::Application>(parsed).failover.approval
               : std::nullopt;
  };
  const model::ApprovalTerms two{2, std::chrono::minutes(15)};
  EXPECT_EQ(read("{ people: 2, within: 15m }"), two);
  EXPECT_EQ(read("{ within: 1h }")->people, 1);
  for (const char* bad :
       {"{ people: 1 }", "{ people: 3, within: 15m }", "{ people: 0, within: 1m }",
        "{ within: 500ms }", "{ within: 25h }", "{ within: 1m, by: ann }", "2"})
    EXPECT_FALSE(read(bad)) << bad;
}

TEST(SpecTest, ThePlaceOfTheLeaseIsReadOrRefused) {
  const auto file = StoreRead("sqlite:state/store.db");
  ASSERT_TRUE(file && file->store);
  EXPECT_EQ(file->store->kind, model::SharedStoreKind::kSqlite);
  EXPECT_EQ(file->store->path, "state/store.db");
  const auto members = StoreRead("etcd:http://a:2379,https://b:2379,http://c:2379");
  ASSERT_TRUE(members && members->store);
  EXPECT_EQ(members->store->kind, model::SharedStoreKind::kEtcd);
  EXPECT_EQ(members->store->endpoints,
            (std::vector<std::string>{"http://a:2379", "https://b:2379", "http://c:2379"}));
  const auto table = StoreRead("dynamodb:leases@us-east-1,us-west-2,eu-west-1");
  ASSERT_TRUE(table && table->store);
  EXPECT_EQ(table->store->kind, model::SharedStoreKind::kDynamoDb);
  EXPECT_EQ(table->store->table, "leases");
  EXPECT_EQ(table->store->replicas,
            (std::vector<model::Region>{model::Region("us-east-1"), model::Region("us-west-2"),
                                        model::Region("eu-west-1")}));
  for (const char* bad : {"", "sqlite:", "etcd:", "etcd:a:2379", "etcd:http://a,", "redis:x",
                          "dynamodb:leases", "dynamodb:leases@a", "dynamodb:leases@a,a",
                          "dynamodb:leases@a,b,c,d", "dynamodb:leases@a,,b", "dynamodb:l@a,b",
                          "dynamodb:le ases@a,b", "etcd:http://a,,http://b", "etcd:http://a/v3"}) {
    EXPECT_FALSE(StoreRead(bad)) << bad;
  }
  std::string many = "etcd:http://a";
  for (int i = 0; i < 9; ++i) many += ",http://a";
  EXPECT_FALSE(StoreRead(many));
}

const std::vector<Mistake> kMistakes = {
    {"instance: orders", "instnace: orders", "instnace",
     "unknown key 'instnace' in component orders; did you mean 'instance'?"},
    {"recovery: us-west-2", "recovery: us-east-1", "us-east-1",
     "the recovery Region is the home Region, us-east-1; write another Region: both would be "
     "lost together"},
    {"recovery: us-west-2", "recovery: us-wets-2", "us-wets-2",
     "'recovery' in regions is 'us-wets-2', which is not known; did you mean us-west-2?"},
    {"rto: 15m", "rto: 15", "15",
     "'rto' in objectives is '15' without a unit; write 15s or 15ms, say"},
    {"rto: 15m", "rto: soon", "soon",
     "'rto' in objectives is 'soon', which is not a duration; write a number and a unit, such as "
     "500ms, 5s, 15m, 2h "
     "or 1d"},
    {"failures: 3", "failures: 99", "99",
     "'failures' in detection is '99'; write a whole number from 1 to 20"},
    {"failures: 3", "failures: [3]", "[3]",
     "'failures' in detection is a list; write a whole number from 1 to 20"},
    {"probe-every: 500ms", "probe-every: 1ms", "1ms",
     "'probe-every' in detection is '1ms', which is out of range; write 100ms to 1m"},
    {"needs: [orders]", "needs: [order]", "order]",
     "component web names component 'order', which does not exist; did you mean orders?"},
    {"component: orders", "component: web", "web",
     "check 'order totals agree' names component 'web', which is not a database; write a "
     "component of kind rds"},
    {"kind: ecs", "kind: esc", "esc",
     "'kind' in component web is 'esc', which is not known; did you mean ecs?"},
    {"engine: postgres", "engine: oracle-ee", "oracle-ee",
     "'engine' in component orders is 'oracle-ee', which is not known; write postgres, mysql or "
     "mariadb"},
    {"engine: postgres", "engine: postgre", "postgre",
     "'engine' in component orders is 'postgre', which is not known; did you mean postgres?"},
    {"pattern: warm-standby", "pattern: multi-active", "multi-active",
     "'pattern' is 'multi-active', which is not known; write warm-standby or backup-and-restore"},
    {"rate: 200/s", "rate: 200", "200",
     "'rate' in workload is '200'; write a rate of writes from 0.1/s to 100000/s, such as 200/s"},
    {"write: \"POST /orders\"", "write: orders", "orders",
     "'write' in workload is 'orders'; write a method and a path, such as POST /orders"},
    {"application: shop", "application: shop\napplication: shop", "application: shop\nregions",
     "key 'application' is in the spec twice; keep one of them"},
    {"application: shop\n", "", "apiVersion",
     "'application' is missing; add it: the application's name"},
    {"apiVersion: leeward/v1", "apiVersion: leeward/v2", "leeward/v2",
     "'apiVersion' is 'leeward/v2', which is not known; did you mean leeward/v1?"},
    {"standby: 1", "standby: 5", "5",
     "'standby' is larger than 'active' in component web; write at most 3"},
    {"witness: eu-west-1", "witness: cn-north-1", "cn-north-1",
     "us-east-1 and cn-north-1 are in different AWS partitions; write Regions of one partition: "
     "accounts and "
     "replication do not cross"},
    {"url: \"http://shop.example.test:8080\"", "url: shop.example.test", "shop.example.test",
     "'url' in workload is 'shop.example.test'; write http:// or https://, a host and a port, "
     "without a path, user or password"},
    {"url: \"http://shop.example.test:8080\"", "url: \"http://me:s3cret/@shop.example.test\"",
     "\"http://me",
     "'url' in workload is 'http://...@shop.example.test'; write http:// or https://, a host and a "
     "port, without a path, user or password"},
    {"lease: 2s }", "lease: 2s, store: \"etcd:http://me:s3cret@10.0.0.1:2379\" }", "\"etcd:",
     "'store' in failover is 'etcd:http://...@10.0.0.1:2379'; write sqlite:FILE, or etcd: and 1 to "
     "9 addresses such as http://10.0.0.1:2379, no user or password in them, with commas between, "
     "or dynamodb:TABLE@REGION,REGION,REGION"},
    {"[web]", "web", "web }",
     "'needs' in component traffic is a single value; write a list, such as [a, b]"},
    {"lab: { stage: stage-orders-only.yaml }", "lab: stage.yaml", "stage.yaml",
     "lab is a single value; write a mapping: keys with values"},
    {"rpo: 5s", "rpo:", "}", "'rpo' in objectives is empty; write a duration such as 5s"},
};

TEST(SpecTest, EachMistakeIsNamedWithPlaceAndWhatToDo) {
  for (const Mistake& mistake : kMistakes) {
    const std::string text = Replaced(ShopText(), mistake.from, mistake.to);
    EXPECT_EQ(Complaints(text),
              PlaceOf(text, mistake.to, mistake.token) + ": " + mistake.complaint + "\n")
        << mistake.to;
  }
}

TEST(SpecTest, OtherEnginesAreReadAndWhatDoesNotFitThemIsRefused) {
  for (const char* engine : {"mysql", "mariadb"}) {
    const std::string text =
        Replaced(ShopText(), "engine: postgres", std::string("engine: ") + engine);
    const auto parsed = Parse(text, "shop.yaml");
    ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(text);
    const auto& shop = std::get<model::Application>(parsed);
    EXPECT_EQ(model::Name(std::get<model::Rds>(shop.components[0].kind).engine), engine);

    const std::string place = PlaceOf(text, engine, engine);
    EXPECT_EQ(Complaints(Replaced(text, "lease: 2s", "lease: 2s, store: \"sqlite:a.db\"")),
              place + ": component orders is " + engine +
                  ", whose writes no guard holds, and 'store' in failover has them held by a lease;"
                  " leave 'store' out of failover, or write engine: postgres\n");
    EXPECT_EQ(Complaints(Replaced(text, "password-env: SHOP_DB_PASSWORD, ", "")),
              place + ": 'password-env' is missing in component orders, and " + engine +
                  "'s client has no ways of its own; add it: the environment variable with the"
                  " password of 'user'\n");
  }
}

// What `value` reads as below `detection`, or what is complained about it.
std::string DownWhen(const std::string& value, const std::string& text = ShopText()) {
  const auto parsed =
      Parse(Replaced(text, "quorum: 2", "quorum: 2, down-when: " + value), "shop.yaml");
  if (!std::holds_alternative<model::Application>(parsed)) {
    const auto& complaints = std::get<Diagnostics>(parsed);
    return (complaints.size() == 1 ? "" : "several, ") + complaints.front().what + "; " +
           complaints.front().fix;
  }
  std::string all;
  for (const auto& one : std::get<model::Application>(parsed).detection.down_when)
    all += (all.empty() ? "" : " | ") + model::NameOf(one);
  return all;
}

TEST(SpecTest, WhatCountsAsDownIsReadAndHasADefault) {
  const auto parsed = Parse(ShopText(), "shop.yaml");
  const auto& shop = std::get<model::Application>(parsed);
  using enum model::Signal;
  EXPECT_EQ(shop.detection.down_when, std::vector<model::Combination>({{kApplication, kStore}}));
  EXPECT_EQ(DownWhen("[application]"), "application");
  EXPECT_EQ(DownWhen("[store and application]"), "application and store") << "in one order";
  EXPECT_EQ(DownWhen("[application, store and control-plane]"),
            "application | store and control-plane");
  EXPECT_EQ(DownWhen("[application and store and control-plane]"),
            "application and store and control-plane");
}

TEST(SpecTest, WhatCannotCountIsNamedWithPlaceAndWhatToDo) {
  const std::string place = "detection: { probe-every: 500ms, failures: 3, quorum: 2";
  const std::vector<Mistake> mistakes = {
      {place, place + ", down-when: []", "[]",
       "'down-when' in detection is empty: nothing would ever count as a lost Region; write what "
       "counts, such as [application and store], or leave it out"},
      {place, place + ", down-when: [application, control-plane]", "control-plane]",
       "'down-when' in detection lets the AWS API alone say that a Region is down, and an API can "
       "fail while everything in its Region serves; write 'application and control-plane' or "
       "'store and control-plane'"},
      {place, place + ", down-when: [stores]", "stores]",
       "'down-when' in detection names 'stores', which is no signal; did you mean store?"},
      {place, place + ", down-when: [application and api]", "application and api]",
       "'down-when' in detection names 'api', which is no signal; write application, store or "
       "control-plane"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string text = Replaced(ShopText(), mistake.from, mistake.to);
    EXPECT_EQ(Complaints(text),
              PlaceOf(text, mistake.to, mistake.token) + ": " + mistake.complaint + "\n")
        << mistake.to;
  }
}

TEST(SpecTest, CombinationsThatSayNothingAreRefused) {
  EXPECT_EQ(DownWhen("[application or store]"),
            "'down-when' in detection has 'or' between signals; write each of the two as an entry "
            "of its own: one is enough");
  EXPECT_EQ(DownWhen("[application store]"),
            "'down-when' in detection has 'store' between signals; write 'and' between them");
  EXPECT_EQ(DownWhen("[application and]"),
            "an entry of 'down-when' in detection ends with 'and'; write another signal behind it, "
            "or take it away");
  EXPECT_EQ(DownWhen("[store and store]"),
            "'down-when' in detection names 'store' twice in one entry; write it once");
  EXPECT_EQ(DownWhen("[application and store, store]"),
            "'application and store' in 'down-when' adds nothing to 'store', which is enough by "
            "itself; keep one of them");
  EXPECT_EQ(DownWhen("[store, store]"),
            "'store' in 'down-when' adds nothing to 'store', which is enough by itself; keep one "
            "of them");
  EXPECT_EQ(DownWhen("application"),
            "'down-when' in detection is a single value; write a list, such as [a, b]");
  EXPECT_EQ(DownWhen("[\"application,store\"]"),
            "an entry of 'down-when' in detection is 'application,store'; write application, store "
            "or control-plane, or several of them with 'and' between");
  EXPECT_EQ(DownWhen("[[application, store]]"),
            "an entry of 'down-when' in detection is a list; write application, store or "
            "control-plane, or several of them with 'and' between");
}

// A signal of which nothing is watched cannot count; what the spec leaves out is made up for.
TEST(SpecTest, WhatIsNotWatchedCannotCount) {
  const std::string unseen = Replaced(ShopText(),
                                      "load-balancer: shop, port: 8080, health: "
                                      "/health, needs: [orders]",
                                      "needs: [orders]");
  EXPECT_EQ(Complaints(unseen), "");
  EXPECT_EQ(DownWhen("[application and store]", unseen),
            "'application' counts, but no component of kind ecs has a 'load-balancer' where it "
            "could be asked; write 'store and control-plane', or leave 'down-when' out");
  EXPECT_EQ(DownWhen("[store and control-plane]", unseen), "store and control-plane");
  const std::string asleep = Replaced(ShopText(), "standby: 1", "standby: 0");
  EXPECT_EQ(DownWhen("[application]", asleep),
            "'application' alone counts, and with 'standby: 0' it answers nobody in the Region "
            "that stands by, which would always count as down: no place to go to; write "
            "'application and store', or a 'standby' of 1 or more");
  EXPECT_EQ(DownWhen("[application and store]", asleep), "application and store");
  const std::string storeless = R"(apiVersion: leeward/v1
application: tiny
regions: { home: us-east-1, recovery: us-west-2, witness: eu-west-1 }
objectives: { rto: 1h, rpo: 1m }
detection: { quorum: 2 }
components:
  web: { kind: ecs, load-balancer: tiny, health: /health }
)";
  EXPECT_EQ(DownWhen("[application and store]", storeless),
            "'store' counts, but no component is a store that can be asked; write 'application and "
            "control-plane', "
            "or leave 'down-when' out");
}

TEST(SpecTest, AComponentThatIsWrongIsNotSaidToBeMissing) {
  const std::string text = Replaced(ShopText(), "quorum: 2", "quorum: 2, down-when: [store]");
  const std::string complaints = Complaints(Replaced(text, "kind: rds", "kind: rdss"));
  EXPECT_NE(complaints.find("'rdss'"), std::string::npos);
  EXPECT_EQ(complaints.find("no component is a store"), std::string::npos) << complaints;
}

// The hook that `value` reads as below `guard`, or what is complained about it.
std::string OnFence(const std::string& value) {
  const std::string text =
      Replaced(ShopText(), "lease: 2s }", "lease: 2s, store: \"sqlite:s.db\" }") +
      "guard: { on-fence: " + value + " }\n";
  const auto parsed = Parse(text, "shop.yaml");
  if (!std::holds_alternative<model::Application>(parsed)) return Complaints(text);
  const auto& hook = std::get<model::Application>(parsed).guard.on_fence;
  if (!hook) return "none";
  std::string all = base::FormatDuration(hook->within);
  for (const std::string& argument : hook->run) all += "|" + argument;
  return all;
}

TEST(SpecTest, TheGuardsHookIsReadOrRefused) {
  EXPECT_EQ(OnFence("{ run: [/usr/local/bin/fenced] }"), "5s|/usr/local/bin/fenced");
  EXPECT_EQ(OnFence("{ run: [/bin/sh, -c, 'echo it is closed'], within: 300ms }"),
            "300ms|/bin/sh|-c|echo it is closed");
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"{ run: [fenced] }",
       "the program of 'run' in on-fence is 'fenced'; write the absolute path "
       "of a program, such as /usr/local/bin/shop-fenced"},
      {"{ run: [bin/fenced] }", "is 'bin/fenced'; write the absolute path"},
      {"{ run: [/usr/bin/] }", "is '/usr/bin/'; write the absolute path"},
      {"{ run: [] }", "'run' in on-fence is empty; write the absolute path"},
      {"{ run: /bin/fenced --now }", "'run' in on-fence is a single value; write a list"},
      {"{ run: [/bin/fenced, \"a\\0b\"] }", "an argument in 'run' in on-fence is"},
      {"{ within: 5s }", "'run' in on-fence is missing"},
      {"{ run: [/bin/fenced], within: 2m }", "which is out of range; write 100ms to 1m"},
      {"{ run: [/bin/fenced], timeout: 2s }", "unknown key 'timeout' in on-fence"},
  };
  for (const auto& [value, complaint] : refused)
    EXPECT_NE(OnFence(value).find(complaint), std::string::npos) << value << "\n" << OnFence(value);
}

TEST(SpecTest, AHookThatNoGuardWouldRunIsRefused) {
  const std::string hook = "guard: { on-fence: { run: [/bin/fenced] } }\n";
  const std::string text = ShopText() + hook;
  EXPECT_EQ(Complaints(text),
            PlaceOf(text, hook, "{ run") +
                ": 'on-fence' would never be run: without a store for the lease there is no guard; "
                "add 'store' to failover, or leave 'on-fence' out\n");
}

TEST(SpecTest, FiveMistakesAreAllReportedInFileOrder) {
  std::string text = ShopText();
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"failures: 3", "failures: many"},
           {"rto: 15m", "rto: 15"},
           {"recovery: us-west-2", "recovery: us-east-1"},
           {"instance: orders", "instnace: orders"},
           {"needs: [web]", "needs: [wbe]"}}) {
    text = Replaced(text, from, to);
  }
  const auto parsed = Parse(text, "shop.yaml");
  const auto& diagnostics = std::get<Diagnostics>(parsed);
  ASSERT_EQ(diagnostics.size(), 5u) << Complaints(text);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_LT(diagnostics[i - 1].line, diagnostics[i].line);
}

TEST(SpecTest, CirclesOfNeedsAreShown) {
  const std::string complaints = Complaints(Replaced(
      ShopText(), "security-group: orders-db }", "security-group: orders-db, needs: [traffic] }"));
  EXPECT_NE(
      complaints.find("components need each other in a circle: orders → traffic → web → orders"),
      std::string::npos)
      << complaints;
  EXPECT_NE(Complaints(Replaced(ShopText(), "needs: [orders]", "needs: [web]")).find("web → web"),
            std::string::npos);
}

TEST(SpecTest, AComponentThatIsWrongItselfIsNotAlsoMissing) {
  EXPECT_EQ(Complaints(Replaced(ShopText(), "kind: rds", "kind: rsd")),
            PlaceOf(Replaced(ShopText(), "kind: rds", "kind: rsd"), "kind", "rsd") +
                ": 'kind' in component orders is 'rsd', which is not known; did you mean rds?\n");
}

TEST(SpecTest, FilesThatAreNoSpecsAreRefusedInOneLine) {
  EXPECT_EQ(Complaints(""),
            "shop.yaml: the spec is empty; write apiVersion, application, regions and so on\n");
  EXPECT_EQ(Complaints("# only a comment\n"),
            "shop.yaml: the spec is empty; write apiVersion, application, regions and so on\n");
  EXPECT_EQ(Complaints(std::string(50u << 20, 'a')),
            "shop.yaml: the file has 52428800 bytes; a spec has at most 1 MiB; is this the right "
            "file?\n");
  EXPECT_EQ(Complaints(std::string("ok: 1\n\0\1\2", 9)),
            "shop.yaml:2:1: this is not UTF-8 text; write a YAML file in UTF-8; is this the right "
            "file?\n");
  EXPECT_EQ(Complaints("name: \xff\xfe\n"),
            "shop.yaml:1:7: this is not UTF-8 text; write a YAML file in UTF-8; is this the right "
            "file?\n");
  EXPECT_EQ(Complaints("\xe2\x82"),
            "shop.yaml:1:1: this is not UTF-8 text; write a YAML file in UTF-8; is this the "
            "right file?\n");
  EXPECT_EQ(Complaints("just words\n"),
            "shop.yaml:1:1: the spec is not a mapping; write apiVersion: leeward/v1 and so on\n");
  const std::string ends_before = "the YAML document of the spec ends before this";
  EXPECT_EQ(Complaints(ShopText() + "---\na: b\n").find("shop.yaml:20:1: " + ends_before), 0u)
      << Complaints(ShopText() + "---\na: b\n");
  EXPECT_EQ(Complaints(ShopText() + "}\n").find("shop.yaml:20:1: this is not YAML"), 0u)
      << Complaints(ShopText() + "}\n");
  EXPECT_EQ(Complaints(",}\n").find("shop.yaml:1:1: " + ends_before), 0u) << Complaints(",}\n");
}

TEST(SpecTest, SyntaxErrorsHaveAPlace) {
  EXPECT_EQ(Complaints("apiVersion: leeward/v1\nregions: { home: us-east-1\n"),
            "shop.yaml:3:1: this is not YAML: end of map flow not found; mend the syntax here or "
            "just above\n");
  EXPECT_EQ(Complaints("a: b: c\n").find("shop.yaml:1:5: this is not YAML"), 0u)
      << Complaints("a: b: c\n");
}

TEST(SpecTest, BombsOfAliasesAndNestingAreBounded) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += fmt::format("a{0}: &a{0} [{1}, {1}]\n", i, before);
  }
  EXPECT_NE(Complaints(bomb).find("unknown key 'a0'"), std::string::npos);
  EXPECT_NE(Complaints("components: &c { web: *c }\n"), "");
  EXPECT_NE(Complaints("regions: &r [ *r ]\n"), "");
  EXPECT_NE(Complaints(std::string(200'000, '[')), "");
  EXPECT_NE(Complaints("x: " + std::string(200'000, '{')), "");
}

TEST(SpecTest, MistakesShownAreBounded) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const auto parsed = Parse(text, "shop.yaml");
  EXPECT_EQ(std::get<Diagnostics>(parsed).size(), 101u);
}

TEST(SpecTest, EveryTruncationOfTheShopIsRefusedOrReadWithoutHarm) {
  const std::string shop = ShopText();
  int read = 0;
  for (std::size_t size = 0; size < shop.size(); ++size) {
    const auto parsed = Parse(std::string_view(shop).substr(0, size), "shop.yaml");
    if (std::holds_alternative<model::Application>(parsed)) ++read;
  }
  EXPECT_LT(read, static_cast<int>(shop.size()) / 2);
}

TEST(SpecTest, SchemaIsWhatTheTablesSay) {
  base::testing::ExpectGolden("src/spec/testdata/schema.json", JsonSchema());
}

}  // namespace
}  // namespace leeward::spec
