// A Host for tests of services: time that the test turns, a network that only remembers, children
// that are real or only recorded, and other Regions that are further FakeHosts.
//
//   FakeHost host({.region = "us-west-2"});
//   auto service = MakeRds(host);
//   host.Add(*service);
//   Answer answer = host.CallOperation(*service, "DescribeDBInstances", input);   // pumps until
//   answered host.Advance(30s);                                                            //
//   timers due run in order ASSERT_TRUE(host.PumpUntil([&] { return promoted; }, 20s)); // real
//   children need real time
//
// Nothing runs but inside Advance, Pump, PumpUntil and CallOperation, on the thread that calls
// them.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/testing/scratch_folder.h"
#include "lab/core/credentials.h"
#include "lab/core/service.h"

namespace leeward::lab {

class FakeNetwork : public Network {
 public:
  struct LinkRecord {
    std::string to_region;
    std::string address;
    std::uint16_t port = 0;
  };

  // `block`: addresses are 127.<block>.0.<n>.
  explicit FakeNetwork(int block) : block_(block) {}

  std::string AddressFor(std::string_view name) override;
  void Publish(const PublicEndpoint& endpoint) override;
  void Withdraw(std::string_view name) override;
  void SetIngress(std::string_view name, std::vector<std::string> cidrs) override;
  std::pair<std::string, std::uint16_t> Link(std::string_view to_region, std::string_view address,
                                             std::uint16_t port) override;
  bool IsDark(std::string_view region) const override { return dark.contains(std::string(region)); }

  std::map<std::string, PublicEndpoint> endpoints;          // published and not withdrawn, by name
  std::map<std::string, std::vector<std::string>> ingress;  // by endpoint name
  std::vector<LinkRecord> links;                            // in order of first use
  std::set<std::string> dark;                               // for tests to fill
  // When set, Link answers it instead of an address of this block: tests with real engines connect
  // straight.
  std::function<std::pair<std::string, std::uint16_t>(const LinkRecord&)> resolve_link;

 private:
  int block_;
  std::map<std::string, std::string, std::less<>> addresses_;
};

struct FakeHostOptions {
  enum class Time { kManual, kReal };
  enum class Children { kRecorded, kReal };

  std::string region = "us-east-1";
  std::string account = "123456789012";
  Pace pace = Pace::kFast;
  // kManual starts at 2026-11-23T08:00:00Z and moves by Advance only. kReal is the machine's clock.
  Time time = Time::kManual;
  Children children = Children::kRecorded;
  std::uint64_t seed = 1;
  int block = 9;
  std::string dns_address = "127.0.0.1:5353";
};

class FakeHost : public Host {
 public:
  struct Child {
    ChildId id = 0;
    ChildSpec spec;
    std::vector<int> signals;  // in order
    bool running = true;
  };

  explicit FakeHost(FakeHostOptions options = {});
  ~FakeHost() override;  // kills real children with everything below them; removes its directory
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // --- what tests turn
  // ----------------------------------------------------------------------------- Makes the service
  // known to Find and CallRegion.
  void Add(Service& service);
  // Makes the Regions known to each other for CallRegion.
  static void Connect(const std::vector<FakeHost*>& hosts);
  // Cut: CallRegion to that Region times out.
  void Cut(const std::string& region) { cut_.insert(region); }
  void Mend(const std::string& region) { cut_.erase(region); }

  // kManual: turns the clock by `by`, running what comes due at its time.
  void Advance(base::Duration by);
  // Runs everything that is due now, once through; false when nothing was.
  bool Pump();
  // Pumps until `done`, at most `limit` of the machine's time; kManual also turns the clock to the
  // next timer when there is nothing else to do. False when it did not come to that.
  bool PumpUntil(const std::function<bool()>& done, base::Duration limit);
  // One request as the server would deliver it, answered. CHECKs that an answer comes within 30 s.
  Answer CallOperation(Service& service, std::string_view operation, shapes::Value input);
  // A recorded child ends.
  void EndChild(ChildId id, ExitStatus status);

  FakeNetwork& fake_network() { return network_; }
  std::vector<Child>& children() { return children_; }
  const std::filesystem::path& directory() const { return directory_.path(); }

  // --- Host
  // ----------------------------------------------------------------------------------------
  const std::string& region() const override { return options_.region; }
  const std::string& account() const override { return options_.account; }
  Pace pace() const override { return options_.pace; }
  const ports::Clock& clock() const override { return *clock_; }
  ports::Random& random() override { return random_; }
  Network& network() override { return network_; }
  std::filesystem::path StateDirectory(std::string_view service) override;
  base::Status GiveToEngine(const std::filesystem::path& path) override;
  void After(base::Duration delay, std::function<void()> then) override;
  void RunBlocking(std::function<void()> work, std::function<void()> done) override;
  base::Result<ChildId> Spawn(const ChildSpec& spec,
                              std::function<void(ExitStatus)> exited) override;
  void Signal(ChildId child, int signal) override;
  void Post(std::function<void()> then) override;
  std::filesystem::path ApiSocket() const override { return directory() / "api.sock"; }
  std::string DnsAddress() const override { return options_.dns_address; }
  const Credentials& credentials() const override { return credentials_; }
  Service* Find(std::string_view name) override;
  void CallRegion(std::string_view region, std::string_view service, std::string_view operation,
                  shapes::Value input, base::Duration deadline, Reply reply) override;

 private:
  struct Running {
    ChildId id;
    int pid;  // 0 for recorded ones
    std::function<void(ExitStatus)> exited;
  };

  bool RunPosted();
  bool RunDueTimers();
  bool ReapChildren();
  Child& ChildById(ChildId id);

  FakeHostOptions options_;
  base::testing::ScratchFolder directory_{"leeward-fake-XXXXXX"};
  std::unique_ptr<ports::Clock> clock_;
  ports::ManualClock* manual_ = nullptr;
  ports::SeededRandom random_;
  Credentials credentials_;
  FakeNetwork network_;
  std::map<std::string, Service*, std::less<>> services_;
  std::map<std::string, FakeHost*, std::less<>> regions_;
  std::set<std::string, std::less<>> cut_;
  std::mutex posted_mutex_;
  std::deque<std::function<void()>> posted_;
  std::multimap<base::MonotonicTime, std::function<void()>> timers_;
  std::vector<Child> children_;
  std::vector<Running> running_;
  ChildId next_child_ = 1;
};

}  // namespace leeward::lab
