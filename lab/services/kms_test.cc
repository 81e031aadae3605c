#include "lab/services/kms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lab/core/testing.h"
#include "lab/services/kms_cipher.h"
#include "lab/services/secretsmanager.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr std::string_view kHome = "us-east-1";
constexpr std::string_view kAway = "us-west-2";

class KmsTest : public ::testing::Test {
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
      Begin(saved->StateDirectory("kms") / "state.json");
    }
    std::unique_ptr<Kms> service;

   private:
    void Begin(const std::filesystem::path& saved) {
      FakeHostOptions options;
      options.region = region_;
      options.block = block_;
      options.seed = static_cast<std::uint64_t>(block_);
      host_ = std::make_unique<FakeHost>(options);
      if (!saved.empty()) {
        std::filesystem::copy(saved, host_->StateDirectory("kms") / "state.json");
      }
      service = std::make_unique<Kms>(*host_);
      host_->Add(*service);
      const base::Status started = service->Start();
      EXPECT_TRUE(started.ok());
    }
    std::string region_;
    int block_;
    std::unique_ptr<FakeHost> host_;
  };

  KmsTest() { Connect(); }
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
  static Value Of(std::string_view key) { return Value::Struct({{"KeyId", key}}); }
  static std::string Make(Side& side, Value input = Value::Struct()) {
    const Value made = Done(side, "CreateKey", std::move(input));
    return std::string(made.Sub("KeyMetadata").String("KeyId"));
  }
  std::string MakeReplicated() {
    std::string id = Make(a, Value::Struct({{"MultiRegion", true}}));
    Done(a, "ReplicateKey", Of(id).Set("ReplicaRegion", kAway));
    EXPECT_TRUE(Becomes(b, id, "Enabled"));
    return id;
  }
  static Value Encrypted(Side& side, std::string_view key, std::string text,
                         Value context = Value()) {
    Value ask = Of(key).Set("Plaintext", Value(shapes::Blob{std::move(text)}));
    if (!context.is_null()) ask.Set("EncryptionContext", std::move(context));
    return Value::Struct({{"CiphertextBlob", Done(side, "Encrypt", ask).Sub("CiphertextBlob")}});
  }
  static std::string Opened(Side& side, Value blob) {
    const Answer answer = Ask(side, "Decrypt", std::move(blob));
    if (const auto* error = std::get_if<ApiError>(&answer)) return error->code;
    return std::get<Value>(answer).Sub("Plaintext").blob().bytes;
  }
  static Value Look(Side& side, std::string_view key) {
    const Answer answer = Ask(side, "DescribeKey", Of(key));
    if (IsError(answer)) return Value::Struct({{"KeyState", "gone"}});
    return std::get<Value>(answer).Sub("KeyMetadata");
  }
  bool Becomes(Side& side, std::string_view key, const std::string& state) {
    return a.host().PumpUntil([&] { return Look(side, key).String("KeyState") == state; }, 10s);
  }
  static std::string TypeIn(Side& side, std::string_view key) {
    return std::string(
        Look(side, key).Sub("MultiRegionConfiguration").String("MultiRegionKeyType"));
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

TEST_F(KmsTest, ACiphertextOpensWithItsKeyAndContextAlone) {
  const std::string key = Make(a);
  const Value context = Value::Struct({{"app", "shop"}, {"table", "orders"}});
  const Value turned = Value::Struct({{"table", "orders"}, {"app", "shop"}});
  const Value sealed = Encrypted(a, key, "plain", context);
  const std::string bytes = sealed.Sub("CiphertextBlob").blob().bytes;
  EXPECT_THAT(bytes, Not(HasSubstr("plain")));
  EXPECT_EQ(Opened(a, Value(sealed).Set("EncryptionContext", turned)), "plain");
  EXPECT_EQ(Opened(a, sealed), "InvalidCiphertextException");
  EXPECT_EQ(Opened(a, Value(sealed).Set("EncryptionContext", context).Set("KeyId", Make(a))),
            "IncorrectKeyException");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string bent = bytes;
    bent[at] = static_cast<char>(bent[at] ^ 1);
    const Value ask = Value::Struct(
        {{"CiphertextBlob", Value(shapes::Blob{bent})}, {"EncryptionContext", context}});
    EXPECT_THAT(Opened(a, ask), Not("plain")) << at;
  }
  EXPECT_EQ(Opened(b, sealed), "AccessDeniedException");
  RestartHome();
  EXPECT_EQ(Opened(a, Value(sealed).Set("EncryptionContext", context)), "plain");
  const auto file = a.host().StateDirectory("kms") / "state.json";
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
}

