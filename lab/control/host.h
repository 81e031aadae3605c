// The Host of a real Region's process, or of the global plane's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lab/control/config.h"
#include "lab/core/credentials.h"
#include "lab/core/item_peers.h"
#include "lab/core/service.h"
#include "lab/network/client.h"
#include "lab/network/topology.h"
#include "os/clock.h"
#include "os/event_loop.h"
#include "os/http_call.h"
#include "os/random.h"

namespace leeward::lab {

// A Region's own idea of the time: the machine's, some way off.
class SkewedClock : public ports::Clock {
 public:
  base::WallTime Now() const override { return system_.Now() + offset_; }
  base::MonotonicTime Monotonic() const override { return system_.Monotonic(); }
  void SetOffset(base::Duration offset) { offset_ = offset; }
  base::Duration offset() const { return offset_; }

 private:
  os::SystemClock system_;
  base::Duration offset_{0};
};

class LabHost : public Host, public KnowsItemStores {
 public:
  LabHost(os::EventLoop& loop, LabConfig config, std::string region,
          std::unique_ptr<NetworkClient> network);
  ~LabHost() override;

  void AddService(std::unique_ptr<Service> service);
  base::Status StartServices();
  bool Settled() const;
  void Hear(const RegionFaults& faults);
  // Runs whenever a service reports on a part: all parts and their states.
  void OnReport(std::function<void(const shapes::Value&)> then);
  const LabConfig& config() const { return config_; }
  SkewedClock& skewed_clock() { return clock_; }
  NetworkClient& network_client() { return *network_; }
  os::EventLoop& loop() { return loop_; }

  const std::string& region() const override { return region_; }
  const std::string& account() const override { return config_.credentials.account; }
  Pace pace() const override { return config_.pace; }
  const ports::Clock& clock() const override { return clock_; }
  ports::Random& random() override { return random_; }
  Network& network() override { return *network_; }
  std::filesystem::path StateDirectory(std::string_view service) override;
  base::Status GiveToEngine(const std::filesystem::path& path) override;
  void After(base::Duration delay, std::function<void()> then) override;
  void RunBlocking(std::function<void()> work, std::function<void()> done) override;
  base::Result<ChildId> Spawn(const ChildSpec& spec,
                              std::function<void(ExitStatus)> exited) override;
  void Signal(ChildId child, int signal) override;
  void Post(std::function<void()> then) override;
  std::filesystem::path ApiSocket() const override { return config_.ApiSocket(region_); }
  std::string DnsAddress() const override;
  const Credentials& credentials() const override { return credentials_; }
  std::vector<Peer> ItemStoresElsewhere() override;
  std::string InternalToken() const override { return config_.internal_token; }
  void AskProcess(const std::filesystem::path& socket, std::string_view target,
                  base::Duration deadline,
                  std::function<void(base::Result<std::string>)> done) override;
  void TellProcess(const std::filesystem::path& socket, std::string_view target, std::string body,
                   base::Duration deadline,
                   std::function<void(base::Result<ports::HttpResponse>)> done) override;
  void Report(std::string_view part, std::string_view state) override;
  Service* Find(std::string_view name) override;
  void CallRegion(std::string_view region, std::string_view service, std::string_view operation,
                  shapes::Value input, base::Duration deadline, Reply reply) override;

 private:
  struct Child {
    int pid = 0;
    std::unique_ptr<os::Descriptor> watch;
    std::function<void(ExitStatus)> exited;
  };
  // Copies the library that gives children their source address to where every user can read it.
  void InstallSource();
  void ChildEnded(ChildId id);
  void ReapOrphans();
  os::HttpCallOptions RouteTo(std::string_view region);

  os::EventLoop& loop_;
  LabConfig config_;
  std::string region_;
  std::unique_ptr<NetworkClient> network_;
  SkewedClock clock_;
  os::SystemRandom random_;
  Credentials credentials_;
  os::WorkerPool workers_;
  std::vector<std::unique_ptr<Service>> services_;
  std::map<ChildId, Child> children_;
  std::string source_library_;  // empty: not there, and children seem to be outside
  ChildId next_child_ = 1;
  shapes::Value parts_ = shapes::Value::Struct();
  std::function<void(const shapes::Value&)> reported_;
  std::map<std::uint64_t, std::unique_ptr<os::HttpCall>> calls_;
  std::uint64_t next_call_ = 1;
};

// How the lab's processes write an Answer to each other.
shapes::Value AnswerToValue(const Answer& answer);
Answer AnswerFromValue(const shapes::Value& value);
inline constexpr std::string_view kInternalPath = "/.leeward/";
inline constexpr std::string_view kInternalHeader = "X-Leeward-Token";

}  // namespace leeward::lab
