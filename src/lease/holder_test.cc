#include "lease/holder.h"

#include <gtest/gtest.h>

#include <utility>

namespace leeward::lease {
namespace {

using namespace std::chrono_literals;

const model::Region kHome("us-east-1");
const model::Region kOther("us-west-2");

// One holder on a table: time is turned by hand, actions are answered by hand.
class HolderTest : public testing::Test {
 protected:
  void Make(bool may_create = true) {
    holder_.emplace(HolderOptions{TermsFor(2s), kHome, "guard-1", may_create});
  }
  void After(base::Duration by) {
    now_ = now_ + by;
    Give(Tick{});
  }
  void Give(const HolderEvent& event) {
    for (const HolderAction& action : holder_->On(event, now_)) actions_.push_back(action);
  }
  // The oldest action not taken yet, which has to be of that type.
  template <typename Action>
  Action Next() {
    EXPECT_FALSE(actions_.empty()) << "nothing to do";
    if (actions_.empty()) return {};
    const HolderAction first = actions_.front();
    actions_.erase(actions_.begin());
    EXPECT_TRUE(std::holds_alternative<Action>(first))
        << "another action, number " << first.index();
    return std::holds_alternative<Action>(first) ? std::get<Action>(first) : Action{};
  }
  template <typename Action>
  bool Pending() const {
    for (const HolderAction& action : actions_) {
      if (std::holds_alternative<Action>(action)) return true;
    }
    return false;
  }
  void AnswerRead(std::optional<Seen> seen) {
    Give(ReadDone{Next<Read>().request, std::move(seen)});
  }
  void Fenced() { Give(FenceDone{Next<Fence>().request, base::Ok()}); }

  // From a fresh start to an open door at epoch 1, revision 1.
  void OpenUp() {
    Make();
    Give(Tick{});
    Fenced();
    AnswerRead(std::nullopt);
    const Put put = Next<Put>();
    held_ = {put.record, 1};
    Give(PutDone{put.request, std::uint64_t{1}});
    Give(OpenDone{Next<Open>().request, base::Ok()});
    Next<Extend>();
    ASSERT_TRUE(holder_->Writable(now_));
  }
  Record Foreign(std::uint64_t epoch) const {
    return {.epoch = epoch, .holder = kOther, .who = "guard-9", .ttl = 2s, .guarded = true};
  }

