#include <gtest/gtest.h>

#include "spec/spec.h"

namespace leeward::spec {
namespace {

// What is told of a database with these keys, in an application with this failover.
std::string AboutHeld(const std::string& database, const std::string& failover) {
  const auto parsed = Parse(
      "apiVersion: leeward/v1\napplication: shop\n"
      "regions: { home: us-east-1, recovery: us-west-2 }\n"
      "objectives: { rto: 2h, rpo: 30m }\n"
      "components:\n  orders: { kind: rds, database: shop, user: shop" +
          database + " }\nfailover: { " + failover + " }\n",
      "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

TEST(HeldTest, WhatIsRestoredCannotBeHeldByAGuard) {
  const std::string lease = "lease: 2s, store: \"sqlite:/var/lib/leeward/store.db\"";
  EXPECT_EQ(AboutHeld("", lease), "");
  EXPECT_EQ(AboutHeld(", recovery: restore", "lease: 2s"), "");
  const std::string told = AboutHeld(", recovery: restore", lease);
  EXPECT_NE(told.find("is restored when it is needed, so no guard can hold it before"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find("leave 'store' out of failover, or write recovery: replica"),
            std::string::npos)
      << told;
}

}  // namespace
}  // namespace leeward::spec
