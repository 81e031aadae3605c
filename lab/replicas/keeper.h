// Keeps one Region's replicas of global tables (version 2019.11.21): adds and removes Regions,
// ships what is written here to the others, and takes what they ship.
//
// One per item store, on the engine's thread. What must survive a kill of the process is given to
// `save` whenever it changes; after a restart everything that was under way goes on, and what may
// have arrived is shipped again, which does no harm.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/replicas/group.h"
#include "lab/replicas/peers.h"
#include "lab/replicas/strong.h"
#include "lab/tables/engine.h"
#include "lab/tables/replication.h"
#include "ports/clock.h"
#include "ports/random.h"

namespace leeward::lab::replicas {

struct KeeperLimits {
  base::Duration answer{std::chrono::seconds(5)};             // of another Region
  base::Duration first_pause{std::chrono::milliseconds(50)};  // before it is asked again; doubles
  base::Duration longest_pause{std::chrono::seconds(1)};
  base::Duration gather{std::chrono::milliseconds(2)};  // changes that go along with the first
  base::Duration look{std::chrono::milliseconds(50)};   // between looks at a table being made
  base::Duration stream{std::chrono::milliseconds(1)};  // and at a stream being enabled
  base::Duration save{std::chrono::seconds(1)};         // between two notes of how far lanes are
  base::Duration source{std::chrono::hours(24)};  // a replica that was copied from stays so long
  std::size_t changes = 2000;                     // in one message
  std::size_t bytes = 4 << 20;                    // of items, in one message
};

struct KeeperOptions {
  std::string region;
  Peers* peers = nullptr;               // outlives the keeper, as do the next two
  const ports::Clock* clock = nullptr;  // this Region's
  ports::Random* random = nullptr;
  std::function<void(base::Duration, std::function<void()>)> after;
  std::function<void(const tables::Metric&)> metric;
  std::function<void(const std::string&)> save;
  std::string saved;  // what `save` was given last; empty: nothing yet
  KeeperLimits limits;
  StrongLimits strong;
};

class Keeper : public tables::ReplicaKeeper {
 public:
  explicit Keeper(KeeperOptions options);
  ~Keeper() override;

  // Goes on where the last process was stopped. The engine was opened with this keeper and lives
  // until it is destroyed.
  base::Status Start(tables::Engine& engine);

  // What another Region's keeper asks. `answer` runs once, now or later.
  using Answer = std::function<void(base::Result<shapes::Value>)>;
  void Receive(std::string_view operation, const shapes::Value& input, const Answer& answer);

  items::Verdict Update(std::string_view table, const shapes::Value& input) override;
  items::Verdict Allow(std::string_view operation, std::string_view table,
                       const shapes::Value& input) override;
  void Settled(std::string_view operation, std::string_view table,
               const shapes::Value& input) override;
  void Changed(std::string_view table, std::uint64_t sequence) override;
  bool IsStrong(std::string_view table) const override;
  void Admit(Intent intent, std::vector<Touched> touched,
             std::function<void(items::Verdict)> proceed) override;
  void Settle(std::vector<Touched> touched, std::uint64_t first, std::uint64_t last,
              std::function<void(items::Verdict)> done) override;

  bool AnyStrong() const;
  // Whether a member TableName, anywhere in it, names a STRONG table: by its name or its ARN.
  bool NamesStrong(const shapes::Value& input) const;

 private:
  using Value = shapes::Value;
  // The way to one other Region.
  struct Lane {
    std::uint64_t cursor = 0;    // all up to it has arrived
    std::deque<Value> settings;  // changes of settings that have not
    bool busy = false;
    int failures = 0;
  };
  // Regions being added or removed.
  struct Job {
    enum class Kind { kAdd, kRemove } kind = Kind::kAdd;
    std::vector<std::string> regions;
  };
  struct Kept {
    Group group;
    std::map<std::string, Lane> lanes;
    std::optional<Job> job;
    std::size_t waiting = 0;  // of the job: for so many Regions
    bool streaming = false;   // its stream is being enabled
  };
  using Then = std::function<void()>;

  // keeper.cc
  void MakeStrong();
  Kept* Find(std::string_view table);
  const Kept* Find(std::string_view table) const;
  Then Guarded(Then then) const;
  void After(base::Duration delay, Then then) const;
  base::Duration Pause(int failures) const;
  // Asks until it is answered.
  void Insist(const std::string& region, std::string_view operation, std::function<Value()> input,
              std::function<void(const Value&)> then, int failures = 0);
  struct EngineAnswer {
    int status = 0;
    Value body;
  };
  EngineAnswer Ask(std::string_view operation, const Value& input);
  std::string StatusHere(const std::string& table);
  bool IsKept(const std::string& table) const;
  void Forget(const std::string& table);
  void Show(const Kept& kept);
  void Save();
  void SaveSoon();
  void Load(const Value& saved);

  // members.cc
  items::Verdict CheckAdd(const Kept& kept, const std::string& region) const;
  items::Verdict CheckRemove(const Kept& kept, const std::string& region) const;
  items::Verdict UpdateEventual(const std::string& table, const Value& input);
  items::Verdict UpdateStrong(const std::string& table, const Value& input);
  items::Verdict CheckStrong(const std::string& table);
  std::string KeyHere(const std::string& table) const;
  items::Verdict CheckKey(const std::string& table, const std::string& key) const;
  bool HasStream(Kept& kept);
  void Begin(const std::string& table, Job job);
  void GoOn(const std::string& table);
  void Announce(const std::string& table, const Then& then);
  void Adopt(const std::string& table, const std::string& region);
  void Ship(const std::string& table, const std::string& region, const std::string& from,
            std::uint64_t sequence);
  void Remove(const std::string& table, const std::string& region);
  void OneDone(const std::string& table);
  void Finish(const std::string& table);
  bool Has(const std::string& table, const std::string& region) const;

  // receive.cc
  Value TakeGroup(const Value& input);
  Value TakeAdoption(const Value& input);
  Value MakeReplica(const std::string& table, const Value& input);
  Value TakeLeave(const Value& input);
  base::Result<Value> TakeChanges(const Value& input);
  base::Result<Value> TakeSettings(const Value& input);
  void Bid(const std::string& table, const std::string& region);

  // lanes.cc
  void Pump(const std::string& table, const std::string& region);
  void PumpSoon(const std::string& table);
  bool SendSettings(const std::string& table, const std::string& region, Lane& lane);
  void SendChanges(const std::string& table, const std::string& region, Lane& lane);
  void Arrived(const std::string& table, const std::string& region, std::uint64_t cursor,
               const tables::Version& oldest);
  void Release(const std::string& table);

  KeeperOptions options_;
  tables::Engine* engine_ = nullptr;
  std::map<std::string, Kept, std::less<>> tables_;
  std::map<std::string, std::vector<std::string>>
      farewells_;  // by table: Regions to be told it left
  std::unique_ptr<Strong> strong_;
  std::int64_t high_water_ = 0;
  bool taking_settings_ = false;
  bool save_due_ = false;
  std::map<std::string, bool, std::less<>> pump_due_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace leeward::lab::replicas