  std::optional<Holder> holder_;
  base::MonotonicTime now_{1h};
  std::vector<HolderAction> actions_;
  Seen held_;
};

TEST_F(HolderTest, StartsByClosingAndDoesNothingBeforeThatIsDone) {
  Make();
  Give(Tick{});
  const Fence fence = Next<Fence>();
  EXPECT_TRUE(actions_.empty());
  Give(FenceDone{fence.request, base::Unreachable("no database")});
  EXPECT_TRUE(actions_.empty());
  EXPECT_LE(holder_->NextWake() - now_, 2s);
  now_ = holder_->NextWake();
  Give(Tick{});
  Fenced();
  Next<Read>();
}

TEST_F(HolderTest, OnlyTheHomeRegionMakesTheRecord) {
  Make(/*may_create=*/false);
  Give(Tick{});
  Fenced();
  AnswerRead(std::nullopt);
  EXPECT_FALSE(Pending<Put>());
}

TEST_F(HolderTest, CountsFromBeforeTheRenewalWasSent) {
  OpenUp();
  After(300ms);
  const base::MonotonicTime sent = now_;
  const Put renewal = Next<Put>();
  EXPECT_EQ(renewal.expected, 1u);
  EXPECT_EQ(renewal.record.renewal, held_.record.renewal + 1);
  now_ = now_ + 400ms;  // a slow answer is lost time
  Give(PutDone{renewal.request, std::uint64_t{2}});
  EXPECT_EQ(Next<Extend>().until, sent + FenceAfter(TermsFor(2s)));
  EXPECT_TRUE(holder_->Writable(sent + FenceAfter(TermsFor(2s)) - 1ns));
  EXPECT_FALSE(holder_->Writable(sent + FenceAfter(TermsFor(2s))));
}

TEST_F(HolderTest, ClosesSoThatItIsDoneWhenTheLeaseEnds) {
  OpenUp();
  const base::MonotonicTime taken = now_;
  while (!Pending<Fence>() && now_ < taken + 2s) {
    now_ = holder_->NextWake();
    Give(Tick{});
    if (!actions_.empty() && std::holds_alternative<Put>(actions_.front())) {
      Give(PutDone{Next<Put>().request, base::Unreachable("store")});
    }
    if (!actions_.empty() && std::holds_alternative<Read>(actions_.front())) {
      Give(ReadDone{Next<Read>().request, base::Unreachable("store")});
    }
  }
  const Fence fence = Next<Fence>();
  EXPECT_EQ(now_, taken + FenceAfter(TermsFor(2s)));
  EXPECT_LE(fence.by, taken + HolderLimit(TermsFor(2s)));
  EXPECT_EQ(holder_->late_fences(), 0);
}

TEST_F(HolderTest, ALateAnswerDoesNotReopenADoorThatCloses) {
  OpenUp();
  After(300ms);
  const Put renewal = Next<Put>();
  now_ = now_ + 1100ms;  // past the time to close; the success was on its way
  Give(PutDone{renewal.request, std::uint64_t{2}});
  EXPECT_TRUE(Pending<Fence>());
  EXPECT_FALSE(Pending<Extend>());
  EXPECT_FALSE(holder_->Writable(now_));
}

TEST_F(HolderTest, AStoppedProcessFindsOnWakingThatItsTimeIsOver) {
  OpenUp();
  now_ = now_ + 1h;
  EXPECT_FALSE(holder_->Writable(now_));
  Give(Tick{});
  const Fence fence = Next<Fence>();
  Give(FenceDone{fence.request, base::Ok()});
  EXPECT_EQ(holder_->late_fences(), 1) << "a fence after the lease's end is told";
}

TEST_F(HolderTest, APutWithoutAnswerThatLandedCountsFromItsOwnSending) {
  OpenUp();
  After(300ms);
  const base::MonotonicTime sent = now_;
  const Put lost = Next<Put>();
  Give(PutDone{lost.request, base::Unreachable("no answer")});
  now_ = holder_->NextWake();
  Give(Tick{});
  AnswerRead(Seen{lost.record, 2});
  EXPECT_EQ(Next<Extend>().until, sent + FenceAfter(TermsFor(2s)));
  const Put next = Next<Put>();
  EXPECT_EQ(next.expected, 2u);
  EXPECT_EQ(next.record.epoch, 1u);
}

TEST_F(HolderTest, APutWithoutAnswerThatDidNotLandIsTriedAgainOnTheOldRevision) {
  OpenUp();
  After(300ms);
  const Put lost = Next<Put>();
  After(450ms);  // no answer ever came back: its deadline passes
  AnswerRead(held_);
  Next<Extend>();
  const Put again = Next<Put>();
  EXPECT_EQ(again.expected, 1u);
  EXPECT_GT(again.record.renewal, lost.record.renewal) << "no two attempts are the same record";
}

TEST_F(HolderTest, ALostLeaseClosesAtOnceAndIsNotTakenBack) {
  OpenUp();
  After(300ms);
  Give(PutDone{Next<Put>().request, base::WrongState("revision moved")});
  now_ = holder_->NextWake();
  Give(Tick{});
  AnswerRead(Seen{Foreign(2), 5});
  Fenced();
  for (int i = 0; i < 50; ++i) {
    AnswerRead(Seen{Foreign(2), 5});
    After(300ms);
    EXPECT_FALSE(Pending<Put>()) << "only a plan takes a lease from another Region";
  }
  EXPECT_EQ(holder_->phase(), HolderPhase::kClosed);
}

TEST_F(HolderTest, TakesItsOwnLeaseAnewAfterClosingForWantOfARenewal) {
  OpenUp();
  After(1350ms);
  actions_.clear();
  now_ = now_ + 1h;
  Give(Tick{});
  Give(FenceDone{Next<Fence>().request, base::Ok()});
  AnswerRead(held_);
  const Put put = Next<Put>();
  EXPECT_EQ(put.record.epoch, 2u);
  EXPECT_EQ(put.expected, 1u);
}

TEST_F(HolderTest, ANewGuardTakesFromADeadOneOfItsRegionAndTheOldOneStandsBy) {
  OpenUp();
  const Record newer{.epoch = 2, .holder = kHome, .who = "guard-2", .ttl = 2s, .guarded = true};
  After(300ms);
  Give(PutDone{Next<Put>().request, base::WrongState("revision moved")});
  now_ = holder_->NextWake();
  Give(Tick{});
  AnswerRead(Seen{newer, 7});
  EXPECT_FALSE(Pending<Fence>()) << "the door is the newer guard's now";
  EXPECT_FALSE(holder_->Writable(now_));
  After(300ms);
  AnswerRead(Seen{newer, 7});
  EXPECT_FALSE(Pending<Put>());
  After(TakerWait(TermsFor(2s), 2s));
  AnswerRead(Seen{newer, 7});
  EXPECT_EQ(Next<Put>().record.epoch, 3u) << "it is gone as well";
}

TEST_F(HolderTest, AdoptsWhatAControllerTookForItWithTheSameEpoch) {
  Make(false);
  Give(Tick{});
  Fenced();
  AnswerRead(Seen{{.epoch = 8,
                   .holder = kHome,
                   .who = "controller-1",
                   .ttl = 2s,
                   .renewal = 41,
                   .how = How::kExpired,
                   .from = kOther,
                   .from_epoch = 7},
                  3});
  const Put put = Next<Put>();
  EXPECT_EQ(put.record.epoch, 8u);
  EXPECT_TRUE(put.record.guarded);
  EXPECT_EQ(put.record.how, How::kExpired) << "the evidence stays";
  EXPECT_EQ(put.record.from_epoch, 7u);
  EXPECT_GT(put.record.renewal, 41u);
}

TEST_F(HolderTest, ADoorThatCannotBeOpenedYetDoesNotLoseTheLease) {
  Make();
  Give(Tick{});
  Fenced();
  AnswerRead(std::nullopt);
  Give(PutDone{Next<Put>().request, std::uint64_t{1}});
  std::uint64_t revision = 1;
  int opens = 0;
  const base::MonotonicTime until = now_ + 10s;
  while (now_ < until) {
    while (!actions_.empty()) {
      const HolderAction action = actions_.front();
      if (std::holds_alternative<Open>(action)) {
        ++opens;
        Give(OpenDone{Next<Open>().request, base::WrongState("a replica")});
      } else {
        Give(PutDone{Next<Put>().request, ++revision});
      }
    }
    now_ = holder_->NextWake();
    Give(Tick{});
  }
  EXPECT_GT(opens, 10);
  EXPECT_GT(revision, 10u);
  EXPECT_EQ(holder_->phase(), HolderPhase::kOpening);
  EXPECT_FALSE(holder_->Writable(now_));
}

TEST_F(HolderTest, ReleasesOnlyAfterTheDoorIsConfirmedClosedAndStaysClosed) {
  OpenUp();
  Give(AskRelease{});
  const Fence fence = Next<Fence>();
  EXPECT_FALSE(Pending<Put>());
  Give(FenceDone{fence.request, base::Ok()});
  AnswerRead(held_);
  const Put put = Next<Put>();
  EXPECT_TRUE(put.record.released);
  EXPECT_EQ(put.record.epoch, 1u);
  // Its answer is lost; the read finds that it landed.
  Give(PutDone{put.request, base::Unreachable("no answer")});
  now_ = holder_->NextWake();
  Give(Tick{});
  AnswerRead(Seen{put.record, 2});
  EXPECT_TRUE(holder_->released());
  for (int i = 0; i < 20; ++i) {
    After(300ms);
    AnswerRead(Seen{put.record, 2});
    EXPECT_FALSE(Pending<Put>());
  }
}

TEST_F(HolderTest, ARecordThatCannotBeReadIsNotWrittenOver) {
  Make();
  Give(Tick{});
  Fenced();
  for (int i = 0; i < 20; ++i) {
    Give(ReadDone{Next<Read>().request, base::Corrupt("lease record: not one JSON object")});
    EXPECT_FALSE(Pending<Put>());
    now_ = holder_->NextWake();
    Give(Tick{});
  }
}

}  // namespace
}  // namespace leeward::lease
