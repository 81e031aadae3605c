// Keys of what AWS Backup keeps: their defaults, and what it cannot do.
#include <gtest/gtest.h>

#include "base/testing/golden.h"
#include "spec/spec.h"

namespace leeward::spec {
namespace {

std::string BackedText(const std::string& keys) {
  return "apiVersion: leeward/v1\napplication: shop\n"
         "regions: { home: us-east-1, recovery: us-west-2, witness: eu-west-1 }\n"
         "objectives: { rto: 2h, rpo: 30m }\ncomponents:\n  carts: { kind: dynamodb, " +
         keys + " }\n";
}

std::string AboutBackup(const std::string& keys) {
  const auto parsed = Parse(BackedText(keys), "shop.yaml");
  std::string text;
  if (const auto* found = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *found) text += one.what + "; " + one.fix + "\n";
  }
  return text;
}

TEST(BackupSpecTest, ATableIsRestoredWhereTheSpecSaysSo) {
  const auto parsed = Parse(BackedText("recovery: restore, rpo: 2h"), "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed));
  const auto& shop = std::get<model::Application>(parsed);
  const auto& carts = std::get<model::Dynamodb>(shop.components[0].kind);
  EXPECT_TRUE(carts.backup.restores());
  EXPECT_EQ(carts.backup.vault, "leeward-shop");
  EXPECT_EQ(carts.backup.role, "service-role/AWSBackupDefaultServiceRole");
  EXPECT_EQ(carts.backup.every, std::chrono::hours(1));
  const auto plain = Parse(BackedText("table: carts"), "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(plain));
  EXPECT_FALSE(model::Restores(std::get<model::Application>(plain).components[0].kind));
}

TEST(BackupSpecTest, AFileSystemIsRestoredAsWell) {
  const std::string text = BackedText("recovery: restore, rpo: 2h") +
                           "  uploads: { kind: efs, recovery: restore, vault: files, rpo: 2h }\n"
                           "  web: { kind: ecs, standby: 0, needs: [uploads] }\n";
  const auto parsed = Parse(text, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed));
  const auto& kind = std::get<model::Application>(parsed).components[1].kind;
  const auto& uploads = std::get<model::Efs>(kind);
  EXPECT_TRUE(model::Restores(kind));
  EXPECT_EQ(uploads.backup.vault, "files");
  EXPECT_EQ(uploads.file_system, "uploads");
  const auto complaint = [&](const char* from, const char* to) {
    std::string wrong = text;
    wrong.replace(wrong.find(from), std::string(from).size(), to);
    const auto again = Parse(wrong, "shop.yaml");
    const auto* found = std::get_if<Diagnostics>(&again);
    return found == nullptr ? std::string() : found->front().what;
  };
  EXPECT_EQ(complaint("standby: 0", "standby: 1"),
            "'standby' in component web is 1, and it mounts uploads, which is there only once it "
            "is restored");
  EXPECT_EQ(complaint("vault: files, rpo: 2h", "vault: files"),
            "component uploads is backed up every 1h, which cannot keep an RPO of 30m");
}

TEST(BackupSpecTest, WhatAwsBackupCannotDoIsSaid) {
  EXPECT_EQ(AboutBackup("recovery: restore, rpo: 5h, backup-every: 4h, backup-days: 35, "
                        "vault: shop, backup-role: dr"),
            "");
  const std::pair<const char*, const char*> kWrong[] = {
      {"rpo: 30m", "is backed up every 1h, which cannot keep an RPO of 30m"},
      {"rpo: 2h, backup-every: 30m", "AWS Backup's least is an hour"},
      {"rpo: 6h, backup-every: 5h", "by which a day is not divided"},
      {"rpo: 2h, consistency: strong", "with recovery: restore there is one table at a time"},
      {"rpo: 2h, vault: a/b", "2 to 50 letters"},
      {"rpo: 2h, backup-days: 0", "backup-days"},
  };
  for (const auto& [keys, what] : kWrong) {
    const std::string told = AboutBackup(std::string("recovery: restore, ") + keys);
    EXPECT_NE(told.find(what), std::string::npos) << keys << ": " << told;
  }
}

}  // namespace
}  // namespace leeward::spec
