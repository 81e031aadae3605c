// The writer lease in a STRONG table of a lab, over Regions that are lost: the real store, holder
// and taker. tests/lab/strong_test.py starts the lab, makes the tables and says where they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "lease/holder.h"
#include "lease/in_store.h"
#include "os/process.h"
#include "store/testing/lab_dynamodb.h"

namespace leeward {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using lease::Holder;
using lease::Taker;
using ports::kAbsent;
using ports::SharedStore;
using store::testing::LabDynamoDb;
using store::testing::TableInLab;
using testing::HasSubstr;

const model::Region kA("us-east-1");
const model::Region kB("us-east-2");
const model::Region kC("us-west-2");
constexpr base::Duration kTtl = 2s;
constexpr base::Duration kPatience = 30s;

std::string Needed(const char* variable) {
  const auto value = os::Environment(variable);
  CHECK_MSG(value.has_value(), (std::string(variable) + ": run tests/lab/strong_test.py").c_str());
  return *value;
}

// leeward-lab, to its end.
void Lab(std::vector<std::string> words) {
  os::ProcessSpec spec;
  spec.argv = {Needed("LEEWARD_LAB")};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  spec.argv.insert(spec.argv.end(), {"--state", Needed("LEEWARD_LAB_STATE")});
  const auto started = os::StartProcess(spec);
  ASSERT_TRUE(started.ok()) << started.error().message();
  const os::SystemClock clock;
  const base::MonotonicTime until = clock.Monotonic() + 60s;
  std::optional<os::ProcessExit> ended;
  while (!(ended = os::PollExit(*started))) {
    ASSERT_LT(clock.Monotonic(), until) << "leeward-lab " << words.front() << " does not end";
    std::this_thread::sleep_for(10ms);
  }
  ASSERT_EQ(ended->code, 0) << "leeward-lab " << words.front();
}

// A Region's side of the lease over a store of its own, whose nearest Region that is.
class Party {
 public:
  explicit Party(const model::Region& near, const char* table = "LEEWARD_STORE_IN_LAB")
      : region_(near) {
    store::DynamoDbOptions options = TableInLab(table).value();
    const auto nearest = std::find(options.regions.begin(), options.regions.end(), near);
    CHECK(nearest != options.regions.end());
    std::rotate(options.regions.begin(), nearest, options.regions.end());
    store_ = lab_.Open(options);
  }
  SharedStore& store() { return *store_; }
  const ports::Clock& clock() const { return lab_.clock(); }
  base::MonotonicTime In(base::Duration span) const { return clock().Monotonic() + span; }
  const std::string& who() const { return who_; }

