// BlockingStore: the shared store as a process sees it that waits for each answer, as the journal's
// mirror does. A call takes effect at once, and the process stands still afterwards for as long as
// the call took; one whose answer is lost may take effect then, later, or never.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/shared_store.h"
#include "sim/shared_store.h"

namespace leeward::sim {

class BlockingStore : public ports::SharedStore {
 public:
  // `fenced` false: a planted mistake, writes replace whatever is there.
  BlockingStore(sim::SharedStore& store, Process& process, Place place, bool fenced)
      : store_(store), process_(process), place_(place), fenced_(fenced) {}

  // The process begins anew.
  void Begin() { still_until_ = Duration(0); }

  base::Result<std::optional<ports::SharedEntry>> Get(std::string_view key,
                                                      base::MonotonicTime deadline) override;
  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, base::MonotonicTime deadline) override;
  base::Result<std::vector<ports::SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                                     base::MonotonicTime deadline) override;
  base::Status Remove(std::string_view key, std::uint64_t expected,
                      base::MonotonicTime deadline) override;

 private:
  template <typename T>
  base::Result<T> Ask(base::MonotonicTime deadline, std::function<base::Result<T>()> serve);
  void StandStill(Duration time);

  sim::SharedStore& store_;
  Process& process_;
  const Place place_;
  const bool fenced_;
  Duration still_until_{0};
};

}  // namespace leeward::sim
