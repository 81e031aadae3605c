#include "lab/trees/round.h"

#include "base/check.h"

namespace leeward::lab::trees {

std::string_view Name(Walk walk) {
  switch (walk) {
    case Walk::kNone:
      return "none";
    case Walk::kStart:
      return "start";
    case Walk::kOverflow:
      return "overflow";
    case Walk::kNoWatches:
      return "no-watches";
    case Walk::kAsked:
      return "asked";
    case Walk::kLinks:
      return "links";
  }
  CHECK_NEVER("a walk without a name");
}

std::string_view Name(Why why) {
  switch (why) {
    case Why::kKind:
      return "kind";
    case Why::kForeign:
      return "foreign";
    case Why::kDenied:
      return "denied";
    case Why::kNoRoom:
      return "no-room";
    case Why::kBusy:
      return "busy";
    case Why::kBusyTaken:
      return "busy-taken";
    case Why::kDiffers:
      return "differs";
    case Why::kFailed:
      return "failed";
  }
  CHECK_NEVER("a trouble without a name");
}

bool HoldsBack(Why why) {
  return why != Why::kKind && why != Why::kForeign && why != Why::kBusyTaken;
}

}  // namespace leeward::lab::trees