  Holder MakeHolder() const {
    return Holder({.terms = lease::TermsFor(kTtl),
                   .region = region_,
                   .who = "guard-" + who_,
                   .may_create = region_ == kA});
  }
  Taker MakeTaker() const {
    return Taker({.terms = lease::TermsFor(kTtl), .region = region_, .who = "controller-" + who_});
  }
  // What the holder asks for is carried out by RunUntil.
  void Give(Holder& holder, const lease::HolderEvent& event) {
    for (lease::HolderAction& action : holder.On(event, clock().Monotonic()))
      asked_.push_back(std::move(action));
  }
  // One thing at a time, so that a store that never answers cannot hold it over its limit by more
  // than one deadline: a holder may ask again in its very answer to a failure.
  template <typename Condition>
  bool RunUntil(Holder& holder, base::Duration limit, Condition done) {
    const base::MonotonicTime until = In(limit);
    while (clock().Monotonic() < until) {
      if (asked_.empty()) {
        Give(holder, lease::Tick{});
      } else {
        CarryOutNext(holder);
      }
      if (done()) return true;
      if (asked_.empty()) std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  std::optional<lease::Seen> Take(Taker& taker, base::Duration limit) {
    const base::MonotonicTime until = In(limit);
    auto taken = lease::Give(taker, lease::AskTake{}, *store_, kKey, clock());
    while (!taken && clock().Monotonic() < until) {
      std::this_thread::sleep_for(2ms);
      taken = lease::Give(taker, lease::Tick{}, *store_, kKey, clock());
    }
    return taken;
  }
  std::optional<lease::Seen> Read() {
    const auto seen = lease::ReadFrom(*store_, kKey, In(10s));
    EXPECT_TRUE(seen.ok()) << seen.error().message();
    return seen.ok() ? *seen : std::nullopt;
  }

 private:
  static constexpr char kKey[] = "leeward/shop/lease";

  // A door opens and closes at once.
  void CarryOutNext(Holder& holder) {
    const lease::HolderAction action = std::move(asked_.front());
    asked_.pop_front();
    if (const auto* read = std::get_if<lease::Read>(&action)) {
      Give(holder, lease::ReadDone{read->request, lease::ReadFrom(*store_, kKey, read->deadline)});
    } else if (const auto* put = std::get_if<lease::Put>(&action)) {
      Give(holder, lease::PutDone{put->request, store_->Put(kKey, lease::ToJson(put->record),
                                                            put->expected, put->deadline)});
    } else if (const auto* fence = std::get_if<lease::Fence>(&action)) {
      Give(holder, lease::FenceDone{fence->request, base::Ok()});
    } else if (const auto* open = std::get_if<lease::Open>(&action)) {
      Give(holder, lease::OpenDone{open->request, base::Ok()});
    }
  }

  LabDynamoDb lab_;
  os::SystemRandom random_;
  const model::Region region_;
  const std::string who_ = random_.Hex(8);
  std::unique_ptr<SharedStore> store_;
  std::deque<lease::HolderAction> asked_;
};

class LeaseInLabTest : public testing::Test {
 protected:
  void TearDown() override { Lab({"heal"}); }
};

TEST_F(LeaseInLabTest, OneRegionLostItIsTakenRenewedAndReleased) {
  Party home(kA), recovery(kC);
  Holder first = home.MakeHolder();
  ASSERT_TRUE(home.RunUntil(first, kPatience, [&] { return first.Epoch().has_value(); }));
  const std::uint64_t epoch = *first.Epoch();
  Lab({"kill", kB.str()});
  const std::uint64_t before = home.Read()->record.renewal;
  // Held through it: the door was not closed for one moment.
  EXPECT_FALSE(home.RunUntil(first, 3 * kTtl, [&] { return first.Epoch() != epoch; }))
      << first.why();
  EXPECT_GE(home.Read()->record.renewal, before + 5) << "it was renewed";

  Taker impatient = recovery.MakeTaker();
  std::thread renewing([&] { home.RunUntil(first, 2 * kTtl, [] { return false; }); });
  EXPECT_FALSE(recovery.Take(impatient, 2 * kTtl - 500ms)) << "it is renewed all the time";
  renewing.join();

  home.Give(first, lease::AskRelease{});
  ASSERT_TRUE(home.RunUntil(first, kPatience, [&] { return first.released(); })) << first.why();
  Taker taker = recovery.MakeTaker();
  const auto taken = recovery.Take(taker, kPatience);
  ASSERT_TRUE(taken) << taker.why();
  EXPECT_EQ(taken->record.how, lease::How::kReleased);
  EXPECT_EQ(taken->record.epoch, epoch + 1);

  // Adopted by the guard there, which then falls silent: taken back when its time is over.
  Holder second = recovery.MakeHolder();
  ASSERT_TRUE(recovery.RunUntil(second, kPatience, [&] { return second.Epoch().has_value(); }));
  Taker back = home.MakeTaker();
  const auto again = home.Take(back, kPatience);
  ASSERT_TRUE(again) << back.why();
  EXPECT_EQ(again->record.how, lease::How::kExpired);
  EXPECT_GT(again->record.epoch, taken->record.epoch);
  EXPECT_EQ(recovery.Read()->record, again->record) << "seen from every Region that is left";
}

TEST_F(LeaseInLabTest, TwoRegionsLostNothingIsKnownAndNothingTaken) {
  Party home(kA), recovery(kC);
  Holder holder = home.MakeHolder();
  Taker taker = home.MakeTaker();
  ASSERT_TRUE(home.Take(taker, kPatience)) << taker.why();
  ASSERT_TRUE(home.RunUntil(holder, kPatience, [&] { return holder.Epoch().has_value(); }));
  const auto mine = home.store().Put("mine", "kept", kAbsent, home.In(10s));
  ASSERT_TRUE(mine.ok()) << mine.error().message();
  for (const model::Region& lost : {kA, kB}) Lab({"kill", lost.str()});

  SharedStore& left = recovery.store();
  EXPECT_EQ(left.Get("mine", recovery.In(3s)).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(left.Put("mine", "stolen", *mine, recovery.In(3s)).error().code(),
            ErrorCode::kUnreachable);
  EXPECT_EQ(left.Put("other", "new", kAbsent, recovery.In(3s)).error().code(),
            ErrorCode::kUnreachable);
  EXPECT_EQ(left.List("", 10, recovery.In(3s)).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(left.Remove("mine", *mine, recovery.In(3s)).error().code(), ErrorCode::kUnreachable);
  Taker alone = recovery.MakeTaker();
  EXPECT_FALSE(recovery.Take(alone, 3 * kTtl)) << "one of three took the lease";
  EXPECT_FALSE(home.RunUntil(holder, kTtl, [] { return false; }));
  EXPECT_FALSE(holder.Epoch()) << "a holder that cannot renew closes";

  Lab({"heal"});
  // What one Region wrote alone was not acknowledged and may come to light, or not.
  const base::MonotonicTime until = home.In(kPatience);
  auto got = home.store().Get("mine", home.In(5s));
  while (!got.ok() && home.clock().Monotonic() < until) got = home.store().Get("mine", home.In(5s));
  ASSERT_TRUE(got.ok()) << got.error().message();
  ASSERT_TRUE(got->has_value()) << "an acknowledged write is gone";
  EXPECT_THAT((*got)->value, testing::AnyOf("kept", "stolen"));
  const auto there = recovery.store().Get("mine", recovery.In(5s));
  ASSERT_TRUE(there.ok() && there->has_value());
  EXPECT_EQ((*there)->value, (*got)->value) << "but in all Regions alike";
  Taker afterwards = recovery.MakeTaker();
  const auto taken = recovery.Take(afterwards, kPatience);
  ASSERT_TRUE(taken) << afterwards.why();
}

// Each adds one by a condition on what it read, near another Region, while one Region is lost.
TEST_F(LeaseInLabTest, NoTwoRegionsTakeTheSameNumberWhileOneIsLost) {
  std::mutex mutex;
  std::map<int, int> acknowledged;  // number → how many were told that it is theirs
  std::atomic<bool> stop{false};
  std::atomic<int> after{0};  // acknowledged since the loss
  std::atomic<bool> lost{false};
  const auto count = [&](const model::Region& near) {
    Party party(near);
    while (!stop) {
      const auto got = party.store().Get("number", party.In(1s));
      if (!got.ok()) continue;
      const int next = *got ? std::stoi((*got)->value) + 1 : 1;
      const auto put = party.store().Put("number", std::to_string(next),
                                         *got ? (*got)->revision : kAbsent, party.In(1s));
      if (!put.ok()) {
        EXPECT_THAT(put.error().code(),
                    testing::AnyOf(ErrorCode::kWrongState, ErrorCode::kUnreachable))
            << put.error().message();
        continue;
      }
      if (lost) ++after;
      const std::lock_guard lock(mutex);
      ++acknowledged[next];
    }
  };
  std::vector<std::thread> threads;
  for (const model::Region& near : {kA, kB, kC}) threads.emplace_back(count, near);
  std::this_thread::sleep_for(3s);
  Lab({"kill", kA.str()});
  lost = true;
  Party judge(kC);
  const base::MonotonicTime until = judge.In(kPatience);
  while (after < 10 && judge.clock().Monotonic() < until) std::this_thread::sleep_for(20ms);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(after, 10) << "two Regions go on";
  ASSERT_GT(acknowledged.size(), 10u);
  for (const auto& [number, times] : acknowledged) EXPECT_EQ(times, 1) << number;
  const auto got = judge.store().Get("number", judge.In(5s));
  ASSERT_TRUE(got.ok() && *got);
  EXPECT_GE(std::stoi((*got)->value), acknowledged.rbegin()->first)
      << "an acknowledged one is gone";
}

TEST_F(LeaseInLabTest, TablesThatCannotKeepALeaseAreRefusedByName) {
  Party eventual(kA, "LEEWARD_EVENTUAL_IN_LAB"), plain(kA, "LEEWARD_PLAIN_IN_LAB");
  const auto put = eventual.store().Put("key", "value", kAbsent, eventual.In(10s));
  ASSERT_EQ(put.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(put.error().message(), HasSubstr("'carts' has MultiRegionConsistency=EVENTUAL"));
  const auto alone = plain.store().Put("key", "value", kAbsent, plain.In(10s));
  ASSERT_EQ(alone.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(alone.error().message(), HasSubstr("'plain' is in one Region"));
}

}  // namespace
}  // namespace leeward
