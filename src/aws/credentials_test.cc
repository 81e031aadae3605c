#include "aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/fake_world.h"

namespace leeward::aws {
namespace {

using base::ErrorCode;
using testing::HasSubstr;
using testing_support::Answer;
using testing_support::FakeWorld;
using namespace std::chrono_literals;

std::string StsAnswer(const std::string& operation, const std::string& key,
                      const std::string& expires) {
  return "<" + operation + "Response><" + operation + "Result><Credentials><AccessKeyId>" + key +
         "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</"
         "SessionToken><Expiration>" +
         expires + "</Expiration></Credentials></" + operation + "Result></" + operation +
         "Response>";
}

struct Fixture : FakeWorld {
  Ports the_ports = ports();
  SharedConfig config;
  base::Result<Credentials> Get() {
    config = LoadSharedConfig(files, settings.environment).value();
    provider.emplace(SourceContext{&the_ports, &settings, &config, "us-west-2", {}});
    return provider->Get("us-west-2", std::nullopt);
  }
  void ForgetKeys() {
    settings.environment.erase("AWS_ACCESS_KEY_ID");
    settings.environment.erase("AWS_SECRET_ACCESS_KEY");
  }
  std::optional<CredentialsProvider> provider;
};

TEST(CredentialsTest, TheEnvironmentComesFirst) {
  Fixture world;
  world.files.texts["/home/u/.aws/credentials"] =
      "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n";
  EXPECT_EQ(world.Get()->access_key_id, "AKID");
  world.settings.environment["AWS_SECRET_ACCESS_KEY"] = "";
  EXPECT_EQ(world.Get().error().code(), ErrorCode::kDenied);
  world.ForgetKeys();
  EXPECT_EQ(world.Get()->access_key_id, "FILE");
}

TEST(CredentialsTest, ANamedProfileOutranksTheEnvironment) {
  Fixture world;
  world.files.texts["/home/u/.aws/config"] =
      "[profile dev]\naws_access_key_id=DEV # mine\naws_secret_access_key=s\n[sso-session "
      "x]\nk=v\n";
  world.settings.profile = "dev";
  EXPECT_EQ(world.Get()->access_key_id, "DEV");
  world.settings.profile = "missing";
  EXPECT_THAT(world.Get().error().message(), HasSubstr("profile 'missing'"));
}

TEST(CredentialsTest, RolesAreAssumedWithTheirSourceAndRenewed) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment["AWS_PROFILE"] = "dr";
  world.files.texts["/home/u/.aws/config"] =
      "[profile dr]\nrole_arn = arn:aws:iam::1:role/dr\nsource_profile = base\n"
      "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = s\n";
  int calls = 0;
  world.transport.answer = [&](const auto&, const auto&) {
    return Answer(
        200, StsAnswer("AssumeRole", "ROLE" + std::to_string(++calls), "2026-11-23T09:00:00Z"));
  };
  EXPECT_EQ(world.Get()->access_key_id, "ROLE1");
  EXPECT_THAT(world.transport.seen[0].body,
              HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdr"));
  EXPECT_EQ(world.provider->Get("us-west-2", std::nullopt)->access_key_id, "ROLE1");
  world.clock.Advance(56min);
  EXPECT_EQ(world.provider->Get("us-west-2", std::nullopt)->access_key_id, "ROLE2");
  // A renewal that fails is no error while the old ones hold.
  world.transport.answer = [](const auto&, const auto&) -> base::Result<ports::HttpResponse> {
    return base::Unreachable("no");
  };
  EXPECT_EQ(world.provider->Get("us-west-2", std::nullopt)->access_key_id, "ROLE2");
  world.clock.Advance(10min);
  EXPECT_FALSE(world.provider->Get("us-west-2", std::nullopt).ok());
}

TEST(CredentialsTest, RolesAreAssumedInTheRegionThatIsCalled) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment["AWS_PROFILE"] = "dr";
  world.files.texts["/home/u/.aws/config"] =
      "[profile dr]\nrole_arn = r\nsource_profile = dr\naws_access_key_id = "
      "BASE\naws_secret_access_key = s\n";
  world.transport.answer = [](const ports::HttpRequest& request,
                              const auto&) -> base::Result<ports::HttpResponse> {
    if (request.url.find("us-east-1") != std::string::npos) return base::Unreachable("dark");
    return Answer(200, StsAnswer("AssumeRole", "ROLE", "2026-11-23T09:00:00Z"));
  };
  ASSERT_TRUE(world.Get().ok());
  world.provider.emplace(
      SourceContext{&world.the_ports, &world.settings, &world.config, "us-east-1", {}});
  EXPECT_EQ(world.provider->Get("us-east-1", std::nullopt).error().code(), ErrorCode::kUnreachable);
  // The failure of one Region is not that of another.
  EXPECT_EQ(world.provider->Get("us-west-2", std::nullopt)->access_key_id, "ROLE");
}

TEST(CredentialsTest, FetchingEndsWithTheCallsDeadline) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:81/keys";
  world.transport.answer = [](const auto&, const ports::HttpLimits& limits) {
    EXPECT_LE(limits.total, 200ms);
    return Answer(200, "{}");
  };
  world.config = LoadSharedConfig(world.files, world.settings.environment).value();
  world.provider.emplace(
      SourceContext{&world.the_ports, &world.settings, &world.config, "us-west-2", {}});
  EXPECT_FALSE(world.provider->Get("us-west-2", world.clock.Monotonic() + 200ms).ok());
  EXPECT_EQ(world.transport.seen.size(), 1u);
}

