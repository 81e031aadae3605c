// Baton: of all controllers, the one that acts has it: the controllers' lease, by the product's own
// machines, as cli/baton.h puts them together.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lease/holder.h"
#include "lease/taker.h"
#include "sim/process.h"
#include "sim/world.h"

namespace leeward::sim {

class Baton : public Process {
 public:
  struct Hooks {
    std::function<void()> stop;  // the right is gone: end what runs
    std::function<void()> have;  // it is had from now on
  };
  Baton(World& world, Place place, Hooks hooks);

  bool Held() const { return running() && holder_ && holder_->Writable(Monotonic()).has_value(); }

 private:
  void OnStart() override;
  void OnCrash() override;
  void Want();
  void FeedTaker(const lease::TakerEvent& event);
  void FeedHolder(const lease::HolderEvent& event);
  SharedStore::Asker Asking(base::MonotonicTime deadline);
  void Do(const lease::Read& read) { Read(read); }
  void Do(const lease::Put& put) { Put(put); }
  void Do(const lease::Taken&) {}
  void Do(const lease::Fence& fence);
  void Do(const lease::Open& open);
  void Do(const lease::Extend&) {}
  void Read(const lease::Read& read);
  void Put(const lease::Put& put);
  void Answer(const lease::ReadDone& done);
  void Answer(const lease::PutDone& done);
  void WakeAt(base::MonotonicTime when);

  World& world_;
  const Place place_;
  const Hooks hooks_;
  const lease::Terms terms_;
  std::string who_;
  std::unique_ptr<lease::Taker> taker_;    // while it is wanted
  std::unique_ptr<lease::Holder> holder_;  // from when it was taken until it is lost
  std::uint64_t turn_ = 0, wakes_ = 0;     // of one machine; an answer to an earlier one is late
  int lives_ = 0;
};

}  // namespace leeward::sim
