// The verdict of a workload, held against losses that were made by hand.
#include "sessions/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "os/clock.h"
#include "os/random.h"
#include "sessions/api.h"
#include "sessions/memory_store.h"
#include "sessions/stored_sessions.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;

const os::SystemClock kClock;

class Nobody : public ports::HttpTransport {
 public:
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest&,
                                         const ports::HttpLimits&) override {
    return base::Unreachable("there is nobody");
  }
};

class Well : public Condition {
 public:
  std::string Sickness() const override { return ""; }
  std::string MetricsText() const override { return ""; }
};

struct Region {
  explicit Region(const std::string& name) : peers({}, {}, nobody, store, kClock) {
    Place place;
    place.region = place.node = name;
    sessions =
        std::make_unique<StoredSessions>(Terms{}, place, Surroundings{kClock, random, store, peers},
                                         StoredSessions::Replication::kByTheStore);
    api = std::make_unique<Api>("", *sessions, well);
  }
  Nobody nobody;
  Well well;
  os::SystemRandom random;
  MemoryStore store{{}, kClock};
  Peers peers;
  std::unique_ptr<StoredSessions> sessions;
  std::unique_ptr<Api> api;
};

// Two Regions behind their URLs.
class TwoPlaces : public ports::HttpTransport {
 public:
  Region home{"a"}, away{"b"};
  std::atomic<bool> home_lost{false}, away_answers{true};

  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits&) override {
    const bool at_home = request.url.starts_with("http://a"), there = away_answers;
    if (at_home ? home_lost.load() : !there) return base::Unreachable("lost");
    std::string credential;
    for (const auto& [name, value] : request.headers) {
      if (name == kCredentialHeader) credential = value;
    }
    Operation operation{};
    return (at_home ? home : away)
        .api->Answer(
            {request.method, std::string_view(request.url).substr(8), "", credential, request.body},
            &operation);
  }

  // What the other Region has of the home Region: all but every `nth` session, and the revoked as
  // they were before where `revive` says so.
  enum class Revoked { kCopied, kForgotten };
  void Replicate(int nth, Revoked revoked) {
    const Page page = home.store.List("", 1'000'000, {}).value();
    int number = 0;
    for (const session::Held& held : page.entries) {
      if (held.revocation && revoked == Revoked::kCopied) {
        ASSERT_TRUE(away.store.Revoke(*held.revocation, {}).ok());
      } else if (held.revocation) {
        session::Session again;
        again.handle = held.revocation->handle;
        again.expires = again.ends = kClock.Now() + 1h;
        ASSERT_TRUE(away.store.Write(again, kNoVersion, {}).ok());
      } else if (nth == 0 || ++number % nth != 0) {
        ASSERT_TRUE(away.store.Write(*held.session, kNoVersion, {}).ok());
      } else {
        ++dropped;
      }
    }
  }
  std::uint64_t dropped = 0;
};

class WorkloadTest : public ::testing::Test {
 protected:
  void Begin() {
    WorkloadOptions options;
    options.rate = 2000;
    options.revokes = 10;
    options.threads = 8;
    load_ = std::make_unique<Workload>(
        options, std::vector<ServicePlace>{{"a", "http://a", ""}, {"b", "http://b", ""}}, places_,
        kClock, random_);
    began_ = kClock.Now();
    load_->Start();
  }
  void Load() {
    Begin();
    const base::MonotonicTime until = kClock.Monotonic() + 30s;
    while (kClock.Monotonic() < until &&
           (load_->remembered() < 200 || load_->counts().of[Operation::kRevoke].done < 40)) {
      ::poll(nullptr, 0, 5);
    }
    load_->Stop();
    places_.home_lost = true;
  }
  Verdict Judge(Workload::Which which = Workload::Which::kAll) {
    return load_->Verify(1, which, kClock.Monotonic() + 30s);
  }
  void AwaitRemembered(std::size_t count) {
    const base::MonotonicTime until = kClock.Monotonic() + 30s;
    while (kClock.Monotonic() < until && load_->remembered() < count) ::poll(nullptr, 0, 5);
  }

  os::SystemRandom random_;
  TwoPlaces places_;
  base::WallTime began_;
  std::unique_ptr<Workload> load_;
};

