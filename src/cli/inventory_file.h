// The inventory on disk. docs/formats/inventory.md.
#pragma once

#include <mutex>
#include <string>

#include "base/result.h"
#include "model/inventory.h"
#include "ports/files.h"

namespace leeward::cli {

std::string InventoryJson(const model::Inventory& inventory);  // ends with a newline
base::Result<model::Inventory> InventoryFromJson(std::string_view json);

// An empty one when there is no file yet.
base::Result<model::Inventory> ReadInventory(ports::Files& files, const std::string& path);

// Keeps what steps learn. What an execution works with stays as it was at its beginning.
class InventoryKeeper {
 public:
  InventoryKeeper(ports::Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  base::Status Load();
  // On disk at once, current after TakeUp. From any thread.
  base::Status Save(const model::Inventory& inventory);
  // Between executions.
  void TakeUp();
  const model::Inventory& current() const { return current_; }

 private:
  ports::Files& files_;
  const std::string path_;
  std::mutex mutex_;
  model::Inventory current_, saved_;
};

}  // namespace leeward::cli
