// Reader: keeps a Ledger up to date from the shared store. Not for several threads.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "model/application.h"
#include "observe/ledger.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::observe {

class Reader {
 public:
  // Everything but the application's values outlives it.
  Reader(const model::Application& application, ports::SharedStore& store,
         const ports::Clock& clock);

  // One look at the store of at most a second. After an error
  // nothing is known anew and verdicts grow old.
  base::Status Poll();
  // How long to wait between looks.
  base::Duration every() const { return every_; }

  std::vector<RegionVerdict> Judge() const { return ledger_.Judge(clock_.Monotonic()); }
  std::vector<Sight> Sights() const { return ledger_.Sights(clock_.Monotonic()); }

 private:
  const std::string prefix_;
  const base::Duration every_;
  ports::SharedStore& store_;
  const ports::Clock& clock_;
  Ledger ledger_;
};

}  // namespace leeward::observe