TEST_F(WorkloadTest, WhatWasCopiedSurvivesAndTheRevokedStaySo) {
  Load();
  places_.Replicate(0, TwoPlaces::Revoked::kCopied);
  const Verdict verdict = Judge();
  EXPECT_GE(verdict.live + verdict.revoked, 200u);
  EXPECT_GE(verdict.revoked, 40u);
  EXPECT_EQ(verdict.survived, verdict.live);
  EXPECT_EQ(verdict.still_revoked, verdict.revoked);
  EXPECT_EQ(verdict.stale + verdict.lost + verdict.unknown + verdict.undecided, 0u);
  EXPECT_EQ(verdict.SurvivedShare(), 1.0);
  EXPECT_FALSE(verdict.oldest_lost);
  EXPECT_TRUE(verdict.RevokedStayed());
  EXPECT_EQ(load_->counts().revoked_served, 0u);
  EXPECT_GT(load_->counts().of[Operation::kRead].done, 0u);
}

TEST(VerdictTest, WhereNobodyCouldBeLookedAtThereIsNoShare) {
  Verdict verdict;
  verdict.live = verdict.unknown = 7;
  EXPECT_EQ(verdict.SurvivedShare(), std::nullopt);
  EXPECT_NE(ToJson(verdict).find("\"survived_share\":null"), std::string::npos) << ToJson(verdict);
}

TEST_F(WorkloadTest, EveryLostSessionIsCounted) {
  Load();
  places_.Replicate(4, TwoPlaces::Revoked::kCopied);
  const Verdict verdict = Judge();
  EXPECT_GT(places_.dropped, 10u);
  EXPECT_EQ(verdict.lost, places_.dropped);
  EXPECT_EQ(verdict.survived, verdict.live - places_.dropped);
  EXPECT_LT(verdict.SurvivedShare().value(), 0.8);
  ASSERT_TRUE(verdict.oldest_lost);
  EXPECT_GE(*verdict.oldest_lost, began_);
  EXPECT_LE(*verdict.oldest_lost, kClock.Now());
}

TEST_F(WorkloadTest, ARevokedSessionThatIsServedAgainIsNotedByHowItWasAcknowledged) {
  Load();
  places_.Replicate(0, TwoPlaces::Revoked::kForgotten);
  const Verdict verdict = Judge();
  // Without peers every revocation was acknowledged as local.
  EXPECT_EQ(verdict.back_alive_local, verdict.revoked);
  EXPECT_EQ(verdict.still_revoked, 0u);
  EXPECT_TRUE(verdict.RevokedStayed());
}

TEST_F(WorkloadTest, WhatCannotBeAskedIsUnknownAndNeverSurvived) {
  Load();
  places_.away_answers = false;
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.unknown, verdict.live);
  EXPECT_EQ(verdict.revoked_unknown, verdict.revoked);
  EXPECT_EQ(verdict.survived + verdict.still_revoked, 0u);
}

TEST_F(WorkloadTest, WhatWasMadeInTheOtherPlaceAloneCanBeJudgedToo) {
  Begin();
  AwaitRemembered(100);
  load_->Use(1);
  const std::size_t about = load_->remembered();
  AwaitRemembered(about + 100);
  load_->Stop();
  const Verdict verdict = Judge(Workload::Which::kOfOtherPlaces);
  const Verdict all = Judge();
  // Nothing was copied: not one of them is known there.
  EXPECT_EQ(verdict.survived, 0u);
  EXPECT_EQ(verdict.lost, verdict.live);
  // But those that were revoked there meanwhile.
  EXPECT_GT(verdict.live + verdict.revoked, 50u);
  EXPECT_EQ(all.lost, verdict.lost);
  EXPECT_GT(all.survived, 50u);
}

TEST_F(WorkloadTest, AnOldCopyIsStale) {
  Load();
  places_.Replicate(0, TwoPlaces::Revoked::kCopied);
  const Page page = places_.away.store.List("", 1'000'000, {}).value();
  std::uint64_t changed = 0;
  for (const session::Held& held : page.entries) {
    if (!held.session || DataOf(*held.session).at("n") == "0") continue;
    session::Session old = *held.session;
    old.fields["n"].value = "0";
    const Stored stored = places_.away.store.Read(old.handle, ReadFor::kLook, {}).value();
    ASSERT_TRUE(places_.away.store.Write(old, stored.version, {}).ok());
    ++changed;
  }
  EXPECT_GT(changed, 5u);
  EXPECT_EQ(Judge().stale, changed);
}

}  // namespace
}  // namespace leeward::sessions
