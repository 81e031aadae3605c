#include "lab/services/secretsmanager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lab/core/testing.h"

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr std::string_view kHome = "us-east-1";
constexpr std::string_view kAway = "us-west-2";

class SecretsTest : public ::testing::Test {
 protected:
  // A Region's process: its host and its service go together.
  struct Side {
    explicit Side(std::string_view region, int block) : region_(region), block_(block) {
      Begin(std::filesystem::path());
    }
    FakeHost& host() { return *host_; }
    // Killed and started again, with what it had saved.
    void Restart() {
      const auto saved = std::exchange(host_, nullptr);
      const auto gone = std::exchange(service, nullptr);
      Begin(saved->StateDirectory("secretsmanager") / "state.json");
    }
    std::unique_ptr<SecretsManager> service;

   private:
    void Begin(const std::filesystem::path& saved) {
      FakeHostOptions options;
      options.region = region_;
      options.block = block_;
      options.seed = static_cast<std::uint64_t>(block_);
      host_ = std::make_unique<FakeHost>(options);
      if (!saved.empty()) {
        std::filesystem::copy(saved, host_->StateDirectory("secretsmanager") / "state.json");
      }
      service = std::make_unique<SecretsManager>(*host_);
      host_->Add(*service);
      const base::Status started = service->Start();
      EXPECT_TRUE(started.ok());
    }
    std::string region_;
    int block_;
    std::unique_ptr<FakeHost> host_;
  };

  SecretsTest() { Connect(); }
  void Connect() { FakeHost::Connect({&a.host(), &b.host()}); }
  void RestartHome() {
    a.Restart();
    Connect();
  }

