#include "serve/rules.h"

namespace leeward::serve {
namespace {

using decide::Goal;

// A move that is not over and whose records are here or in the store.
Next OfOwnMove(const Facts& facts, const Move& move) {
  if (facts.well_in == move.from) {
    return {Do::kNothing, "a failover to " + move.to.str() + " was begun and moved nothing, and " +
                              move.from.str() + " is well again; start it to go on with it"};
  }
  if (facts.tries >= kMaxTries) {
    return {Do::kNothing, "the failover was gone on with " + std::to_string(facts.tries) +
                              " times and did not end: " + move.why +
                              "; mend that and start it again"};
  }
  const std::string by = move.controller == facts.controller ? "" : " by " + move.controller;
  return {Do::kGoOn, "the failover to " + move.to.str() + " was begun" + by + " and has not ended"};
}

std::string Ended(const Move& move) {
  return "the failover to " + move.to.str() + " was " + std::string(Name(move.state)) + ": " +
         move.why;
}

// What did not even begin may be tried again, by the controller that tried; what was refused or
// aborted is a person's.
bool MayRepeat(const Move& move, const Facts& facts) {
  if (move.state == MoveState::kFailed) {
    return move.controller == facts.controller && facts.tries < kMaxTries;
  }
  return move.state != MoveState::kRefused && move.state != MoveState::kAborted;
}

Next OfAutomatic(const Facts& facts) {
  if (facts.move && !facts.calm && !MayRepeat(*facts.move, facts))
    return {Do::kNothing, Ended(*facts.move) + "; a person has to start it again"};
  return {Do::kStart, facts.goal_reason};
}

}  // namespace

model::Region WellIn(decide::Row row, const model::Regions& regions) {
  switch (row) {
    case decide::Row::kHomeHealthy:
      return regions.home;
    case decide::Row::kAwayHomeBack:
    case decide::Row::kAwayHealthy:
      return regions.recovery;
    default:
      return {};
  }
}

Next Choose(const Facts& facts) {
  if (facts.running) return {Do::kNothing, "a failover is under way"};
  if (!facts.leading) return {Do::kNothing, "another controller acts; this one watches"};
  if (!facts.move_known) return {Do::kNothing, "the store does not say whether a move was begun"};
  if (facts.aborting) return {Do::kNothing, "a person ends the failover"};
  const Move* move = facts.move ? &*facts.move : nullptr;
  if (move != nullptr && move->state == MoveState::kRunning &&
      move->controller != facts.controller && !facts.mirrored &&
      !(facts.goal == Goal::kFailover && facts.whole_since_leading)) {
    return {Do::kNothing,
            "controller " + move->controller + " began a failover to " + move->to.str() +
                " and its records are neither here nor in the store; start that controller again, "
                "or end the failover "
                "there by hand and abort it here",
            /*yield=*/true};
  }
  if (facts.foreign_work) {
    return {Do::kNothing,
            "the journal has a move that was begun by hand and has not ended; end it by hand"};
  }
  if (!facts.hand.empty()) {
    return {Do::kNothing, facts.hand +
                              " began or went on with a move by hand, and it has not ended; end it "
                              "by hand"};
  }
  if (facts.ordered && (facts.unfinished || facts.mirrored))
    return {Do::kGoOn, "a person asked to go on"};
  const bool known = move != nullptr &&
                     (facts.mirrored || (facts.unfinished && move->controller == facts.controller));
  const bool going_on =
      known && (move->state == MoveState::kRunning || move->state == MoveState::kFailed);
  if (going_on) return OfOwnMove(facts, *move);
  const bool wanted = facts.goal == Goal::kFailover || facts.goal == Goal::kAskFailover;
  if (facts.ordered && wanted) return {Do::kStart, "a person asked for it: " + facts.goal_reason};
  if (facts.goal == Goal::kFailover) return OfAutomatic(facts);
  return {Do::kNothing, facts.goal_reason};
}

}  // namespace leeward::serve
