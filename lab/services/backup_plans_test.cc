#include "lab/services/backup_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/services/backup_test_world.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

Value OneRule(Value rule) {
  if (!rule.Has("RuleName")) rule.Set("RuleName", "daily");
  rule.Set("TargetBackupVaultName", "vault");
  return Value::Struct({{"BackupPlanName", "plan"}, {"Rules", Value::List{std::move(rule)}}});
}

std::string Refusal(Value rule) {
  const Problem problem = CheckPlan(OneRule(std::move(rule)));
  return problem ? problem->code + ": " + problem->message : "taken";
}

TEST(BackupPlanTest, RulesThatCannotBeAreRefused) {
  EXPECT_EQ(Refusal(Value::Struct()), "taken");
  EXPECT_EQ(Refusal(Value::Struct({{"ScheduleExpression", "cron(30 3 ? * MON-FRI *)"}})), "taken");
  EXPECT_EQ(Refusal(Value::Struct({{"ScheduleExpression", "cron(0 25 * * ? *)"}})),
            "InvalidParameterValueException: Error in some rules due to : Invalid schedule "
            "expression cron(0 25 * * ? *)");
  EXPECT_THAT(Refusal(Value::Struct({{"StartWindowMinutes", 30}})), HasSubstr("start window"));
  EXPECT_THAT(
      Refusal(Value::Struct({{"StartWindowMinutes", 60}, {"CompletionWindowMinutes", 100}})),
      HasSubstr("completion window"));
  EXPECT_THAT(Refusal(Value::Struct({{"EnableContinuousBackup", true}})),
              HasSubstr("not served by this lab"));
  EXPECT_THAT(
      Refusal(Value::Struct(
          {{"CopyActions", Value::List{Value::Struct({{"DestinationBackupVaultArn", "x"}})}}})),
      HasSubstr("Invalid destination"));
  EXPECT_TRUE(CheckPlan(Value::Struct({{"BackupPlanName", "none"}})).has_value());
}

TEST(BackupPlanTest, ARuleRunsWhenItsCronSays) {
  const Value rule = Value::Struct({{"ScheduleExpression", "cron(15 12 * * ? *)"}});
  const base::WallTime morning = *base::ParseIso8601("2026-11-29T08:00:00Z");
  EXPECT_EQ(base::FormatIso8601(*NextRun(rule, morning)), "2026-11-29T12:15:00.000Z");
  EXPECT_EQ(base::FormatIso8601(*NextRun(rule, *NextRun(rule, morning))),
            "2026-11-30T12:15:00.000Z");
}

ResourceSeen Table(const std::string& name,
                   std::initializer_list<std::pair<std::string, Value>> tags) {
  ResourceSeen seen;
  seen.arn = "arn:aws:dynamodb:us-east-1:123456789012:table/" + name;
  seen.tags = Value::Struct(tags);
  return seen;
}

TEST(BackupPlanTest, SelectionsTakeByNamePatternTagAndCondition) {
  const ResourceSeen carts = Table("carts", {{"team", "shop"}, {"tier", "gold"}});
  const ResourceSeen logs = Table("logs", {{"team", "ops"}});
  const auto takes = [](const Value& selected, const ResourceSeen& seen) {
    return Takes(selected, seen, OptIn::kYes);
  };
  const Value all = Value::Struct({{"Resources", Value::List{"arn:aws:dynamodb:*:*:table/*"}}});
  EXPECT_TRUE(takes(all, carts));
  EXPECT_FALSE(Takes(all, carts, OptIn::kNo));
  const Value named = Value::Struct({{"Resources", Value::List{carts.arn}}});
  EXPECT_TRUE(Takes(named, carts, OptIn::kNo));
  EXPECT_FALSE(takes(named, logs));
  Value but = all;
  but.Set("NotResources", Value::List{"*table/logs"});
  EXPECT_TRUE(takes(but, carts));
  EXPECT_FALSE(takes(but, logs));
  const Value tagged =
      Value::Struct({{"ListOfTags", Value::List{Value::Struct({{"ConditionType", "STRINGEQUALS"},
                                                               {"ConditionKey", "team"},
                                                               {"ConditionValue", "shop"}})}}});
  EXPECT_TRUE(takes(tagged, carts));
  EXPECT_FALSE(takes(tagged, logs));
  const auto condition = [](const char* kind, const char* key, const char* value) {
    const Value one = Value::Struct({{"ConditionKey", key}, {"ConditionValue", value}});
    return Value::Struct({{"Conditions", Value::Struct({{kind, Value::List{one}}})}});
  };
  EXPECT_TRUE(takes(condition("StringEquals", "aws:ResourceTag/tier", "gold"), carts));
  EXPECT_FALSE(takes(condition("StringEquals", "aws:ResourceTag/tier", "gold"), logs));
  EXPECT_TRUE(takes(condition("StringNotEquals", "aws:ResourceTag/tier", "gold"), logs));
  EXPECT_FALSE(takes(condition("StringNotLike", "aws:ResourceTag/team", "sh*"), carts));
}

