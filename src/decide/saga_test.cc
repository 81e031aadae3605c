#include "decide/saga.h"

#include <gtest/gtest.h>

#include <set>

namespace leeward::decide {
namespace {

using model::Event;
using model::Named;
using model::Place;

const model::ExecutionId kExecution("e1");
constexpr base::WallTime kAt{std::chrono::seconds(1'000'000)};

model::Application TwoSagas() {
  model::Application shop;
  shop.sagas = {{"refund", "carts", {{"/bin/refund"}}}, {"tell", "carts", {{"/bin/tell"}}}};
  return shop;
}

model::RepairEntry Entry(const std::string& names, Named found = Named::kMissing,
                         Place place = Place::kBeyond) {
  model::RepairEntry entry;
  entry.reference = "carts";
  entry.names = names;
  entry.found = found;
  entry.place = place;
  return entry;
}

model::RepairList List(std::vector<model::RepairEntry> entries) {
  model::RepairList list;
  list.execution = kExecution;
  list.entries = std::move(entries);
  return list;
}

TEST(SagaTest, EachIsForWhatIsMissingAndWasNotWrittenByTheRecoveryRegion) {
  const auto all =
      CompensationsOf(TwoSagas(),
                      List({Entry("a"), Entry("b", Named::kThere), Entry("c", Named::kUnverified),
                            Entry("d", Named::kMissing, Place::kAfter), Entry("e")}),
                      {});
  std::vector<std::string> order;
  for (const Compensation& one : all) order.push_back(one.saga.name + " " + one.entry.names);
  EXPECT_EQ(order, (std::vector<std::string>{"refund a", "refund e", "tell a", "tell e"}));
}

// Runs them on paper, with a crash after any number of records; started again each goes on.
TEST(SagaTest, KilledAnywhereNoneIsRunTwiceAndWhatIsUnknownWaitsForAPerson) {
  const model::RepairList list = List({Entry("a"), Entry("a"), Entry("b")});
  const std::size_t total = 6;
  for (std::size_t crash = 0; crash <= 2 * total; ++crash) {
    std::vector<Event> journal;
    std::multiset<std::string> run;
    const auto go_on = [&](std::size_t records) {
      while (true) {
        const auto all = CompensationsOf(TwoSagas(), list, journal);
        EXPECT_EQ(all.size(), total);
        const Compensation* next = NextOf(all);
        if (next == nullptr || next->state != Compensated::kWaiting) return;
        if (journal.size() >= records) return;
        journal.push_back(CompensationIntended(*next, kExecution, kAt));
        run.insert(next->id);
        if (journal.size() >= records) return;  // it ran, and nobody wrote that down
        Compensation ended = *next;
        ended.state = Compensated::kDone;
        journal.push_back(CompensationEnded(ended, kExecution, kAt));
      }
    };
    go_on(crash);
    go_on(1000);
    const auto all = CompensationsOf(TwoSagas(), list, journal);
    if (crash % 2 == 1) {
      const Compensation* stuck = NextOf(all);
      ASSERT_NE(stuck, nullptr);
      EXPECT_EQ(stuck->state, Compensated::kUnknown) << "crash after " << crash;
      Compensation settled = *stuck;
      settled.state = Compensated::kSettled;
      journal.push_back(CompensationEnded(settled, kExecution, kAt));
      go_on(1000);
    }
    EXPECT_EQ(NextOf(CompensationsOf(TwoSagas(), list, journal)), nullptr) << crash;
    EXPECT_EQ(run.size(), total) << crash;
    EXPECT_EQ(std::set<std::string>(run.begin(), run.end()).size(), total) << "one was run twice";
  }
}

TEST(SagaTest, AFailureIsInTheWayUntilItIsSettled) {
  const model::RepairList list = List({Entry("a"), Entry("b")});
  auto all = CompensationsOf(TwoSagas(), list, {});
  Compensation failed = all.front();
  failed.state = Compensated::kFailed;
  failed.detail = "exit code 3";
  std::vector<Event> journal = {CompensationIntended(failed, kExecution, kAt),
                                CompensationEnded(failed, kExecution, kAt)};
  all = CompensationsOf(TwoSagas(), list, journal);
  ASSERT_NE(NextOf(all), nullptr);
  EXPECT_EQ(NextOf(all)->state, Compensated::kFailed);
  EXPECT_EQ(NextOf(all)->detail, "exit code 3");
  journal.back().execution = model::ExecutionId("another");
  EXPECT_EQ(NextOf(CompensationsOf(TwoSagas(), list, journal))->state, Compensated::kUnknown);
}

}  // namespace
}  // namespace leeward::decide
