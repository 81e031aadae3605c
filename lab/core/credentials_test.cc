#include "lab/core/credentials.h"

#include <gtest/gtest.h>

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;  // NOLINT

constexpr base::WallTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(CredentialsTest, LongLivedKeyHasNoToken) {
  const Credentials credentials({.root = "root"});
  EXPECT_EQ(std::get<Identity>(credentials.Find("test", "", kNow)).secret_key, "test");
  EXPECT_EQ(std::get<KeyProblem>(credentials.Find("test", "x", kNow)), KeyProblem::kBadToken);
  EXPECT_EQ(std::get<KeyProblem>(credentials.Find("AKIAOTHER", "", kNow)), KeyProblem::kUnknownKey);
}

TEST(CredentialsTest, TemporaryOnesHoldEverywhereUntilTheyExpire) {
  const Credentials here({.root = "root"});
  const Credentials there({.root = "root"});
  ports::SeededRandom random(1);
  const auto issued = here.Issue("arn:aws:sts::1:assumed-role/r/s", "AROAX:s", kNow + 900s, random);
  const auto identity = std::get<Identity>(there.Find(issued.access_key, issued.token, kNow));
  EXPECT_EQ(identity.secret_key, issued.secret_key);
  EXPECT_EQ(identity.arn, "arn:aws:sts::1:assumed-role/r/s");
  EXPECT_EQ(std::get<KeyProblem>(there.Find(issued.access_key, issued.token, kNow + 901s)),
            KeyProblem::kExpiredToken);
  EXPECT_EQ(std::get<KeyProblem>(there.Find(issued.access_key, issued.token + "0", kNow)),
            KeyProblem::kBadToken);
  EXPECT_EQ(std::get<KeyProblem>(there.Find("ASIAOTHER", issued.token, kNow)),
            KeyProblem::kBadToken);
  const Credentials stranger({.root = "other"});
  EXPECT_EQ(std::get<KeyProblem>(stranger.Find(issued.access_key, issued.token, kNow)),
            KeyProblem::kBadToken);
}

}  // namespace
}  // namespace leeward::lab
