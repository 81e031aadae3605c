// Guard: the process beside the application that runs lease::Holder for its Region: it carries the
// machine's actions out and brings the answers back.
#pragma once

#include <memory>
#include <utility>

#include "lease/holder.h"
#include "sim/process.h"
#include "sim/shared_store.h"
#include "sim/site.h"

namespace leeward::sim {

class Guard : public Process {
 public:
  // `options.who` is filled in at each start.
  Guard(Site& site, SharedStore& store, Agenda& agenda, ClockError error,
        lease::HolderOptions options)
      : Process(agenda, error), site_(site), store_(store), options_(std::move(options)) {}

  // Closes the door and gives the lease up. False: it does not run.
  bool Release();

 private:
  void OnStart() override;
  void OnCrash() override { holder_.reset(); }
  void Feed(const lease::HolderEvent& event);
  void Wake();
  void Do(const lease::Read& read);
  void Do(const lease::Put& put);
  void Do(const lease::Fence& fence);
  void Do(const lease::Open& open);
  void Do(const lease::Extend& extend);
  // The same instant on the door's clock, which is asked after the renewal was sent.
  base::MonotonicTime OnDoorClock(base::MonotonicTime until) const;

  Site& site_;
  SharedStore& store_;
  lease::HolderOptions options_;
  std::unique_ptr<lease::Holder> holder_;
  int starts_ = 0;
  std::uint64_t wakes_ = 0;
};

}  // namespace leeward::sim