TEST_F(KmsTest, DataKeysAreSealedUnderTheKey) {
  const std::string key = Make(a);
  const Value made = Done(a, "GenerateDataKey", Of(key).Set("KeySpec", "AES_256"));
  const std::string plain = made.Sub("Plaintext").blob().bytes;
  EXPECT_EQ(plain.size(), 32U);
  EXPECT_EQ(Opened(a, Value::Struct({{"CiphertextBlob", made.Sub("CiphertextBlob")}})), plain);
  const Value hidden = Done(a, "GenerateDataKeyWithoutPlaintext", Of(key).Set("NumberOfBytes", 9));
  EXPECT_FALSE(hidden.Has("Plaintext"));
  EXPECT_EQ(Opened(a, Value::Struct({{"CiphertextBlob", hidden.Sub("CiphertextBlob")}})).size(),
            9U);
  EXPECT_THAT(Refusal(a, "GenerateDataKey", Of(key)), HasSubstr("either number of bytes"));
  const std::string other = Make(a);
  const Value again = Done(
      a, "ReEncrypt",
      Value::Struct({{"CiphertextBlob", made.Sub("CiphertextBlob")}, {"DestinationKeyId", other}}));
  EXPECT_EQ(again.String("KeyId"), Look(a, other).String("Arn"));
  EXPECT_EQ(Opened(a, Value::Struct({{"CiphertextBlob", again.Sub("CiphertextBlob")}})), plain);
}

TEST_F(KmsTest, AKeyIsUsedInTheStatesThatAllowIt) {
  const std::string key = Make(a);
  const std::string arn(Look(a, key).String("Arn"));
  const Value sealed = Encrypted(a, key, "x");
  Done(a, "DisableKey", Of(key));
  EXPECT_EQ(Refusal(a, "Decrypt", sealed), "DisabledException: " + arn + " is disabled.");
  Done(a, "EnableKey", Of(key));
  EXPECT_EQ(Opened(a, sealed), "x");
  EXPECT_THAT(Refusal(a, "ScheduleKeyDeletion", Of(key).Set("PendingWindowInDays", 3)),
              StartsWith("ValidationException"));
  Done(a, "ScheduleKeyDeletion", Of(key).Set("PendingWindowInDays", 7));
  EXPECT_EQ(Refusal(a, "Decrypt", sealed),
            "KMSInvalidStateException: " + arn + " is pending deletion.");
  Done(a, "CancelKeyDeletion", Of(key));
  EXPECT_EQ(Look(a, key).String("KeyState"), "Disabled");
  Done(a, "ScheduleKeyDeletion", Of(key).Set("PendingWindowInDays", 7));
  a.service->limits.tell = 1h;
  a.host().Advance(24h * 7 + 2h);
  EXPECT_EQ(Look(a, key).String("KeyState"), "gone");
  EXPECT_EQ(Opened(a, sealed), "AccessDeniedException");
  EXPECT_EQ(Refusal(a, "DescribeKey", Of(arn)),
            "NotFoundException: Key '" + arn + "' does not exist");
}

