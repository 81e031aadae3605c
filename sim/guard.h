// Guard: holds its Region's writes open only while the Region holds the lease.
#pragma once

#include "sim/lease.h"
#include "sim/process.h"
#include "sim/shared_store.h"
#include "sim/site.h"

namespace leeward::sim {

struct GuardOptions {
  LeaseTerms terms;
  Duration close_takes{100'000'000};  // the database to end its sessions; within the fence budget
  Duration heard_for{100'000'000};    // the application goes on for so long on its last answer
  // Planted: a guard that starts takes it for granted that it holds the lease.
  bool assumes_it_holds = false;
};

class Guard : public Process {
 public:
  Guard(Site& site, SharedStore& store, Agenda& agenda, ClockError error, GuardOptions options)
      : Process(agenda, error), site_(site), store_(store), options_(options) {}

  // Lets go of the lease: writes end, then the record says so. Until another holds it.
  void Release();

 private:
  enum class State { kFencing, kFenced, kHolds };

  void OnStart() override;
  void OnCrash() override;
  void Look();
  void Heard(const base::Result<SharedStore::Found>& found);
  void Renew(const ports::SharedEntry& entry, LeaseRecord record);
  void Renewed(base::MonotonicTime sent, std::uint64_t epoch);
  void CheckTime();
  void Fence();
  void Closed();

  Site& site_;
  SharedStore& store_;
  const GuardOptions options_;
  State state_ = State::kFenced;
  base::MonotonicTime held_until_;
  bool releasing_ = false;
  bool started_before_ = false;
};

}  // namespace leeward::sim