class BackupPlansTest : public BackupTestBase {
 protected:
  BackupPlansTest() { Backed(a, "CreateBackupVault", Vaulted("vault")); }
  static Value Of(std::string_view plan) { return Value::Struct({{"BackupPlanId", plan}}); }
  static Value Selected(std::string_view plan) {
    return Of(plan).Set("BackupSelection", Value::Struct({{"SelectionName", "all"},
                                                          {"IamRoleArn", kRole},
                                                          {"Resources", Value::List{"*"}}}));
  }
};

TEST_F(BackupPlansTest, APlanIsMadeChangedAndDeletedWithoutSelectionsOnly) {
  const Value input = Value::Struct({{"BackupPlan", OneRule(Value::Struct())}});
  const Value made = Backed(a, "CreateBackupPlan", input);
  const std::string id(made.String("BackupPlanId"));
  EXPECT_THAT(NotBacked(a, "CreateBackupPlan", input), StartsWith("AlreadyExistsException: "));
  const Value shown = Backed(a, "GetBackupPlan", Of(id));
  const Value rule = shown.Sub("BackupPlan").Items("Rules").front();
  EXPECT_EQ(rule.String("ScheduleExpression"), "cron(0 5 ? * * *)");
  EXPECT_EQ(rule.Int("StartWindowMinutes"), 480);
  Backed(a, "UpdateBackupPlan",
         Of(id).Set("BackupPlan", OneRule(Value::Struct({{"StartWindowMinutes", 90}}))));
  const Value changed = Backed(a, "GetBackupPlan", Of(id));
  EXPECT_NE(changed.String("VersionId"), made.String("VersionId"));
  EXPECT_EQ(changed.Sub("BackupPlan").Items("Rules").front().String("RuleId"),
            rule.String("RuleId"));
  const Value old = Backed(a, "GetBackupPlan", Of(id).Set("VersionId", made.String("VersionId")));
  EXPECT_EQ(old.Sub("BackupPlan").Items("Rules").front().Int("StartWindowMinutes"), 480);
  const std::string selection(
      Backed(a, "CreateBackupSelection", Selected(id)).String("SelectionId"));
  EXPECT_THAT(NotBacked(a, "DeleteBackupPlan", Of(id)),
              HasSubstr("Related backup plan selections must be deleted"));
  RestartRegion(a);
  EXPECT_EQ(Backed(a, "ListBackupSelections", Of(id)).Items("BackupSelectionsList").size(), 1U);
  Backed(a, "DeleteBackupSelection", Of(id).Set("SelectionId", selection));
  Backed(a, "DeleteBackupPlan", Of(id));
  EXPECT_THAT(NotBacked(a, "GetBackupPlan", Of(id)), StartsWith("ResourceNotFoundException: "));
  EXPECT_TRUE(Backed(a, "ListBackupPlans").Items("BackupPlansList").empty());
}

}  // namespace
}  // namespace leeward::lab::backup