TEST_F(KmsTest, AliasesNameKeysAndAwssAreThere) {
  const std::string key = Make(a);
  Done(a, "CreateAlias", Value::Struct({{"AliasName", "alias/app"}, {"TargetKeyId", key}}));
  EXPECT_EQ(Look(a, "alias/app").String("KeyId"), key);
  EXPECT_EQ(Look(a, "arn:aws:kms:us-east-1:123456789012:alias/app").String("KeyId"), key);
  const std::string other = Make(a);
  Done(a, "UpdateAlias", Value::Struct({{"AliasName", "alias/app"}, {"TargetKeyId", other}}));
  EXPECT_EQ(Look(a, "alias/app").String("KeyId"), other);
  Done(a, "DeleteAlias", Value::Struct({{"AliasName", "alias/app"}}));
  EXPECT_THAT(Refusal(a, "DescribeKey", Of("alias/app")), HasSubstr("alias/app is not found"));
  EXPECT_THAT(Refusal(a, "CreateAlias",
                      Value::Struct({{"AliasName", "alias/aws/mine"}, {"TargetKeyId", key}})),
              StartsWith("NotAuthorizedException"));
  const Value managed = Look(a, "alias/aws/elasticfilesystem");
  EXPECT_EQ(managed.String("KeyManager"), "AWS");
  EXPECT_EQ(managed.String("KeyId"),
            ManagedKeyId(kHome, a.host().account(), "alias/aws/elasticfilesystem"));
  EXPECT_THAT(Refusal(a, "DisableKey", Of(managed.String("KeyId"))),
              StartsWith("AccessDeniedException"));
  const Value page = Done(a, "ListAliases", Value::Struct({{"Limit", 3}}));
  EXPECT_TRUE(page.Flag("Truncated", false));
  EXPECT_EQ(page.Items("Aliases").size(), 3U);
}

TEST_F(KmsTest, PoliciesThatTheLabCannotHonourAreRefused) {
  const std::string key = Make(a);
  const std::string policy(Done(a, "GetKeyPolicy", Of(key)).String("Policy"));
  Done(a, "PutKeyPolicy", Of(key).Set("Policy", policy));
  EXPECT_THAT(Refusal(a, "PutKeyPolicy", Of(key).Set("Policy", "no")),
              StartsWith("MalformedPolicyDocumentException"));
  EXPECT_THAT(Refusal(a, "PutKeyPolicy",
                      Of(key).Set("Policy", R"({"Statement":{"Effect":"Deny","Action":"*"}})")),
              StartsWith("UnsupportedOperationException"));
}

TEST_F(KmsTest, AReplicaOpensWhatItsPrimarySealedAlsoAlone) {
  const std::string id = MakeReplicated();
  EXPECT_THAT(id, StartsWith("mrk-"));
  const Value sealed = Encrypted(a, id, "x");
  Cut();
  EXPECT_EQ(Opened(b, sealed), "x");
  EXPECT_EQ(TypeIn(b, id), "REPLICA");
  const Value back = Encrypted(b, id, "y");
  EXPECT_EQ(Opened(a, back), "y");
  EXPECT_EQ(Done(b, "Decrypt", sealed).String("KeyId"),
            "arn:aws:kms:us-west-2:123456789012:key/" + id);
  // Each Region's own: states.
  Done(a, "DisableKey", Of(id));
  EXPECT_EQ(Opened(b, sealed), "x");
  EXPECT_THAT(Refusal(b, "UpdatePrimaryRegion", Of(id).Set("PrimaryRegion", kAway)),
              HasSubstr("its primary is in us-east-1"));
}

TEST_F(KmsTest, NoReplicaIsMadeWhereNobodyAnswers) {
  const std::string id = Make(a, Value::Struct({{"MultiRegion", true}}));
  Cut();
  EXPECT_THAT(Refusal(a, "ReplicateKey", Of(id).Set("ReplicaRegion", kAway)),
              StartsWith("DependencyTimeoutException"));
  Mend();
  Done(a, "ReplicateKey", Of(id).Set("ReplicaRegion", kAway));
  EXPECT_TRUE(Becomes(b, id, "Enabled"));
  EXPECT_THAT(Refusal(a, "ReplicateKey", Of(id).Set("ReplicaRegion", kAway)),
              StartsWith("AlreadyExistsException"));
  EXPECT_THAT(Refusal(a, "ReplicateKey", Of(Make(a)).Set("ReplicaRegion", kAway)),
              StartsWith("UnsupportedOperationException"));
}

