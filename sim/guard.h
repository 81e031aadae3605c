// Guard: the process beside the application that runs lease::Holder for its Region: it carries the
// machine's actions out and brings the answers back.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "lease/hand_over.h"
#include "lease/holder.h"
#include "sim/process.h"
#include "sim/shared_store.h"
#include "sim/site.h"

namespace leeward::sim {

class Guard : public Process {
 public:
  // `options.who` is filled in at each start. `hand_over`: the key at which it is asked to give the
  // lease up; empty: nobody will ask in this run.
  Guard(Site& site, SharedStore& store, Agenda& agenda, ClockError error,
        lease::HolderOptions options, std::string hand_over)
      : Process(agenda, error),
        site_(site),
        store_(store),
        options_(std::move(options)),
        hand_over_(std::move(hand_over)) {}

  // Closes the door and gives the lease up. False: it does not run.
  bool Release();

 private:
  void OnStart() override;
  void OnCrash() override { holder_.reset(); }
  void Feed(const lease::HolderEvent& event);
  void Wake();
  void LookForRequest();
  SharedStore::Asker Asking(base::MonotonicTime deadline);
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
  const std::string hand_over_;
  std::unique_ptr<lease::Holder> holder_;
  lease::HandOverWatch requests_;
  int starts_ = 0;
  std::uint64_t wakes_ = 0;
};

}  // namespace leeward::sim
