#include <gtest/gtest.h>

#include "base/check.h"
#include "spec/spec.h"

namespace leeward::spec {
namespace {

constexpr char kDisks[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 10m }
components:
  disks: { kind: ebs }
  ledger: { kind: ebs, tag: app=ledger, every: 30m, keep: 48, zone: b, rpo: 1h }
  web: { kind: ecs }
)";

std::string DisksWith(const std::string& from, const std::string& to) {
  std::string text = kDisks;
  const auto at = text.find(from);
  CHECK_MSG(at != std::string::npos, from.c_str());
  return text.replace(at, from.size(), to);
}

std::string AboutDisks(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

TEST(EbsSpecTest, VolumesAreChosenByATagAndTheirScheduleKeepsTheRpo) {
  const auto parsed = Parse(kDisks, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << AboutDisks(kDisks);
  const auto& shop = std::get<model::Application>(parsed);
  const auto& disks = std::get<model::Ebs>(shop.components[0].kind);
  EXPECT_EQ(disks.tag, "leeward:volumes=disks");
  EXPECT_EQ(disks.every, std::chrono::minutes(5));
  EXPECT_EQ(disks.keep, 24);
  EXPECT_EQ(disks.zone, "a");
  const auto& ledger = std::get<model::Ebs>(shop.components[1].kind);
  EXPECT_EQ(ledger.tag, "app=ledger");
  EXPECT_EQ(ledger.every, std::chrono::minutes(30));
  EXPECT_EQ(ledger.keep, 48);
  EXPECT_EQ(ledger.zone, "b");
  const std::string own = DisksWith("disks: { kind: ebs }", "disks: { kind: ebs, rpo: 4m }");
  const auto narrower = Parse(own, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(narrower)) << AboutDisks(own);
  EXPECT_EQ(std::get<model::Ebs>(std::get<model::Application>(narrower).components[0].kind).every,
            std::chrono::minutes(2));
}

TEST(EbsSpecTest, MistakesInVolumesAreNamed) {
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> mistakes = {
      {{"app=ledger", "vol-0123456789abcdef0"},
       "'tag' in component ledger is 'vol-0123456789abcdef0', which names a volume of one Region "
       "alone; write a tag as KEY=VALUE, and give it to the volumes"},
      {{"app=ledger", "ledger"},
       "'tag' in component ledger is 'ledger', which is no tag; write it as KEY=VALUE "
       "without '*', '?' and '\\', such as app=shop"},
      {{"app=ledger", "app=led*"}, "is 'app=led*', which is no tag"},
      {{"app=ledger", "\"app=\""}, "is 'app=', which is no tag"},
      {{"zone: b", "zone: us-east-1b"},
       "'zone' in component ledger is 'us-east-1b', which is no letter of a zone; write one "
       "letter, such as a for us-east-1a"},
      {{"keep: 48", "keep: 1"}, "'keep' in component ledger"},
      {{"every: 30m", "every: 30s"}, "'every' in component ledger"},
      {{"every: 30m", "every: 1h"},
       "component ledger gets a set of snapshots every 1h, which cannot keep an RPO of 1h; write a "
       "shorter 'every' (1m at least), or a longer 'rpo' in it"},
      {{"web: { kind: ecs }", "web: { kind: ecs, environment: { DISKS: disks } }"},
       "DISKS in component web names disks, which is of kind ebs: volumes have no address that a "
       "container could be told; leave it out"},
      {{"rpo: 10m", "rpo: 0s"}, "component disks gets a set of snapshots every 1m"},
      {{"rpo: 10m }", "rpo: 10m }\npattern: backup-and-restore"},
       "component disks is of kind ebs, which pattern backup-and-restore does not cover"},
  };
  for (const auto& [change, complaint] : mistakes) {
    const std::string told = AboutDisks(DisksWith(change.first, change.second));
    EXPECT_NE(told.find(complaint), std::string::npos) << told;
  }
}

TEST(EbsSpecTest, VolumesAloneAreNoStoreThatCanBeAsked) {
  const std::string text =
      std::string(kDisks) + "detection: { down-when: [ store and control-plane ] }\n";
  EXPECT_NE(AboutDisks(text).find("no component is a store that can be asked"), std::string::npos)
      << AboutDisks(text);
}

}  // namespace
}  // namespace leeward::spec
