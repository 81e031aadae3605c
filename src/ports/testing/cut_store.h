// A shared store that a test can cut off.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/shared_store.h"

namespace leeward::ports::testing {

class CutStore : public SharedStore {
 public:
  explicit CutStore(std::unique_ptr<SharedStore> inner) : inner_(std::move(inner)) {}
  std::atomic<bool> cut{false};

  base::Result<std::optional<SharedEntry>> Get(std::string_view key,
                                               base::MonotonicTime deadline) override {
    if (cut) return base::Unreachable("cut off");
    return inner_->Get(key, deadline);
  }
  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, base::MonotonicTime deadline) override {
    if (cut) return base::Unreachable("cut off");
    return inner_->Put(key, value, expected, deadline);
  }
  base::Result<std::vector<SharedEntry>> List(std::string_view, std::size_t,
                                              base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }
  base::Status Remove(std::string_view, std::uint64_t, base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }

 private:
  std::unique_ptr<SharedStore> inner_;
};

}  // namespace leeward::ports::testing
