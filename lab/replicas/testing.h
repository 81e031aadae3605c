// For tests: item stores of several Regions in one process, on a clock that is turned by hand, with
// a network between them that can be cut.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "lab/replicas/keeper.h"

namespace leeward::lab::replicas {

using namespace std::chrono_literals;  // NOLINT

class World {
 public:
  explicit World(std::vector<std::string> regions) : regions_(std::move(regions)) {
    for (const std::string& region : regions_) {
      sites_[region].peers = std::make_unique<Wire>(*this, region);
      sites_[region].clock.world = this;
      Start(region);
    }
  }
  ~World() {
    for (auto& [region, site] : sites_) Kill(region);
  }

  void Start(const std::string& region) {
    Site& site = sites_[region];
    ++site.life;
    KeeperOptions options;
    options.region = region;
    options.peers = site.peers.get();
    options.clock = &site.clock;
    options.random = &random;
    options.after = [this, region](base::Duration delay, std::function<void()> then) {
      After(region, delay, std::move(then));
    };
    options.metric = [&site](const tables::Metric& metric) {
      site.metrics.push_back(std::string(metric.name) + " " + metric.dimensions.back().second);
      site.latency = metric.value;
    };
    options.save = [&site](const std::string& saved) { site.saved = saved; };
    options.saved = site.saved;
    site.keeper = std::make_unique<Keeper>(std::move(options));
    tables::EngineOptions engine;
    engine.directory = folder_.path() / region;
    engine.region = region;
    engine.account = "123456789012";
    engine.clock = &site.clock;
    engine.random = &random;
    engine.after = [this, region](base::Duration delay, std::function<void()> then) {
      After(region, delay, std::move(then));
    };
    engine.replicas = site.keeper.get();
    if (!keys.empty())
      engine.keys = [this, region](std::string_view name) { return KeyIn(region, name); };
    auto opened = tables::Engine::Open(std::move(engine));
    CHECK_MSG(opened.ok(), opened.error().message().c_str());
    site.engine = std::move(*opened);
    CHECK(site.keeper->Start(*site.engine).ok());
  }
  void Kill(const std::string& region) {
    Site& site = sites_[region];
    ++site.life;
    site.engine.reset();
    site.keeper.reset();
    // What was due there holds on to what it was made of.
    std::erase_if(due_, [&](const auto& entry) { return entry.second.owner == region; });
  }
  void Cut(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void CutBoth(const std::string& a, const std::string& b) {
    Cut(a, b);
    Cut(b, a);
  }
  void Heal() { cut_.clear(); }
  void Skew(const std::string& region, base::Duration by) { sites_[region].clock.offset = by; }

  void Turn(base::Duration by) {
    const base::MonotonicTime end = now + by;
    while (!due_.empty() && due_.begin()->first.first <= end) {
      auto node = due_.extract(due_.begin());
      now = std::max(now, node.key().first);
      node.mapped().then();
    }
    now = end;
  }
  bool TurnUntil(const std::function<bool()>& done, base::Duration limit = 60s) {
    const base::MonotonicTime end = now + limit;
    bool so = done();
    for (; !so && now < end; so = done()) Turn(5ms);
    return so;
  }

  // Begins a request; `answer` is filled in when it is answered, maybe at once.
  struct Answer {
    int status = 0;
    shapes::Value body;
    std::string code() const {
      const std::string type(body.String("__type"));
      return type.substr(type.find('#') + 1);
    }
  };
  std::shared_ptr<Answer> Begin(const std::string& region, std::string_view operation,
                                const shapes::Value& input) {
    auto answer = std::make_shared<Answer>();
    sites_[region].engine->Handle(operation, shapes::ToJson(input), {},
                                  [answer](const tables::WireAnswer& wire) {
                                    answer->status = wire.status;
                                    answer->body = *shapes::FromJson(wire.body);
                                  });
    return answer;
  }
  Answer Call(const std::string& region, std::string_view operation, const shapes::Value& input) {
    const auto answer = Begin(region, operation, input);
    TurnUntil([&] { return answer->status != 0; }, 20s);
    return *answer;
  }
  tables::Replication& Replication(const std::string& region) {
    return sites_[region].engine->replication();
  }
  Keeper& KeeperOf(const std::string& region) { return *sites_[region].keeper; }
  std::vector<std::string>& Metrics(const std::string& region) { return sites_[region].metrics; }
  double Latency(const std::string& region) { return sites_[region].latency; }

  // KMS of each Region: keys by name. While there are none, any name is taken.
  std::map<std::string, std::map<std::string, tables::EncryptionKey, std::less<>>> keys;

  ports::SeededRandom random{1};
  base::MonotonicTime now{1h};

 private:
  struct Clock : ports::Clock {
    explicit Clock(const World* its_world) : world(its_world) {}
    base::WallTime Now() const override {
      return {base::Duration(24h) * 365 * 56 + world->now.since_epoch + offset};
    }
    base::MonotonicTime Monotonic() const override { return world->now; }
    const World* world;
    base::Duration offset{0};
  };
  class Wire : public Peers {
   public:
    Wire(World& world, std::string from) : world_(world), from_(std::move(from)) {
      for (const std::string& region : world.regions_) {
        if (region != from_) others_.push_back(region);
      }
    }
    const std::vector<std::string>& regions() const override { return others_; }
    void Call(const std::string& region, std::string_view operation, shapes::Value input,
              base::Duration deadline, Done done) override {
      world_.Carry({from_, region}, std::string(operation), shapes::ToJson(input), deadline,
                   std::move(done));
    }

   private:
    World& world_;
    std::string from_;
    std::vector<std::string> others_;
  };
  struct Site {
    std::unique_ptr<Wire> peers;
    std::unique_ptr<Keeper> keeper;
    std::unique_ptr<tables::Engine> engine;
    std::string saved;
    std::vector<std::string> metrics;
    double latency = 0;
    int life = 0;
    Clock clock{nullptr};
  };

  struct Due {
    std::string owner;  // the Region whose process it ends with
    std::function<void()> then;
  };
  void After(const std::string& owner, base::Duration delay, std::function<void()> then) {
    due_.emplace(std::pair{now + delay, next_++}, Due{owner, std::move(then)});
  }
  bool Open(const std::string& from, const std::string& to) { return !cut_.contains({from, to}); }
  // Each way takes a while; what is cut off on either is answered by silence.
  void Carry(const std::pair<std::string, std::string>& way, const std::string& operation,
             const std::string& input, base::Duration deadline, Peers::Done done) {
    const auto& [from, to] = way;
    auto answered = std::make_shared<bool>(false);
    const int life = sites_[from].life;
    const auto answer = [this, answered, done, life,
                         from = from](const base::Result<shapes::Value>& result) {
      if (!std::exchange(*answered, true) && sites_[from].life == life) done(result);
    };
    After(from, deadline, [answer] { answer(base::Unreachable("silence")); });
    After(from, kWay, [=, this, from = from, to = to] {
      if (!Open(from, to) || sites_[to].keeper == nullptr) return;
      sites_[to].keeper->Receive(operation, *shapes::FromJson(input),
                                 [=, this](const base::Result<shapes::Value>& result) {
                                   const base::Result<shapes::Value> carried =
                                       result.ok() ? shapes::FromJson(shapes::ToJson(*result))
                                                   : result;
                                   After(from, kWay, [=, this] {
                                     if (Open(to, from)) answer(carried);
                                   });
                                 });
    });
  }

  std::optional<tables::EncryptionKey> KeyIn(const std::string& region, std::string_view name) {
    const auto found = keys[region].find(name);
    return found == keys[region].end() ? std::nullopt : std::optional(found->second);
  }

  static constexpr base::Duration kWay = 10ms;
  std::vector<std::string> regions_;
  base::testing::ScratchFolder folder_{"leeward-replicas-XXXXXX"};
  std::map<std::string, Site> sites_;
  std::set<std::pair<std::string, std::string>> cut_;
  std::map<std::pair<base::MonotonicTime, std::uint64_t>, Due> due_;
  std::uint64_t next_ = 0;
  friend struct Clock;
};

}  // namespace leeward::lab::replicas
