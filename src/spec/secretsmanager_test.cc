#include <gtest/gtest.h>

#include "base/check.h"
#include "spec/spec.h"

namespace leeward::spec {
namespace {

constexpr char kSecrets[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 10m }
components:
  login: { kind: secretsmanager }
  pay: { kind: secretsmanager, secret: shop/pay@2, primary: stays, kms-key: alias/shop }
  shop: { kind: kms }
  old: { kind: kms, key: mrk-00ff }
)";

std::string SecretsWith(const std::string& from, const std::string& to) {
  std::string text = kSecrets;
  const auto at = text.find(from);
  CHECK_MSG(at != std::string::npos, from.c_str());
  return text.replace(at, from.size(), to);
}

std::string AboutSecrets(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

TEST(SecretSpecTest, ASecretHasAName) {
  const auto parsed = Parse(kSecrets, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << AboutSecrets(kSecrets);
  const auto& shop = std::get<model::Application>(parsed);
  const auto& login = std::get<model::Secret>(shop.components[0].kind);
  EXPECT_EQ(login.secret, "login");
  EXPECT_EQ(login.primary, model::SecretPrimary::kFollows);
  EXPECT_EQ(login.kms_key, "");
  const auto& pay = std::get<model::Secret>(shop.components[1].kind);
  EXPECT_EQ(pay.secret, "shop/pay@2");
  EXPECT_EQ(pay.primary, model::SecretPrimary::kStays);
  EXPECT_EQ(pay.kms_key, "alias/shop");
  EXPECT_EQ(std::get<model::Kms>(shop.components[2].kind).key, "alias/shop");
  EXPECT_EQ(std::get<model::Kms>(shop.components[3].kind).key, "mrk-00ff");
  EXPECT_EQ(AboutSecrets(SecretsWith("alias/shop", "mrk-1234abcd")), "");
  EXPECT_EQ(AboutSecrets(SecretsWith("alias/shop", "alias/aws/secretsmanager")), "");
}

TEST(SecretSpecTest, StoresNameTheKeyOfTheirCopies) {
  constexpr char kStores[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 1h }
components:
  orders: { kind: rds, database: shop, user: owner, kms-key: alias/aws/rds }
  uploads: { kind: efs, kms-key: alias/shop }
  disks: { kind: ebs, kms-key: mrk-1234 }
  carts: { kind: dynamodb, kms-key: alias/shop, recovery: restore, rpo: 2h, vault-kms-key: mrk-5678 }
  sessions: { kind: elasticache, kms-key: alias/aws/elasticache }
  web: { kind: ecs, needs: [uploads] }
)";
  const auto parsed = Parse(kStores, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << AboutSecrets(kStores);
  const auto& components = std::get<model::Application>(parsed).components;
  EXPECT_EQ(model::KmsKeyOf(components[0].kind), "alias/aws/rds");
  EXPECT_EQ(model::KmsKeyOf(components[1].kind), "alias/shop");
  EXPECT_EQ(model::KmsKeyOf(components[2].kind), "mrk-1234");
  EXPECT_EQ(model::KmsKeyOf(components[3].kind), "alias/shop");
  EXPECT_EQ(model::VaultKeyOf(components[3].kind), "mrk-5678");
  EXPECT_EQ(model::KmsKeyOf(components[4].kind), "alias/aws/elasticache");
  EXPECT_EQ(model::VaultKeyOf(components[4].kind), "");
  EXPECT_EQ(model::KmsKeyOf(components[5].kind), "");
  std::string vault = kStores;
  vault.replace(vault.find("mrk-5678"), 8, "alias/aws/dynamodb");
  EXPECT_NE(AboutSecrets(vault).find("alias/aws/backup"), std::string::npos);
  std::string text = kStores;
  text.replace(text.find("alias/shop"), 10, "alias/aws/efs");
  EXPECT_NE(AboutSecrets(text).find("the key that AWS manages for this service is "
                                    "alias/aws/elasticfilesystem"),
            std::string::npos)
      << AboutSecrets(text);
}

TEST(SecretSpecTest, WhatIsOfOneRegionAloneIsRefused) {
  const struct {
    const char *from, *to, *told;
  } mistakes[] = {
      {"shop/pay@2", "arn:aws:secretsmanager:us-east-1:1:secret:x", "names it in one Region alone"},
      {"shop/pay@2", "shop pay", "a secret's name"},
      {"alias/shop", "arn:aws:kms:us-west-2:1:key/x", "an ARN names a key in one Region alone"},
      {"alias/shop", "alias/aws/secrets",
       "the key that AWS manages for this service is alias/aws/secretsmanager"},
      {"alias/shop", "1234abcd-12ab-34cd-56ef-1234567890ab", "any other id is of one Region"},
      {"mrk-00ff", "alias/aws/ebs", "is of one Region for good"},
      {"mrk-00ff", "00ff", "any other id is of one Region"},
      {"primary: stays", "primary: moves", "follows or stays"},
      {"primary: stays", "rpo: 5s", "rpo"},
  };
  for (const auto& mistake : mistakes) {
    const std::string told = AboutSecrets(SecretsWith(mistake.from, mistake.to));
    EXPECT_NE(told.find(mistake.told), std::string::npos) << mistake.to << ": " << told;
  }
}

}  // namespace
}  // namespace leeward::spec