TEST_F(KmsTest, ThePrimaryMovesWhenBothRegionsAnswer) {
  const std::string id = MakeReplicated();
  Cut();
  Done(a, "UpdatePrimaryRegion", Of(id).Set("PrimaryRegion", kAway));
  a.host().Advance(30s);
  EXPECT_EQ(Look(a, id).String("KeyState"), "Updating");
  EXPECT_EQ(TypeIn(b, id), "REPLICA");
  EXPECT_EQ(Opened(a, Encrypted(a, id, "x")), "x");
  RestartHome();
  Mend();
  EXPECT_TRUE(Becomes(a, id, "Enabled"));
  EXPECT_EQ(TypeIn(a, id), "REPLICA");
  EXPECT_EQ(TypeIn(b, id), "PRIMARY");
  Done(b, "UpdatePrimaryRegion", Of(id).Set("PrimaryRegion", kHome));
  EXPECT_TRUE(a.host().PumpUntil([&] { return TypeIn(b, id) == "REPLICA"; }, 10s));
  EXPECT_EQ(TypeIn(a, id), "PRIMARY");
}

TEST_F(KmsTest, APrimaryOutlivesItsReplicas) {
  const std::string id = MakeReplicated();
  const Value asked = Done(a, "ScheduleKeyDeletion", Of(id).Set("PendingWindowInDays", 7));
  EXPECT_EQ(asked.String("KeyState"), "PendingReplicaDeletion");
  EXPECT_FALSE(asked.Has("DeletionDate"));
  Done(b, "ScheduleKeyDeletion", Of(id).Set("PendingWindowInDays", 7));
  b.service->limits.tell = 1h;
  b.host().Advance(24h * 7 + 2h);
  b.service->limits.tell = 1s;
  EXPECT_EQ(Look(b, id).String("KeyState"), "gone");
  EXPECT_TRUE(
      b.host().PumpUntil([&] { return Look(a, id).String("KeyState") == "PendingDeletion"; }, 10s));
  Done(a, "CancelKeyDeletion", Of(id));
  EXPECT_TRUE(Look(a, id).Sub("MultiRegionConfiguration").Items("ReplicaKeys").empty());
}

TEST_F(KmsTest, ASecretIsReadWithTheKeyItLiesUnder) {
  secretsmanager::SecretsManager secrets(a.host());
  a.host().Add(secrets);
  const std::string key = Make(a);
  const Value made = Value::Struct({{"Name", "db"},
                                    {"ClientRequestToken", std::string(32, 't')},
                                    {"SecretString", "one"},
                                    {"KmsKeyId", key}});
  const auto ask = [&](std::string_view operation, const Value& input) {
    const Answer answer = a.host().CallOperation(secrets, operation, input);
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code;
  };
  EXPECT_EQ(ask("CreateSecret", Value(made).Set("KmsKeyId", "alias/none")),
            "InvalidParameterException");
  EXPECT_EQ(ask("CreateSecret", made), "done");
  const Value of = Value::Struct({{"SecretId", "db"}});
  EXPECT_EQ(ask("GetSecretValue", of), "done");
  Done(a, "DisableKey", Of(key));
  EXPECT_EQ(ask("GetSecretValue", of), "DecryptionFailure");
  EXPECT_EQ(
      ask("PutSecretValue",
          Value(of).Set("SecretString", "two").Set("ClientRequestToken", std::string(32, 'u'))),
      "EncryptionFailure");
}

}  // namespace
}  // namespace leeward::lab::kms
