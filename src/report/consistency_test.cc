#include <gtest/gtest.h>

#include "model/testing/shop.h"
#include "report/report.h"

namespace leeward::report {
namespace {

using model::Event;
using model::EventKind;

const model::ExecutionId kMove("move-1");

Event Told(EventKind kind, const std::string& step, std::map<std::string, std::string> fields) {
  Event event;
  event.kind = kind;
  event.execution = kMove;
  event.step = model::StepId(step);
  event.fields = std::move(fields);
  return event;
}

Event Stated(const std::string& store, const std::string& read_at, const std::string& bound_ns) {
  return Told(EventKind::kLossBound, "measure/" + store,
              {{"component", store}, {"read_at", read_at}, {"bound_ns", bound_ns}});
}

Input ThreeStoresMoved() {
  Input input;
  input.application = model::testing::ShopOfThreeStores();
  input.events = {Told(EventKind::kExecutionStarted, "",
                       {{"action", "failover"}, {"from", "us-east-1"}, {"to", "us-west-2"}}),
                  Stated("orders", "2026-11-23T08:20:50.000Z", "9000000000"),
                  Stated("orders", "2026-11-23T08:20:51.000Z", "1000000000"),
                  Stated("carts", "2026-11-23T08:20:50.000Z", "10000000000"),
                  Stated("sessions", "2026-11-23T08:20:50.000Z", "500000000")};
  return input;
}

TEST(ReportConsistencyTest, TheLineIsTheEarliestOfWhatWasStatedLast) {
  const Report report = Make(ThreeStoresMoved());
  ASSERT_TRUE(report.consistency.has_value());
  EXPECT_EQ(report.consistency->line.store.str(), "carts");
  EXPECT_EQ(base::FormatIso8601(*report.consistency->line.at), "2026-11-23T08:20:40.000Z");
  const std::string text = ToText(report, Colour::kNo);
  EXPECT_NE(text.find("recovery line"), std::string::npos) << text;
  EXPECT_NE(text.find("10.0 s   further"), std::string::npos) << text;
}

TEST(ReportConsistencyTest, AStoreThatStatedNothingMakesTheLineUnknown) {
  Input input = ThreeStoresMoved();
  input.events.pop_back();
  const Report report = Make(input);
  ASSERT_TRUE(report.consistency.has_value());
  EXPECT_EQ(report.consistency->line.at, std::nullopt);
  EXPECT_NE(ToText(report, Colour::kNo).find("it is not known how far sessions comes"),
            std::string::npos);
}

TEST(ReportConsistencyTest, WhatWasFoundIsToldAndAnIncompleteLookIsNoPass) {
  Input input = ThreeStoresMoved();
  input.application.references.emplace_back().name = "orders name their carts";
  const auto verdict = [](const Report& report) {
    for (const Objective& one : report.objectives) {
      if (one.name == "references are verified") return std::string(Name(one.verdict));
    }
    return std::string("none");
  };
  EXPECT_EQ(verdict(Make(input)), "incomplete") << "nobody looked";
  model::ReferenceCounts counts;
  counts.name = "orders name their carts";
  counts.from = model::ComponentName("orders");
  counts.to = model::ComponentName("carts");
  counts.rows = 5021;
  counts.missing = 31;
  model::RepairEntry entry;
  entry.reference = counts.name;
  entry.to = counts.to;
  entry.names = "<b>\n17";
  entry.found = model::Named::kMissing;
  input.events.push_back(Told(EventKind::kStepDone, "app.consistency",
                              {{"out.line", "2026-11-23T08:20:40.000Z"},
                               {"out.line_of", "carts"},
                               {"out.point.orders", "2026-11-23T08:20:50.000Z"},
                               {"out.point.carts", "2026-11-23T08:20:40.000Z"},
                               {"out.reference.01", ToJson(counts)},
                               {"out.entry.01", ToJson(entry)},
                               {"out.entries", "31"},
                               {"out.list", "/state/repairs/move-1.jsonl"},
                               {"out.list_sha256", "abc"},
                               {"out.complete", "yes"}}));
  const Report report = Make(input);
  EXPECT_EQ(verdict(report), "pass");
  const std::string text = ToText(report, Colour::kNo);
  EXPECT_NE(text.find("31 missing   of what 5 021 rows name"), std::string::npos) << text;
  EXPECT_NE(text.find("/state/repairs/move-1.jsonl"), std::string::npos);
  EXPECT_NE(text.find("missing carts <b>?17"), std::string::npos) << text;
  EXPECT_NE(ToJson(report).find("\"missing\": 31"), std::string::npos);
  const std::string html = ToHtml(report);
  EXPECT_NE(html.find("Consistency across stores"), std::string::npos);
  EXPECT_EQ(html.find("<b>\n17"), std::string::npos) << "escaped";
  input.events.back().fields["out.complete"] = "no";
  EXPECT_EQ(verdict(Make(input)), "incomplete");
}

}  // namespace
}  // namespace leeward::report
