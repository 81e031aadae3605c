// Three Regions that exchange sessions over links that fail: whatever happened meanwhile, all hold
// the same once the links are whole, and nobody who was revoked is alive anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <random>
#include <shared_mutex>

#include "os/clock.h"
#include "os/random.h"
#include "sessions/api.h"
#include "sessions/stored_sessions.h"
#include "sessions/testing/faulty_store.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using testing::FaultyStore;

const os::SystemClock kClock;
constexpr char kToken[] = "the-token-between-the-services";

// Carries each message to the service it is for, unless the link is cut, or loses the answer.
class Links : public ports::HttpTransport {
 public:
  // Until it is added, what is for it is cut.
  void Add(const std::string& url, PeerApi* api) {
    const std::lock_guard lock(mutex_);
    apis_[url] = api;
  }
  // Nothing is carried any more, nor is anything under way.
  void Close() {
    const std::unique_lock lock(carrying_);
    const std::lock_guard all(mutex_);
    apis_.clear();
  }
  std::atomic<int> cut_percent{0}, lost_percent{0};
  std::atomic<bool> whole{false};

  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits&) override {
    const std::shared_lock carrying(carrying_);
    PeerApi* api = nullptr;
    int chance = 0;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [url, each] : apis_) {
        if (request.url.starts_with(url)) api = each;
      }
      chance = static_cast<int>(random_() % 100);
    }
    if (api == nullptr || (!whole && chance < cut_percent)) return base::Unreachable("cut");
    ports::HttpResponse response = api->Answer(
        {request.method, kExchangePath, "Bearer " + std::string(kToken), "", request.body});
    if (!whole && chance < cut_percent + lost_percent) return base::Unreachable("lost");
    return response;
  }

 private:
  std::shared_mutex carrying_;
  std::mutex mutex_;
  std::map<std::string, PeerApi*> apis_;
  std::mt19937 random_{3};
};

struct Region {
  Region(const std::string& name, const std::vector<std::string>& others, Links& links)
      : store(kClock), peers(TermsOf(name), others, links, store, kClock) {
    Place place;
    place.region = place.node = name;
    place.confirm = 1ms;
    sessions =
        std::make_unique<StoredSessions>(Terms{}, place, Surroundings{kClock, random, store, peers},
                                         StoredSessions::Replication::kByTheServices);
    api = std::make_unique<PeerApi>(kToken, session::DataLimits{}, *sessions);
  }
  static PeerTerms TermsOf(const std::string& name) {
    PeerTerms terms;
    terms.region = terms.node = name;
    terms.token = kToken;
    terms.exchange = PeerTerms::Exchange::kEverything;
    terms.retry = 1ms;
    terms.beat = 20ms;
    terms.most_waiting = 40;  // so that queues overflow too
    return terms;
  }
  std::map<std::string, std::string> Everything() {
    std::map<std::string, std::string> all;
    std::string cursor;
    do {
      const Page page = store.real().List(cursor, 1000, {}).value();
      for (const session::Held& held : page.entries) {
        // Revocations are compared by being there: their times are the Regions' own until merged.
        const session::Handle& handle =
            held.session ? held.session->handle : held.revocation->handle;
        all[handle.str()] = held.revocation ? "revoked" : ToText(*held.session);
      }
      cursor = page.next;
    } while (!cursor.empty());
    return all;
  }
  static std::string ToText(const session::Session& session) {
    std::string text = std::to_string(session::MillisOf(session.expires));
    for (const auto& [name, value] : DataOf(session))
      text.append(",").append(name).append("=").append(value);
    return text;
  }

  FaultyStore store;
  os::SystemRandom random;
  Peers peers;
  std::unique_ptr<StoredSessions> sessions;
  std::unique_ptr<PeerApi> api;
};

class ThreeRegions : public ::testing::Test {
 protected:
  static constexpr int kRegions = 3;

  void SetUp() override {
    const std::vector<std::string> names = {"a", "b", "c"};
    for (const std::string& name : names) {
      std::vector<std::string> others;
      for (const std::string& other : names) {
        if (other != name) others.push_back("http://" + other);
      }
      regions_.push_back(std::make_unique<Region>(name, others, links_));
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      links_.Add("http://" + names[i], regions_[i]->api.get());
  }
  // The regions' threads use the links.
  void TearDown() override {
    links_.Close();
    regions_.clear();
  }

  bool Same() {
    const auto first = regions_[0]->Everything();
    for (const auto& region : regions_) {
      if (region->Everything() != first) return false;
    }
    return true;
  }

  Links links_;
  std::vector<std::unique_ptr<Region>> regions_;
};

TEST_F(ThreeRegions, ConvergeAfterLinksWereCutAndHealedAHundredTimes) {
  std::mt19937 chance(5);
  std::vector<std::string> credentials;
  std::set<std::string> revoked;
  for (int round = 0; round < 100; ++round) {
    links_.cut_percent = round % 2 == 0 ? 90 : 10;
    links_.lost_percent = 10;
    for (int i = 0; i < 20; ++i) {
      Sessions& at = *regions_[chance() % kRegions]->sessions;
      const unsigned what = chance() % 10;
      if (credentials.empty() || what < 2) {
        credentials.push_back(at.Create({"ann", {{"n", "0"}}, {}})->credential);
        continue;
      }
      const std::string& one = credentials[chance() % credentials.size()];
      // A session that has not come here yet is unknown, and that is fine.
      if (what < 8) {
        (void)at.ChangeData(one, {{"n", std::to_string(round)}, {"x" + std::to_string(what), "y"}})
            .ok();
      } else if (what == 8) {
        (void)at.Touch(one).ok();
      } else if (at.Revoke(one).ok()) {
        revoked.insert(session::HandleOf(one)->str());
      }
    }
  }
  links_.whole = true;
  const base::MonotonicTime until = kClock.Monotonic() + 60s;
  while (!Same() && kClock.Monotonic() < until) ::poll(nullptr, 0, 10);
  ASSERT_TRUE(Same());
  const auto all = regions_[0]->Everything();
  EXPECT_EQ(all.size(), credentials.size());
  EXPECT_GT(revoked.size(), 50u);
  for (const std::string& handle : revoked) EXPECT_EQ(all.at(handle), "revoked");
}

}  // namespace
}  // namespace leeward::sessions
