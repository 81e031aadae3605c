// Answers come from outside: whatever they hold, the readers end with a Value or an Error.
#include <gtest/gtest.h>

#include "aws/jmespath.h"
#include "aws/wire.h"
#include "ports/random.h"

namespace leeward::aws {
namespace {

constexpr std::uint64_t kSeed = 20261123;
constexpr int kRounds = 400;
constexpr std::uint64_t kMaxLength = 300;

constexpr const char* kOperations[][2] = {{"rds", "DescribeDBInstances"},
                                          {"ec2", "DescribeSecurityGroups"},
                                          {"route53", "ListResourceRecordSets"},
                                          {"ecs", "DescribeServices"},
                                          {"cloudwatch", "GetMetricData"},
                                          {"efs", "DescribeFileSystems"},
                                          {"s3", "ListObjectsV2"},
                                          {"s3", "GetObject"},
                                          {"dynamodb", "GetItem"},
                                          {"route53", "ChangeResourceRecordSets"}};

constexpr const char* kSeeds[] = {
    "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance><"
    "AllocatedStorage>12"
    "</AllocatedStorage></DBInstance></DBInstances></DescribeDBInstancesResult></"
    "DescribeDBInstancesResponse>",
    R"({"services":[{"serviceName":"web","desiredCount":1,"createdAt":1.5,"tags":[{"key":"a","value":"b"}]}]})",
    R"({"__type":"aws#ResourceNotFoundException:x","message":"no","Item":{"a":{"M":{"b":{"N":"1"}}}}})",
    "<ErrorResponse><Error><Code>X</Code><Message>y</Message></Error></ErrorResponse>",
};

std::string RandomBytes(ports::Random& random) {
  std::string out(random.Below(kMaxLength), '\0');
  for (char& c : out) c = static_cast<char>(random.Below(256));
  return out;
}

// A well-formed answer with a few bytes changed, doubled or cut.
std::string Mutated(ports::Random& random) {
  std::string out = kSeeds[random.Below(std::size(kSeeds))];
  for (std::uint64_t i = 0; i < 1 + random.Below(8) && !out.empty(); ++i) {
    const std::size_t at = random.Below(out.size());
    switch (random.Below(3)) {
      case 0:
        out[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        out.insert(at, out.substr(at, random.Below(40)));
        break;
      default:
        out.erase(at, random.Below(40));
        break;
    }
  }
  return out;
}

void ReadBothWays(const std::string& body, int& errors) {
  for (const auto& [service, name] : kOperations) {
    const shapes::Model& model = *shapes::FindModel(service);
    const shapes::Operation& operation = *model.FindOperation(name);
    ports::HttpResponse response{
        .status = 200, .headers = {{"x-amz-meta-a", body}, {"ETag", body}}, .body = body};
    const auto value = DecodeResponse(model, operation, response);
    if (!value.ok()) {
      ++errors;
      EXPECT_FALSE(value.error().message().empty());
    }
    response.status = 500;
    EXPECT_EQ(DecodeError(model, operation, response).status, 500);
  }
}

TEST(GarbageTest, AnyBytesEndInAValueOrAnError) {
  ports::SeededRandom random(kSeed);
  int errors = 0;
  for (int i = 0; i < kRounds; ++i) {
    ReadBothWays(RandomBytes(random), errors);
    ReadBothWays(Mutated(random), errors);
  }
  EXPECT_GT(errors, kRounds);
}

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(GarbageTest, DeepNestingIsRefusedNotFollowed) {
  const shapes::Model& dynamodb = *shapes::FindModel("dynamodb");
  const shapes::Operation& get = *dynamodb.FindOperation("GetItem");
  const std::string deep =
      R"({"Item":{"a":)" + Repeat(R"({"M":{"a":)", 20000) + "1" + Repeat("}}", 20000) + "}}";
  EXPECT_FALSE(DecodeResponse(dynamodb, get, {.status = 200, .headers = {}, .body = deep}).ok());
  int errors = 0;
  ReadBothWays(Repeat("<a>", 50000), errors);
  ReadBothWays(Repeat("[", 100000), errors);
  ReadBothWays(
      Repeat("<DBInstances><DBInstance>", 20000) + Repeat("</DBInstance></DBInstances>", 20000),
      errors);
  EXPECT_GT(errors, 0);
}

TEST(GarbageTest, PathsOfAnyBytesEnd) {
  ports::SeededRandom random(kSeed);
  constexpr std::string_view kAlphabet = "ab.[]*?()!|&=<>`'@0-length ";
  const shapes::Value root =
      shapes::FromJson(R"({"a":[{"b":[1,2]},{"b":[]}],"b":{"a":1}})").value();
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string path(random.Below(24), ' ');
    for (char& c : path) c = kAlphabet[random.Below(kAlphabet.size())];
    refused += SearchPath(path, root).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace leeward::aws
