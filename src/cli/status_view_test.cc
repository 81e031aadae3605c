#include "cli/status_view.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/testing/golden.h"
#include "model/testing/shop.h"

namespace leeward::cli {
namespace {

using base::WallTime;
using model::Region;
using namespace std::chrono_literals;

const Region kHome("us-east-1"), kRecovery("us-west-2");

model::Inventory Protected() {
  model::Inventory inventory;
  inventory.refreshed = WallTime{1'000'000s};
  inventory.facts[{model::ComponentName("orders"), kHome, "endpoint.address"}] = "127.1.0.13";
  return inventory;
}

Status Shop(const Region& active, bool home_answers) {
  Status status;
  status.application = model::testing::Shop();
  status.inventory = Protected();
  status.last = "protect from us-east-1 to us-west-2: done 1970-01-12T13:46:40.000Z";
  status.seen.at = WallTime{1'000'300s};
  status.snapshot.at = status.seen.at;
  const base::Error timeout = base::Unreachable(
      "sts GetCallerIdentity in us-east-1: https://sts.us-east-1.amazonaws.com: connect: timed "
      "out");
  status.seen.control_planes.emplace(kHome, home_answers ? base::Ok() : base::Status(timeout));
  status.seen.control_planes.emplace(kRecovery, base::Ok());
  for (const Region& region : {kHome, kRecovery}) {
    const bool up = region == kRecovery || home_answers;
    status.snapshot.verdicts.push_back(
        {region, up ? model::Health::kUp : model::Health::kDown, 1, 1, status.seen.at, ""});
    status.seen.routing_on[region] = region == active;
    StoreSeen store{model::ComponentName("orders"), region};
    if (up) {
      store.role = region == active ? StoreRole::kWriter : StoreRole::kReplica;
      store.position = {region != active, "0/5000", "0/5000", WallTime{1'000'298s}};
    }
    if (!up)
      store.failure = "PostgreSQL at 127.1.0.13:5432/shop: no answer to a connection in 2.0 s";
    status.seen.stores.push_back(store);
  }
  for (const model::Component& component : status.application.components)
    status.snapshot.active[component.name] = active;
  return status;
}

Terminal Live(int width) {
  Terminal terminal;
  terminal.live = terminal.unicode = true;
  terminal.width = width;
  return terminal;
}

TEST(StatusViewTest, ReadsAsReviewed) {
  const std::string folder = "src/cli/testdata/";
  base::testing::ExpectGolden(folder + "status_well.txt",
                              StatusText(Shop(kHome, true), "shop.yaml", Live(80)));
  base::testing::ExpectGolden(folder + "status_home_lost.txt",
                              StatusText(Shop(kHome, false), "shop.yaml", Live(80)));
  base::testing::ExpectGolden(folder + "status_away.txt",
                              StatusText(Shop(kRecovery, true), "shop.yaml", Live(80)));
}

TEST(StatusViewTest, KeepsToTheWidthOfTheTerminal) {
  for (const int width : {60, 80, 120}) {
    std::istringstream lines(StatusText(Shop(kHome, false), "shop.yaml", Live(width)));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(Columns(line), width) << line;
  }
}

TEST(StatusViewTest, VerdictsSayWhatCountsAndWhatIsToldApart) {
  Status status = Shop(kHome, true);
  status.quorum.emplace();
  observe::RegionVerdict home;
  home.verdict.reason = "us-east-1 is down: 2 of 2 fresh views say so";
  home.application = model::Health::kDown;
  home.control_plane = model::Health::kUp;
  status.quorum->regions = {home};
  using enum model::Signal;
  status.quorum->down_when = {{kApplication}, {kStore, kControlPlane}};
  const std::string text = StatusText(status, "shop.yaml", {});
  EXPECT_NE(text.find("\ndown when     application, or store and control-plane\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("say so; the application is dead, the AWS API answers\n"), std::string::npos)
      << text;
  EXPECT_NE(StatusJson(status).find("\"down_when\":[\"application\",\"store and control-plane\"]"),
            std::string::npos);
}

TEST(StatusViewTest, NothingIsSuggestedToWhoeverIsRefused) {
  Status status = Shop(kHome, true);
  status.inventory = {};
  EXPECT_NE(StatusText(status, "shop.yaml", {}).find("leeward protect shop.yaml"),
            std::string::npos);
  for (auto& [region, plane] : status.seen.control_planes)
    plane = base::Denied("no").WithServiceCode("InvalidClientTokenId");
  const std::string text = StatusText(status, "shop.yaml", {});
  EXPECT_NE(text.find("refuses these credentials: InvalidClientTokenId"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("leeward protect"), std::string::npos) << text;
}

TEST(StatusViewTest, WhoThrottlesIsNotTakenForDead) {
  Status status = Shop(kHome, true);
  for (auto& [region, plane] : status.seen.control_planes)
    plane = base::Throttled("slower").WithServiceCode("Throttling");
  const std::string text = StatusText(status, "shop.yaml", {});
  EXPECT_NE(text.find("throttles: Throttling"), std::string::npos) << text;
  EXPECT_EQ(text.find("does not answer"), std::string::npos) << text;
}

}  // namespace
}  // namespace leeward::cli
