#include <gtest/gtest.h>

#include <set>

#include "model/event_json.h"
#include "model/names.h"

namespace leeward::model {
namespace {

template <typename Enum>
void EveryNameComesBack() {
  std::set<std::string_view> seen;
  for (Enum value : AllOf<Enum>()) {
    EXPECT_TRUE(seen.insert(Name(value)).second) << Name(value);
    Enum back{};
    ASSERT_TRUE(FromName(Name(value), &back)) << Name(value);
    EXPECT_EQ(back, value);
  }
  Enum untouched = AllOf<Enum>().back();
  EXPECT_FALSE(FromName("no such name", &untouched));
  EXPECT_EQ(untouched, AllOf<Enum>().back());
}

TEST(NamesTest, EveryNameComesBack) {
  EveryNameComesBack<Pattern>();
  EveryNameComesBack<Engine>();
  EveryNameComesBack<FailoverMode>();
  EveryNameComesBack<OverRpo>();
  EveryNameComesBack<Action>();
  EveryNameComesBack<Phase>();
  EveryNameComesBack<OnFailure>();
  EveryNameComesBack<Signal>();
  EveryNameComesBack<Seen>();
  EveryNameComesBack<Health>();
  EveryNameComesBack<TrafficSwitch>();
  EveryNameComesBack<SessionMode>();
}

Event Sample() {
  Event event;
  event.sequence = 7;
  event.at = base::WallTime{base::Duration(1'763'887'253'123'456'789)};
  event.kind = EventKind::kStepDone;
  event.execution = ExecutionId("e1");
  event.step = StepId("rds.promote/orders");
  event.fields = {{"detail", "timeline 2 \"quoted\"\n"}, {"out.timeline", "2"}};
  return event;
}

TEST(EventJsonTest, ComesBackExactly) {
  const Event event = Sample();
  const base::Result<Event> back = EventFromJson(ToJson(event));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->sequence, event.sequence);
  EXPECT_EQ(back->at, event.at);
  EXPECT_EQ(back->kind, event.kind);
  EXPECT_EQ(back->execution, event.execution);
  EXPECT_EQ(back->step, event.step);
  EXPECT_EQ(back->fields, event.fields);
}

TEST(EventJsonTest, IsOneLineWithKeysInOrder) {
  EXPECT_EQ(
      ToJson(Sample()),
      R"({"seq":7,"at":"2025-11-23T08:40:53.123Z","at_ns":1763887253123456789,"kind":"step-done",)"
      R"("execution":"e1","step":"rds.promote/orders",)"
      R"("fields":{"detail":"timeline 2 \"quoted\"\n","out.timeline":"2"}})");
}

TEST(EventJsonTest, RefusesWhatItDoesNotKnow) {
  for (const char* wrong :
       {"", "[]", "{", R"({"seq":1,"at_ns":1})", R"({"seq":1,"at_ns":1,"kind":"nope"})",
        R"({"seq":1,"at_ns":1,"kind":"note","more":1})", R"({"seq":-1,"at_ns":1,"kind":"note"})",
        R"({"seq":1,"at_ns":1,"kind":"note","fields":{"a":1}})"}) {
    EXPECT_FALSE(EventFromJson(wrong).ok()) << wrong;
  }
}

TEST(EventJsonTest, TextThatIsNotUtf8IsStillWritten) {
  Event event = Sample();
  event.fields["detail"] = "bad \xff byte";
  EXPECT_TRUE(EventFromJson(ToJson(event)).ok());
}

}  // namespace
}  // namespace leeward::model
