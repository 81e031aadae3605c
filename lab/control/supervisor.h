// The lab's root process: starts the others, watches them, carries out faults, and ends everything.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lab/control/config.h"
#include "lab/network/line_channel.h"
#include "os/clock.h"
#include "os/event_loop.h"
#include "os/files.h"

namespace leeward::lab {

class Supervisor {
 public:
  // `caller`: the socket on which `up` waits for {"ready": true} or {"error": ..., "exit": code}.
  Supervisor(std::string state, int caller);
  ~Supervisor();

  int Run();

 private:
  using Answered = std::function<void(shapes::Value)>;

  // A process below this one.
  struct Process {
    int pid = 0;
    enum class State { kStarting, kUp, kKilled, kCrashed } state = State::kStarting;
    std::unique_ptr<LineChannel> channel;
    std::unique_ptr<os::Descriptor> watch;
    std::function<void(base::Status)> ready;   // waits for the first message
    std::map<std::int64_t, Answered> waiting;  // answers to come, by id
    // Set by faults; a restarted process is told again, a healed one starts afresh.
    base::Duration clock_offset{0};
    bool control_plane_down = false;
    shapes::Value parts = shapes::Value::Struct();  // what it says of the processes it keeps
  };

  // up
  base::Status Prepare();
  base::Status ClaimBlocks();
  base::Status OpenGateway();
  base::Status StartProcess(const std::string& name, std::vector<int> descriptors,
                            std::function<void(base::Status)> ready);
  void StartPlaces();
  void PlaceReady(const base::Status& status);
  void Ready();
  void Fail(const base::Error& error);
  void End(int code);

  // life
  void Received(const std::string& name, const shapes::Value& message);
  void Ended(const std::string& name);
  void ReapStrays();
  void Tell(const std::string& name, shapes::Value request, Answered answered);

  // commands
  void Accept();
  void Handle(const shapes::Value& request, Answered answer);
  base::Result<shapes::Value> Network(const shapes::Value& request);
  base::Result<shapes::Value> Fault(std::string_view op, const shapes::Value& request);
  base::Result<shapes::Value> Kill(const std::string& region);
  void Heal(const std::string& region, Answered answer);
  void HealOne(const std::string& region, std::function<void(base::Status)> done);
  void SetClock(const std::string& region, base::Duration offset, Answered answer);
  void SetControlPlane(const std::string& region, bool down, Answered answer);
  shapes::Value Status();

  std::string state_;
  os::EventLoop loop_;
  os::SystemFiles files_;
  os::SystemClock clock_;
  LabConfig config_;
  std::unique_ptr<LineChannel> caller_;
  std::unique_ptr<ports::AppendFile> lock_;
  std::vector<int> claims_;
  int gateway_socket_ = -1;
  std::map<std::string, Process> processes_;
  std::unique_ptr<LineCaller> network_;
  std::unique_ptr<os::Descriptor> admin_;
  std::map<int, std::unique_ptr<LineChannel>> clients_;
  std::set<int>
      once_ours_;  // processes that were below this one, for what they leave in the kernel
  std::size_t places_starting_ = 0;
  int next_client_ = 1;
  std::int64_t next_id_ = 1;
  bool running_ = false;
  bool ending_ = false;
  int exit_code_ = 0;
};

inline constexpr char kKeeperLock[] = "keeper.lock";  // in the state directory

// Whose end ends the lab, too, and deletes its state.
enum class Owner { kNone, kDescriptor };
inline constexpr int kOwnerDescriptor = 4;  // a process descriptor of the owner

// Starts the supervisor and outlives it: whatever it leaves when it ends is killed here. The two
// watch each other.
int RunKeeper(const std::string& state, Owner owner);
int RunSupervisor(const std::string& state);

}  // namespace leeward::lab
