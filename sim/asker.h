// Asker: has the guard that holds the writers' lease give it up, as the step lease.hand-over does
// (docs/failover-protocol.md, "Asking for it").
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "lease/hand_over.h"
#include "lease/terms.h"
#include "ports/step_runner.h"
#include "sim/shared_store.h"

namespace leeward::sim {

class Asker {
 public:
  struct Options {
    lease::Terms terms;
    model::ApplicationName application;
    model::Region holder;  // that is left
    std::string who;
    base::MonotonicTime deadline;
    std::function<void()> effect;  // before each put of the request
  };
  using Done = std::function<void(const base::Result<ports::StepOutcome>&)>;

  Asker(SharedStore& store, Process& process, Place place, Options options, Done done);
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

 private:
  // What is on its way may come back when this is gone.
  std::function<bool()> StillHere() const;
  SharedStore::Asker Asking();
  base::Duration Wait() const;
  void Look();
  void Saw(const base::Result<SharedStore::Found>& found);
  void Consider();
  void Ask();
  void Withdraw();
  void Again();
  std::string Ready() const;
  void Finish(const base::Result<ports::StepOutcome>& outcome);

  SharedStore& store_;
  Process& process_;
  const Place place_;
  const Options options_;
  Done done_;
  const std::string key_;
  const std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  bool known_ = false;  // the last read was answered
  std::optional<lease::Seen> seen_;
  base::MonotonicTime start_, since_;         // since: when this revision was first answered
  std::optional<base::MonotonicTime> until_;  // the request was withdrawn, and is watched so long
  std::uint64_t asked_ = 0;
  std::uint64_t revision_ = ports::kAbsent;  // of the request, as far as it is known
};

}  // namespace leeward::sim
