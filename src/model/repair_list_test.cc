#include "model/repair_list.h"

#include <gtest/gtest.h>

#include "model/holes.h"

namespace leeward::model {
namespace {

using std::chrono::seconds;

TEST(RecoveryLineTest, TheLineIsTheEarliestPointAndUnknownWhereOneIs) {
  const base::WallTime early{seconds(100)}, late{seconds(200)};
  const ComponentName orders("orders"), carts("carts"), sessions("sessions");
  const RecoveryLine known = LineOf({{orders, late}, {carts, early}, {sessions, late}});
  EXPECT_EQ(known.at, early);
  EXPECT_EQ(known.store, carts);
  const RecoveryLine unknown = LineOf({{orders, late}, {carts, early}, {sessions, std::nullopt}});
  EXPECT_EQ(unknown.at, std::nullopt) << "what is not known may be the earliest";
  EXPECT_EQ(unknown.store, sessions);
  EXPECT_EQ(LineOf({}).at, std::nullopt);
}

TEST(HolesTest, HolesAreFilledAndBadBracesTold) {
  const auto value = [](const std::string& name) -> base::Result<std::string> {
    return "<" + name + ">";
  };
  EXPECT_EQ(FillHoles("a{b}c{d}", value).value(), "a<b>c<d>");
  EXPECT_EQ(HolesOf("{x}/{y}").value(), (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(HolesOf("plain").value().empty());
  for (const char* bad : {"{", "}", "{a", "a}", "{a{b}}", "{}"})
    EXPECT_FALSE(HolesOf(bad).ok()) << bad;
}

RepairList Example() {
  RepairList list;
  list.application = ApplicationName("shop");
  list.execution = ExecutionId("e1");
  list.line = LineOf({{ComponentName("orders"), base::WallTime{seconds(200)}},
                      {ComponentName("carts"), std::nullopt}});
  ReferenceCounts counts;
  counts.name = "orders name their carts";
  counts.from = ComponentName("orders");
  counts.to = ComponentName("carts");
  counts.rows = 3;
  counts.missing = counts.listed = 1;
  counts.complete = false;
  counts.problem = "more rows";
  list.references = {counts};
  RepairEntry entry;
  entry.reference = counts.name;
  entry.from = counts.from;
  entry.to = counts.to;
  entry.names = "c\n\"1\"";
  entry.found = Named::kMissing;
  entry.place = Place::kUnknown;
  entry.at = base::WallTime{seconds(150)};
  entry.row = {{"id", "7"}, {"note", std::nullopt}};
  list.entries = {entry};
  return list;
}

TEST(RepairListTest, AListIsReadAsItWasWritten) {
  const std::string text = ToJsonLines(Example());
  const auto read = RepairListFromJsonLines(text);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(ToJsonLines(*read), text);
  EXPECT_EQ(read->entries.at(0).row.at("note"), std::nullopt);
  EXPECT_EQ(read->entries.at(0).at, base::WallTime{seconds(150)});
  EXPECT_FALSE(read->references.at(0).complete);
}

TEST(RepairListTest, AListThatIsCutOffIsRefused) {
  const std::string text = ToJsonLines(Example());
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    EXPECT_FALSE(RepairListFromJsonLines(text.substr(0, size)).ok()) << size;
}

}  // namespace
}  // namespace leeward::model
