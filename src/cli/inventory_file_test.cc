#include "cli/inventory_file.h"

#include <gtest/gtest.h>

#include "ports/testing/memory_files.h"

namespace leeward::cli {
namespace {

TEST(InventoryFile, ReadsWhatItWrote) {
  ports::testing::MemoryFiles files;
  InventoryKeeper keeper(files, "inventory.json");
  ASSERT_TRUE(keeper.Load().ok());
  EXPECT_TRUE(keeper.current().facts.empty());
  model::Inventory inventory;
  inventory.refreshed = base::WallTime{std::chrono::seconds(1'700'000'000)};
  inventory
      .facts[{model::ComponentName("orders"), model::Region("us-west-2"), "endpoint.address"}] =
      "127.2.0.9";
  ASSERT_TRUE(keeper.Save(inventory).ok());
  EXPECT_TRUE(keeper.current().facts.empty()) << "an execution keeps what it began with";
  keeper.TakeUp();
  EXPECT_EQ(keeper.current().facts, inventory.facts);
  InventoryKeeper other(files, "inventory.json");
  ASSERT_TRUE(other.Load().ok());
  EXPECT_EQ(other.current().facts, inventory.facts);
  EXPECT_EQ(other.current().refreshed, inventory.refreshed);
}

TEST(InventoryFile, DamageIsNamedAndNotTakenForEmpty) {
  ports::testing::MemoryFiles files;
  for (const char* text :
       {"", "{}", "[1", "{\"schema\":\"leeward/inventory/v1\",\"facts\":[{}]}"}) {
    files.Put("inventory.json", text);
    const auto read = ReadInventory(files, "inventory.json");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code(), base::ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace leeward::cli
