#include "lease/taker.h"

#include <gtest/gtest.h>

namespace leeward::lease {
namespace {

using namespace std::chrono_literals;

const model::Region kOld("us-east-1");
const model::Region kNew("us-west-2");

class TakerTest : public testing::Test {
 protected:
  void Watched(std::optional<Sighting> sighting) {
    taker_.emplace(TakerOptions{terms_, kNew, "controller-1", std::move(sighting)});
  }
  void Give(const TakerEvent& event) {
    for (const TakerAction& action : taker_->On(event, now_)) actions_.push_back(action);
  }
  void Answer(Request request, const std::optional<Seen>& seen) { Give(ReadDone{request, seen}); }
  template <typename Action>
  std::optional<Action> Next() {
    if (actions_.empty() || !std::holds_alternative<Action>(actions_.front())) return std::nullopt;
    Action action = std::get<Action>(actions_.front());
    actions_.erase(actions_.begin());
    return action;
  }
  // Turns the time to the next wake-up and answers every read with `seen`.
  void Pass(base::Duration span, const std::optional<Seen>& seen) {
    const base::MonotonicTime until = now_ + span;
    while (now_ < until && !taker_->done()) {
      while (const auto read = Next<Read>()) Give(ReadDone{read->request, seen});
      if (!actions_.empty()) return;
      now_ = std::min(until, taker_->NextWake());
      Give(Tick{});
    }
  }
  static Record Old() {
    return {.epoch = 3, .holder = kOld, .who = "guard-1", .ttl = 2s, .renewal = 9, .guarded = true};
  }

