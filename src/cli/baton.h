// Baton: of all controllers of an application, the one that acts has it. A lease in the shared
// store, by the machines of `lease`: a Taker waits for it, a Holder keeps it, and the "door" that
// it opens is the right to start anything.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cli/world.h"
#include "guard/guard.h"
#include "lease/terms.h"
#include "model/application.h"
#include "ports/shared_store.h"

namespace leeward::cli {

// Where the controllers' lease is.
std::string ControllersKey(const model::ApplicationName& application);

class Baton {
 public:
  struct Hooks {
    std::function<void()> stop;  // the right is gone: end what runs. Quick, from any thread
    std::function<bool()> idle;  // nothing runs
  };
  // Everything outlives it; wants the baton at once.
  Baton(World& world, const model::Application& application, ports::SharedStore& store,
        Hooks hooks);
  // Gives the baton up where it is had, for others to take without waiting.
  ~Baton();
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;

  bool Held() const { return guard_->Status().epoch.has_value(); }
  std::string Why() const;
  // Gives it up and leaves it to others for that long.
  void Yield(base::Duration time);

 private:
  class Right;
  void Want();

  World& world_;
  const lease::Terms terms_;
  const std::string who_, key_;
  ports::SharedStore& store_;
  std::unique_ptr<Right> right_;
  std::unique_ptr<guard::Guard> guard_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  base::MonotonicTime wanted_from_;
  std::string why_ = "nobody was asked yet";
  std::thread taker_;  // the last member: it uses the others
};

}  // namespace leeward::cli
