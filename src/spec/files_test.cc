// File systems in specs, replicated or synced.
#include <gtest/gtest.h>

#include "spec/testing/mistakes.h"

namespace leeward::spec {
namespace {

using testing::Complaints;
using testing::Mistake;
using testing::PlaceOf;
using testing::Replaced;

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

TEST(FilesSpecTest, FileSystemsAreReadWithTheirDefaults) {
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

TEST(FilesSpecTest, MistakesInFileSystemsAreNamed) {
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

TEST(FilesSpecTest, SyncedFileSystemsAreReadWithSafeDefaults) {
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

TEST(FilesSpecTest, MistakesInSyncedFileSystemsAreNamed) {
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

TEST(FilesSpecTest, AFileSystemAloneIsNoStoreThatCanBeAsked) {
  std::string text = Replaced(kFiles, "  orders:  { kind: rds, database: shop, user: shop }\n", "");
  text += "detection: { down-when: [ store and control-plane ] }\n";
  EXPECT_NE(Complaints(text).find("no component is a store that can be asked"), std::string::npos)
      << Complaints(text);
}

}  // namespace
}  // namespace leeward::spec