  const Terms terms_ = TermsFor(2s);
  std::optional<Taker> taker_{TakerOptions{terms_, kNew, "controller-1", {}}};
  base::MonotonicTime now_{1h};
  std::vector<TakerAction> actions_;
};

TEST_F(TakerTest, WaitsFromTheAnswerThatFirstShowedTheRecord) {
  Give(AskTake{});
  const auto read = Next<Read>();
  ASSERT_TRUE(read);
  now_ = now_ + 400ms;  // the answer was slow: the wait begins now
  const base::MonotonicTime answered = now_;
  Answer(read->request, Seen{Old(), 7});
  Pass(TakerWait(terms_, 2s) - 1ns, Seen{Old(), 7});
  EXPECT_FALSE(Next<Put>()) << "a nanosecond too early";
  Pass(1s, Seen{Old(), 7});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  EXPECT_GE(now_, answered + TakerWait(terms_, 2s));
  EXPECT_EQ(put->expected, 7u);
  EXPECT_EQ(put->record.epoch, 4u);
  EXPECT_EQ(put->record.how, How::kExpired);
  EXPECT_EQ(put->record.from, kOld);
  EXPECT_EQ(put->record.from_epoch, 3u);
  EXPECT_FALSE(put->record.guarded);
  Give(PutDone{put->request, std::uint64_t{8}});
  const auto taken = Next<Taken>();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->seen.record.epoch, 4u);
  EXPECT_TRUE(taker_->done());
}

TEST_F(TakerTest, WhatWasWatchedBeforeItIsWantedCounts) {
  Give(Tick{});
  Pass(10s, Seen{Old(), 7});
  EXPECT_FALSE(Next<Put>());
  Give(AskTake{});
  while (const auto read = Next<Read>()) Answer(read->request, Seen{Old(), 7});
  EXPECT_TRUE(Next<Put>()) << "at once";
}

TEST_F(TakerTest, WhatTheProcessSawBeforeCountsWhileTheRecordIsTheSame) {
  const base::MonotonicTime saw = now_;
  std::optional<Sighting> sighting = Sight({}, Seen{Old(), 6}, saw - 10s);
  sighting = Sight(sighting, Seen{Old(), 7}, saw);
  sighting = Sight(sighting, Seen{Old(), 7}, saw + 1s);
  ASSERT_TRUE(sighting);
  EXPECT_EQ(sighting->since, saw);
  now_ = saw + 1900ms;
  Watched(sighting);
  Give(AskTake{});
  EXPECT_FALSE(taker_->last_seen()) << "nothing is known before it was read anew";
  Pass(saw + TakerWait(terms_, 2s) - 1ns - now_, Seen{Old(), 7});
  EXPECT_FALSE(Next<Put>()) << "a nanosecond too early";
  Pass(1ms, Seen{Old(), 7});
  EXPECT_TRUE(Next<Put>());
}

TEST_F(TakerTest, WhatTheProcessSawBeforeIsNothingOnceTheRecordMoved) {
  now_ = now_ + 10s;
  Watched(Sighting{{Old(), 6}, now_ - 9s});
  Give(AskTake{});
  Pass(TakerWait(terms_, 2s) - 1ns, Seen{Old(), 7});
  EXPECT_FALSE(Next<Put>());
  EXPECT_FALSE(Sight(Sighting{{Old(), 6}, now_}, std::nullopt, now_)) << "the record is gone";
}

TEST_F(TakerTest, EveryRenewalStartsTheWaitAnew) {
  Give(AskTake{});
  Record record = Old();
  for (std::uint64_t revision = 7; revision < 40; ++revision) {
    ++record.renewal;
    Pass(300ms, Seen{record, revision});
    EXPECT_FALSE(Next<Put>());
  }
  EXPECT_NE(taker_->why().find("epoch 3, us-east-1"), std::string::npos) << taker_->why();
}

TEST_F(TakerTest, CountsWithTheLeaseOfTheRecordNotItsOwn) {
  Give(AskTake{});
  Record longer = Old();
  longer.ttl = 60s;
  Pass(TakerWait(terms_, 60s) - 1ms, Seen{longer, 7});
  EXPECT_FALSE(Next<Put>());
  Pass(1s, Seen{longer, 7});
  EXPECT_TRUE(Next<Put>());
}

TEST_F(TakerTest, AReleasedLeaseIsTakenAtOnce) {
  Record released = Old();
  released.released = true;
  Give(AskTake{});
  Answer(Next<Read>()->request, Seen{released, 7});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  EXPECT_EQ(put->record.how, How::kReleased);
}

TEST_F(TakerTest, ALeaseThatNoGuardObeyedIsTakenButSaysSo) {
  Record unguarded = Old();
  unguarded.guarded = false;
  Give(AskTake{});
  Pass(10s, Seen{unguarded, 7});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  EXPECT_EQ(put->record.how, How::kUnguarded);
}

TEST_F(TakerTest, NoRecordIsTheFirstEpoch) {
  Give(AskTake{});
  Give(ReadDone{Next<Read>()->request, std::optional<Seen>()});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  EXPECT_EQ(put->expected, 0u);
  EXPECT_EQ(put->record.epoch, 1u);
  EXPECT_EQ(put->record.how, How::kFirst);
}

TEST_F(TakerTest, APutWithoutAnswerIsLookedAtBeforeAnythingElse) {
  Record released = Old();
  released.released = true;
  Give(AskTake{});
  Answer(Next<Read>()->request, Seen{released, 7});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  Give(PutDone{put->request, base::Unreachable("no answer")});
  EXPECT_FALSE(Next<Put>());
  now_ = taker_->NextWake();
  Give(Tick{});
  Answer(Next<Read>()->request, Seen{put->record, 8});
  const auto taken = Next<Taken>();
  ASSERT_TRUE(taken) << "it had landed";
  EXPECT_EQ(taken->seen.record.how, How::kReleased) << "the ground is in the record";
}

TEST_F(TakerTest, ARenewalInTheLastMomentWins) {
  Give(AskTake{});
  Pass(10s, Seen{Old(), 7});
  const auto put = Next<Put>();
  ASSERT_TRUE(put);
  Give(PutDone{put->request, base::WrongState("revision moved")});
  Record renewed = Old();
  ++renewed.renewal;
  Pass(TakerWait(terms_, 2s), Seen{renewed, 8});
  EXPECT_FALSE(Next<Put>());
}

TEST_F(TakerTest, ACrashedTakersRecordIsFoundAgain) {
  const Record taken{.epoch = 4,
                     .holder = kNew,
                     .who = "controller-0",
                     .ttl = 2s,
                     .how = How::kExpired,
                     .from = kOld,
                     .from_epoch = 3};
  Give(AskTake{});
  Answer(Next<Read>()->request, Seen{taken, 9});
  EXPECT_FALSE(Next<Put>());
  const auto done = Next<Taken>();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->seen.record, taken);
}

}  // namespace
}  // namespace leeward::lease