TEST(CredentialsTest, ProfilesThatReferToEachOtherEnd) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment["AWS_PROFILE"] = "a";
  world.files.texts["/home/u/.aws/config"] =
      "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = "
      "a\n";
  EXPECT_EQ(world.Get().error().code(), ErrorCode::kDenied);
  EXPECT_TRUE(world.transport.seen.empty());
}

TEST(CredentialsTest, WebIdentityIsSentUnsigned) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  world.settings.environment["AWS_ROLE_ARN"] = "arn:role";
  world.files.texts["/token"] = "jwt\n";
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(200, StsAnswer("AssumeRoleWithWebIdentity", "WEB", "2026-11-23T09:00:00Z"));
  };
  EXPECT_EQ(world.Get()->access_key_id, "WEB");
  EXPECT_THAT(world.transport.seen[0].body, HasSubstr("WebIdentityToken=jwt"));
  const ports::HttpResponse holder{
      .status = 0, .headers = world.transport.seen[0].headers, .body = ""};
  EXPECT_EQ(holder.Header("Authorization"), "");
}

constexpr const char* kKeys =
    R"({"AccessKeyId":"META","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-23T09:00:00Z"})";

TEST(CredentialsTest, ContainersAskOnlyTrustedHosts) {
  Fixture world;
  world.ForgetKeys();
  world.transport.answer = [](const auto&, const auto&) { return Answer(200, kKeys); };
  world.settings.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:81/keys";
  world.settings.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer x";
  EXPECT_EQ(world.Get()->access_key_id, "META");
  for (const char* evil :
       {"http://127.evil.example/", "http://localhost.example/", "http://169.254.170.200/"}) {
    world.settings.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = evil;
    EXPECT_FALSE(world.Get().ok()) << evil;
  }
  world.settings.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/id";
  ASSERT_TRUE(world.Get().ok());
  EXPECT_EQ(world.transport.seen.back().url, "http://169.254.170.2/v2/id");
}

TEST(CredentialsTest, InstanceMetadataIsVersionTwo) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment.erase("AWS_EC2_METADATA_DISABLED");
  world.transport.answer = [](const ports::HttpRequest& request, const ports::HttpLimits& limits) {
    EXPECT_LE(limits.total, 1s);
    if (request.method == "PUT") return Answer(200, "tok");
    return Answer(200, request.url.ends_with("/") ? "role\n" : kKeys);
  };
  EXPECT_EQ(world.Get()->access_key_id, "META");
  EXPECT_EQ(world.transport.seen[2].url,
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/role");
  EXPECT_EQ(world.transport.seen[2].headers[0].second, "tok");
}

TEST(CredentialsTest, NoneIsOneClearLineAndNotAskedAgainAtOnce) {
  Fixture world;
  world.ForgetKeys();
  world.settings.environment.erase("AWS_EC2_METADATA_DISABLED");
  world.transport.answer = [](const auto&, const auto&) -> base::Result<ports::HttpResponse> {
    return base::Unreachable("connect");
  };
  const auto none = world.Get();
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), ErrorCode::kDenied);
  EXPECT_THAT(none.error().message(), HasSubstr("no AWS credentials"));
  EXPECT_EQ(none.error().message().find('\n'), std::string::npos);
  const std::size_t asked = world.transport.seen.size();
  EXPECT_FALSE(world.provider->Get("us-west-2", std::nullopt).ok());
  EXPECT_EQ(world.transport.seen.size(), asked);
}

TEST(ConfigTest, EndpointsOfServicesAndBadLines) {
  Fixture world;
  world.files.texts["/home/u/.aws/config"] =
      "[default]\nregion = eu-central-1\nservices = lab\nendpoint_url = http://common\n"
      "[services lab]\nroute_53 =\n  endpoint_url = http://special\n";
  world.settings.environment.erase("AWS_REGION");
  const auto client = world.MakeClient();
  EXPECT_EQ(client->region(), "eu-central-1");
  EXPECT_EQ(client->EndpointFor("route53", {}).value(), "http://special");
  EXPECT_EQ(client->EndpointFor("rds", {}).value(), "http://common");
  world.files.texts["/home/u/.aws/config"] = "[default]\nregion\n";
  const auto bad = Client::Create(world.ports(), world.settings);
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().message(), HasSubstr("config:2"));
}

}  // namespace
}  // namespace leeward::aws