  static Answer Ask(Side& side, std::string_view operation, Value input) {
    return side.host().CallOperation(*side.service, operation, std::move(input));
  }
  static Value Done(Side& side, std::string_view operation, Value input) {
    Answer answer = Ask(side, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  static std::string Refusal(Side& side, std::string_view operation, Value input) {
    const Answer answer = Ask(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }
  // 32 characters, as tokens have at least.
  static std::string Token(int number) {
    return "token-" + std::string(25, '0') + char('0' + number);
  }
  static Value With(std::string_view name, int token, std::string_view text) {
    return Value::Struct(
        {{"SecretId", name}, {"ClientRequestToken", Token(token)}, {"SecretString", text}});
  }
  static Value New(std::string_view name, int token, std::string_view text) {
    return With(name, token, text).Set("Name", name);
  }
  static Value Of(std::string_view name) { return Value::Struct({{"SecretId", name}}); }
  static Value Regions(std::string_view name, std::string_view region) {
    return Of(name).Set("AddReplicaRegions",
                        Value(Value::List{Value::Struct({{"Region", region}})}));
  }
  static std::string Read(Side& side, std::string_view name, std::string_view stage = kCurrent) {
    const Answer answer = Ask(side, "GetSecretValue", Of(name).Set("VersionStage", stage));
    if (const auto* error = std::get_if<ApiError>(&answer)) return error->code;
    return std::string(std::get<Value>(answer).String("SecretString"));
  }
  static std::string Status(Side& side, std::string_view name) {
    const Value shown = Done(side, "DescribeSecret", Of(name));
    const auto& list = shown.Items("ReplicationStatus");
    return list.empty() ? "none" : std::string(list.front().String("Status"));
  }
  bool Becomes(Side& side, std::string_view name, const std::string& status) {
    return side.host().PumpUntil([&] { return Status(side, name) == status; }, 10s);
  }
  void Replicated(std::string_view name) {
    Done(a, "CreateSecret", New(name, 1, "one"));
    Done(a, "ReplicateSecretToRegions", Regions(name, kAway));
    ASSERT_TRUE(Becomes(a, name, "InSync"));
  }
  void Cut() {
    a.host().Cut(std::string(kAway));
    b.host().Cut(std::string(kHome));
  }
  void Mend() {
    a.host().Mend(std::string(kAway));
    b.host().Mend(std::string(kHome));
  }

  Side a{kHome, 9};
  Side b{kAway, 10};
};

TEST_F(SecretsTest, ANewValueIsCurrentAndTheOldOnePrevious) {
  const Value made = Done(a, "CreateSecret", New("db", 1, "one"));
  EXPECT_THAT(std::string(made.String("ARN")),
              MatchesRegex("arn:aws:secretsmanager:us-east-1:123456789012:secret:db-[a-zA-Z0-9]+"));
  EXPECT_EQ(made.String("VersionId"), Token(1));
  Done(a, "PutSecretValue", With("db", 2, "two"));
  EXPECT_EQ(Read(a, "db"), "two");
  EXPECT_EQ(Read(a, "db", kPrevious), "one");
  Done(a, "PutSecretValue", With("db", 3, "three"));
  EXPECT_EQ(Read(a, "db", kPrevious), "two");
  EXPECT_THAT(Refusal(a, "GetSecretValue", Of("db").Set("VersionStage", "AWSPENDING")),
              "ResourceNotFoundException: Secrets Manager can't find the specified secret value "
              "for staging label: AWSPENDING");
  const Value by_id = Done(a, "GetSecretValue", Of("db").Set("VersionId", Token(1)));
  EXPECT_EQ(by_id.String("SecretString"), "one");
  EXPECT_TRUE(by_id.Items("VersionStages").empty());
  const std::string arn(made.String("ARN"));
  EXPECT_EQ(Read(a, arn), "three");
  EXPECT_EQ(Read(a, arn.substr(0, arn.size() - 7)), "three");
  EXPECT_EQ(Read(a, arn.substr(0, arn.size() - 1) + "_"), "ResourceNotFoundException");
}

TEST_F(SecretsTest, ATokenNamesOneValue) {
  Done(a, "CreateSecret", New("db", 1, "one"));
  EXPECT_EQ(Done(a, "CreateSecret", New("db", 1, "one")).String("VersionId"), Token(1));
  EXPECT_THAT(Refusal(a, "CreateSecret", New("db", 2, "one")),
              "ResourceExistsException: The operation failed because the secret db already "
              "exists.");
  Done(a, "PutSecretValue", With("db", 2, "two"));
  Done(a, "PutSecretValue", With("db", 2, "two"));
  EXPECT_EQ(Read(a, "db", kPrevious), "one");
  EXPECT_THAT(Refusal(a, "PutSecretValue", With("db", 2, "else")),
              AllOf(StartsWith("ResourceExistsException: "), Not(HasSubstr("else"))));
  Value none = With("db", 3, "x");
  none.Erase("ClientRequestToken");
  EXPECT_THAT(Refusal(a, "PutSecretValue", none), HasSubstr("provide a ClientRequestToken"));
}

TEST_F(SecretsTest, LabelsMoveOnlyWhenTheirHolderIsNamed) {
  Done(a, "CreateSecret", New("db", 1, "one"));
  Value pending = With("db", 2, "two");
  pending.Set("VersionStages", Value(Value::List{Value("AWSPENDING")}));
  Done(a, "PutSecretValue", pending);
  EXPECT_EQ(Read(a, "db"), "one");
  EXPECT_EQ(Read(a, "db", "AWSPENDING"), "two");
  Value move = Of("db").Set("VersionStage", kCurrent).Set("MoveToVersionId", Token(2));
  EXPECT_THAT(Refusal(a, "UpdateSecretVersionStage", move),
              HasSubstr("currently attached to version " + Token(1)));
  move.Set("RemoveFromVersionId", Token(1));
  Done(a, "UpdateSecretVersionStage", move);
  EXPECT_EQ(Read(a, "db"), "two");
  EXPECT_EQ(Read(a, "db", kPrevious), "one");
  EXPECT_THAT(Refusal(a, "UpdateSecretVersionStage",
                      Of("db").Set("VersionStage", kCurrent).Set("RemoveFromVersionId", Token(2))),
              HasSubstr("can't be completely removed"));
}

TEST_F(SecretsTest, ADeletedSecretComesBackWithinItsWindowOnly) {
  Done(a, "CreateSecret", New("db", 1, "one"));
  EXPECT_THAT(Refusal(a, "DeleteSecret", Of("db").Set("RecoveryWindowInDays", 3)),
              HasSubstr("between 7 and 30 days"));
  Done(a, "DeleteSecret", Of("db").Set("RecoveryWindowInDays", 7));
  EXPECT_EQ(Read(a, "db"), "InvalidRequestException");
  EXPECT_THAT(Refusal(a, "CreateSecret", New("db", 2, "two")),
              HasSubstr("already scheduled for deletion"));
  EXPECT_TRUE(Done(a, "ListSecrets", Value::Struct()).Items("SecretList").empty());
  Done(a, "RestoreSecret", Of("db"));
  EXPECT_EQ(Read(a, "db"), "one");
  Done(a, "DeleteSecret", Of("db").Set("RecoveryWindowInDays", 7));
  a.service->limits.tell = 1h;
  a.host().Advance(24h * 7 + 2h);
  EXPECT_EQ(Read(a, "db"), "ResourceNotFoundException");
  Done(a, "CreateSecret", New("db", 2, "two"));
  Done(a, "DeleteSecret", Of("db").Set("ForceDeleteWithoutRecovery", true));
  EXPECT_EQ(Read(a, "db"), "ResourceNotFoundException");
}

TEST_F(SecretsTest, ValuesOutliveTheProcessWhereOnlyTheirOwnerReads) {
  Done(a, "CreateSecret", New("db", 1, "one"));
  Value binary = With("db", 2, "");
  binary.Erase("SecretString");
  binary.Set("SecretBinary", Value(shapes::Blob{std::string("\0\xff", 2)}));
  Done(a, "PutSecretValue", binary);
  RestartHome();
  EXPECT_EQ(Read(a, "db", kPrevious), "one");
  EXPECT_EQ(Done(a, "GetSecretValue", Of("db")).Sub("SecretBinary").blob().bytes,
            std::string("\0\xff", 2));
  const auto file = a.host().StateDirectory("secretsmanager") / "state.json";
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
}

TEST_F(SecretsTest, ListsFilterAndPage) {
  for (const int i : {1, 2, 3}) {
    Value made = New("app/" + std::to_string(i), i, "x");
    const Value tag = Value::Struct({{"Key", "team"}, {"Value", i == 2 ? "blue" : "red"}});
    Done(a, "CreateSecret", made.Set("Tags", Value(Value::List{tag})));
  }
  const auto names = [&](Value input) {
    std::vector<std::string> found;
    const Value answer = Done(a, "ListSecrets", std::move(input));
    for (const Value& each : answer.Items("SecretList")) found.emplace_back(each.String("Name"));
    return found;
  };
  const auto filter = [](const char* key, const char* value) {
    const Value one = Value::Struct({{"Key", key}, {"Values", Value(Value::List{Value(value)})}});
    return Value::Struct({{"Filters", Value(Value::List{one})}});
  };
  EXPECT_THAT(names(filter("tag-value", "red")), ElementsAre("app/1", "app/3"));
  EXPECT_THAT(names(filter("name", "!app/3")), ElementsAre("app/1", "app/2"));
  EXPECT_THAT(names(filter("all", "BLUE")), ElementsAre("app/2"));
  const Value first = Done(a, "ListSecrets", Value::Struct({{"MaxResults", 2}}));
  EXPECT_EQ(first.Items("SecretList").size(), 2U);
  EXPECT_THAT(names(Value::Struct({{"NextToken", first.String("NextToken")}})),
              ElementsAre("app/3"));
}

TEST_F(SecretsTest, PasswordsHaveWhatIsAskedOfThem) {
  const Value asked = Value::Struct({{"PasswordLength", 12}, {"ExcludePunctuation", true}});
  const Value made = Done(a, "GetRandomPassword", asked);
  EXPECT_THAT(std::string(made.String("RandomPassword")), MatchesRegex("[a-zA-Z0-9]+"));
  EXPECT_EQ(made.String("RandomPassword").size(), 12U);
  EXPECT_THAT(Refusal(a, "GetRandomPassword", Value::Struct({{"PasswordLength", 3}})),
              StartsWith("InvalidParameterException"));
}

TEST_F(SecretsTest, AReplicaFollowsAndIsReadOnly) {
  Replicated("db");
  EXPECT_EQ(Read(b, "db"), "one");
  const std::string home(Done(a, "DescribeSecret", Of("db")).String("ARN"));
  const Value away = Done(b, "DescribeSecret", Of("db"));
  EXPECT_EQ(away.String("PrimaryRegion"), kHome);
  EXPECT_EQ(std::string(away.String("ARN")).substr(home.size() - 9), home.substr(home.size() - 9));
  Done(a, "PutSecretValue", With("db", 2, "two"));
  ASSERT_TRUE(Becomes(a, "db", "InSync"));
  EXPECT_EQ(Read(b, "db"), "two");
  EXPECT_EQ(Read(b, "db", kPrevious), "one");
  const std::string denied =
      "InvalidParameterException: Operation not permitted on a replica secret. Call must be made "
      "in primary secret's region.";
  EXPECT_EQ(Refusal(b, "PutSecretValue", With("db", 3, "three")), denied);
  EXPECT_EQ(Refusal(b, "UpdateSecret", With("db", 3, "three")), denied);
  EXPECT_EQ(Refusal(b, "DeleteSecret", Of("db")), denied);
  EXPECT_THAT(Refusal(a, "DeleteSecret", Of("db")),
              HasSubstr("still has replica regions [us-west-2]"));
}

TEST_F(SecretsTest, AReplicaCatchesUpAfterACut) {
  Replicated("db");
  Cut();
  Done(a, "PutSecretValue", With("db", 2, "two"));
  a.host().Advance(30s);
  EXPECT_EQ(Status(a, "db"), "InProgress");
  EXPECT_EQ(Read(b, "db"), "one");
  RestartHome();  // what is not told yet is told after a restart, too
  Mend();
  ASSERT_TRUE(Becomes(a, "db", "InSync"));
  EXPECT_EQ(Read(b, "db"), "two");
}

TEST_F(SecretsTest, AReplicaMadeStandaloneIsNotTakenBack) {
  Replicated("db");
  Cut();
  Done(b, "StopReplicationToReplica", Of("db"));
  EXPECT_EQ(Done(b, "DescribeSecret", Of("db")).String("PrimaryRegion"), "");
  Done(b, "PutSecretValue", With("db", 5, "away"));
  Done(a, "PutSecretValue", With("db", 2, "home"));
  Mend();
  ASSERT_TRUE(Becomes(a, "db", "none"));
  EXPECT_EQ(Read(b, "db"), "away");
  EXPECT_EQ(Read(a, "db"), "home");
  // And back: the old primary is overwritten when that is asked for, and not otherwise.
  Done(b, "ReplicateSecretToRegions", Regions("db", kHome));
  ASSERT_TRUE(Becomes(b, "db", "Failed"));
  EXPECT_EQ(Read(a, "db"), "home");
  Done(b, "ReplicateSecretToRegions",
       Regions("db", kHome).Set("ForceOverwriteReplicaSecret", true));
  ASSERT_TRUE(Becomes(b, "db", "InSync"));
  EXPECT_EQ(Read(a, "db"), "away");
  EXPECT_THAT(Refusal(a, "PutSecretValue", With("db", 6, "x")), HasSubstr("replica secret"));
}

TEST_F(SecretsTest, ATakenNameFailsUntilItIsOverwritten) {
  Done(b, "CreateSecret", New("db", 7, "theirs"));
  Done(a, "CreateSecret", New("db", 1, "one"));
  Done(a, "ReplicateSecretToRegions", Regions("db", kAway));
  ASSERT_TRUE(Becomes(a, "db", "Failed"));
  const Value shown = Done(a, "DescribeSecret", Of("db"));
  EXPECT_EQ(shown.Items("ReplicationStatus").front().String("StatusMessage"),
            "Replication failed: Secret name db already exists in region us-west-2.");
  EXPECT_EQ(Read(b, "db"), "theirs");
  Done(a, "ReplicateSecretToRegions",
       Regions("db", kAway).Set("ForceOverwriteReplicaSecret", true));
  ASSERT_TRUE(Becomes(a, "db", "InSync"));
  EXPECT_EQ(Read(b, "db"), "one");
  EXPECT_THAT(Refusal(a, "ReplicateSecretToRegions", Regions("db", kHome)),
              "InvalidParameterException: Invalid replica region.");
}

TEST_F(SecretsTest, ARemovedReplicaIsDeletedOnceItsRegionIsBack) {
  Replicated("db");
  Cut();
  Done(a, "RemoveRegionsFromReplication",
       Of("db").Set("RemoveReplicaRegions", Value(Value::List{Value(kAway)})));
  EXPECT_EQ(Status(a, "db"), "none");
  EXPECT_EQ(Read(b, "db"), "one");
  Mend();
  EXPECT_TRUE(
      a.host().PumpUntil([&] { return Read(b, "db") == "ResourceNotFoundException"; }, 10s));
  Done(a, "DeleteSecret", Of("db").Set("ForceDeleteWithoutRecovery", true));
}

}  // namespace
}  // namespace leeward::lab::secretsmanager
