#include "spec/spec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "base/testing/golden.h"
#include "model/names.h"

namespace leeward::spec {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string ShopText() { return ReadFile("examples/shop/orders-only.yaml"); }

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  CHECK_MSG(at != std::string::npos, from.c_str());
  return text.replace(at, from.size(), to);
}

// All diagnostics, one a line; empty when the spec is right.
std::string Complaints(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    EXPECT_FALSE(diagnostics->empty());
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

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

// "shop.yaml:7:25" for the first `token` at or behind the first `near`.
std::string PlaceOf(const std::string& text, const std::string& near, const std::string& token) {
  const auto at = text.find(token, text.find(near));
  CHECK_MSG(at != std::string::npos, token.c_str());
  const std::string before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return "shop.yaml:" + std::to_string(line) + ":" + std::to_string(column);
}

// `to` is written for `from`; the complaint points at `token`.
struct Mistake {
  std::string from, to, token, complaint;
};

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

TEST(SpecTest, TablesAndCachesAreReadWithTheirDefaults) {
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

TEST(SpecTest, SessionLoadsAreRead) {
  const auto shop = std::get<model::Application>(Parse(kStores, "shop.yaml"));
  std::string read;
  for (const model::SessionLoad& load : shop.workload->sessions)
    read += fmt::format("{} in '{}' {:.1f}; ", model::Name(load.mode), load.store.str(), load.rate);
  EXPECT_EQ(read,
            "redis in 'sessions' 500.0; dynamodb in 'carts' 400.0; sync in '' 30.0; "
            "tokens in 'carts' 0.5; ");
}

TEST(SpecTest, MistakesInSessionLoadsAreNamed) {
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

TEST(SpecTest, MistakesInTablesAndCachesAreNamed) {
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

constexpr char kFiles[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 15m }
components:
  orders:  { kind: rds, database: shop, user: shop }
  uploads: { kind: efs, security-group: uploads-nfs, subnets: private, rpo: 1h }
  pages:   { kind: efs, file-system: shop pages }
  web:     { kind: ecs, environment: { UPLOADS: uploads }, needs: [uploads, pages] }
)";

TEST(SpecTest, FileSystemsAreReadWithTheirDefaults) {
  const auto parsed = Parse(kFiles, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(kFiles);
  const auto& shop = std::get<model::Application>(parsed);
  EXPECT_EQ(shop.RpoOf(model::ComponentName("uploads")), std::chrono::hours(1));
  EXPECT_EQ(shop.RpoOf(model::ComponentName("orders")), std::chrono::minutes(15));
  const auto& uploads = std::get<model::Efs>(shop.components[1].kind);
  EXPECT_EQ(uploads.file_system, "uploads");
  EXPECT_EQ(uploads.security_group, "uploads-nfs");
  EXPECT_EQ(uploads.subnets, "private");
  const auto& pages = std::get<model::Efs>(shop.components[2].kind);
  EXPECT_EQ(pages.file_system, "shop pages");
  EXPECT_EQ(pages.security_group + pages.subnets, "");
}

TEST(SpecTest, MistakesInFileSystemsAreNamed) {
  const std::vector<Mistake> mistakes = {
      {"file-system: shop pages", "file-system: fs-0123456789abcdef0", "fs-0",
       "'file-system' in component pages is 'fs-0123456789abcdef0', which names it in one Region "
       "alone; write its creation token or its Name tag"},
      {"file-system: shop pages", "files: shop", "files: shop",
       "unknown key 'files' in component pages; remove it, or write kind, needs, rpo, file-system, "
       "security-group, subnets, kms-key, recovery, vault, backup-role, vault-kms-key, "
       "backup-every or backup-days"},
      {"needs: [uploads, pages]", "needs: [uploads]", "{ kind: efs, file-system",
       "component pages is needed by no component of kind ecs, so a move could end no writer of "
       "it; add it to the 'needs' of the services that mount it"},
      {"environment: { UPLOADS: uploads }", "rpo: 5s", "rpo: 5s",
       "unknown key 'rpo' in component web; remove it, or write kind, needs, cluster, service, "
       "standby, active, environment, load-balancer, target-group, port or health"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string text = Replaced(kFiles, mistake.from, mistake.to);
    const std::string near = mistake.token.starts_with("{") ? "pages: " : mistake.to;
    EXPECT_EQ(Complaints(text),
              PlaceOf(text, near, mistake.token) + ": " + mistake.complaint + "\n")
        << mistake.to;
  }
}

constexpr char kSynced[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 2h }
components:
  uploads: { kind: datasync }
  pages: { kind: datasync, file-system: shop pages, every: 90m, verify: all, overwrite: never, deleted: remove, owner: drop, permissions: drop, times: drop, bytes-per-second: 125829120, include: [/images, /pages/2026*], exclude: ["*.tmp", /cache], transfer: changed }
  web: { kind: ecs, environment: { UPLOADS: uploads }, needs: [uploads, pages] }
)";

TEST(SpecTest, SyncedFileSystemsAreReadWithSafeDefaults) {
  const auto parsed = Parse(kSynced, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << Complaints(kSynced);
  const auto& shop = std::get<model::Application>(parsed);
  const auto& uploads = std::get<model::DataSync>(shop.components[0].kind);
  EXPECT_EQ(uploads.file_system, "uploads");
  EXPECT_EQ(uploads.every, std::chrono::hours(1));
  EXPECT_EQ(uploads.deleted, model::SyncDeleted::kKeep);
  EXPECT_EQ(uploads.overwrite, model::SyncOverwrite::kAlways);
  EXPECT_EQ(uploads.verify, model::SyncVerify::kTransferred);
  const auto& pages = std::get<model::DataSync>(shop.components[1].kind);
  EXPECT_EQ(pages.file_system, "shop pages");
  EXPECT_EQ(pages.every, std::chrono::minutes(90));
  EXPECT_EQ(pages.deleted, model::SyncDeleted::kRemove);
  EXPECT_EQ(pages.owner, model::SyncAttribute::kDrop);
  EXPECT_EQ(pages.bytes_per_second, 125'829'120);
  EXPECT_EQ(pages.include, (std::vector<std::string>{"/images", "/pages/2026*"}));
  EXPECT_EQ(pages.exclude, (std::vector<std::string>{"*.tmp", "/cache"}));
}

TEST(SpecTest, MistakesInSyncedFileSystemsAreNamed) {
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> mistakes = {
      {{"every: 90m", "every: 5m"},
       "'every' in component pages is '5m', and DataSync's least is an hour; write 1h or more, or "
       "kind: efs, whose replication follows within minutes"},
      {{"every: 90m", "every: 3601s"},
       "'every' in component pages is '3601s', and DataSync counts in minutes; write whole "
       "minutes, such as 90m"},
      {{"transfer: changed", "transfer: all"},
       "'deleted' in component pages is 'remove', and 'transfer' is 'all': then DataSync does not "
       "compare the two sides, and cannot tell what was deleted; write transfer: changed, or "
       "deleted: keep"},
      {{"/images,", "images,"}, "an entry of 'include' in component pages is 'images'"},
      {{"shop pages", "fs-0123456789abcdef0"}, "which names it in one Region alone"},
      {{"uploads: { kind: datasync }", "uploads: { kind: efs, file-system: shop pages }"},
       "component pages and component uploads both keep a copy of 'shop pages': the copy of EFS's "
       "replication is read-only, so DataSync cannot write to it; keep one of the two: they are "
       "alternatives"},
      {{"needs: [uploads, pages]", "needs: [uploads]"},
       "component pages is needed by no component of kind ecs"},
  };
  for (const auto& [change, complaint] : mistakes) {
    const std::string told = Complaints(Replaced(kSynced, change.first, change.second));
    EXPECT_NE(told.find(complaint), std::string::npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
  }
}

TEST(SpecTest, AFileSystemAloneIsNoStoreThatCanBeAsked) {
  std::string text = Replaced(kFiles, "  orders:  { kind: rds, database: shop, user: shop }\n", "");
  text += "detection: { down-when: [ store and control-plane ] }\n";
  EXPECT_NE(Complaints(text).find("no component is a store that can be asked"), std::string::npos)
      << Complaints(text);
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
