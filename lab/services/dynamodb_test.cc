#include "lab/services/dynamodb.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "lab/core/item_peers.h"
#include "lab/core/testing.h"
#include "lab/dynamo/region_clock.h"
#include "os/files.h"

namespace leeward::lab::items {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A Region whose children are recorded, and whose item store answers as the test says.
class Region : public FakeHost, public KnowsItemStores {
 public:
  std::vector<Peer> ItemStoresElsewhere() override { return {{"us-west-2", "127.9.0.77", 8000}}; }
  std::string InternalToken() const override { return "token"; }
  void AskProcess(const std::filesystem::path& socket, std::string_view target,
                  base::Duration deadline,
                  std::function<void(base::Result<std::string>)> done) override {
    EXPECT_EQ(target, dynamo::kPulsePath);
    if (!answers)
      return After(socket.empty() ? 0ms : deadline, [done] { done(base::Unreachable("silence")); });
    Post([this, done] { done(pulse); });
  }
  void Report(std::string_view part, std::string_view state) override {
    EXPECT_EQ(part, "dynamodb");
    reported = state;
  }
  bool Listening() {
    return fake_network().endpoints.at("dynamodb").backend.filename() == "socket";
  }

  bool answers = true;
  std::string pulse = R"({"metrics":[]})";
  std::string reported;
};

class Sink : public Service, public MetricSink {
 public:
  std::string_view name() const override { return "cloudwatch"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call&, Reply) override {}
  base::Status Start() override { return base::Ok(); }
  void Publish(std::string_view metric_namespace, std::string_view metric,
               const Dimensions& dimensions, std::string_view unit, double value) override {
    seen.push_back(std::string(metric_namespace) + " " + std::string(metric) + " " +
                   dimensions.front().second + " " + std::string(unit) + " " +
                   std::to_string(static_cast<int>(value)));
  }
  std::vector<std::string> seen;
};

class DynamoDbTest : public testing::Test {
 protected:
  DynamoDbTest() : service_(region_) {
    region_.Add(service_);
    region_.Add(sink_);
  }
  void Start() {
    ASSERT_TRUE(service_.Start().ok());
    ASSERT_TRUE(region_.PumpUntil([&] { return service_.Settled(); }, 5s));
  }

  Region region_;
  Sink sink_;
  DynamoDb service_;
};

TEST_F(DynamoDbTest, TheProcessIsStartedAndPublishedOnceItAnswers) {
  region_.answers = false;
  ASSERT_TRUE(service_.Start().ok());
  EXPECT_FALSE(service_.Settled());
  EXPECT_EQ(service_.Door(), "");
  EXPECT_FALSE(region_.Listening()) << "the Region's API stands in";
  ASSERT_EQ(region_.children().size(), 1U);
  const ChildSpec& spec = region_.children().front().spec;
  ASSERT_EQ(spec.argv.size(), 3U);
  EXPECT_EQ(spec.argv[1], "__items");
  os::SystemFiles files;
  const auto options = dynamo::LoadItemsOptions(spec.argv[2], files);
  ASSERT_TRUE(options.ok()) << options.error().message();
  EXPECT_EQ(options->region, "us-east-1");
  EXPECT_EQ(options->internal_token, "token");
  EXPECT_EQ(options->peers.at("us-west-2").ToString(), "127.9.0.77:8000");
  region_.answers = true;
  region_.Advance(5s);
  EXPECT_TRUE(service_.Settled());
  EXPECT_TRUE(region_.Listening());
  EXPECT_EQ(service_.Door(), options->listen.path);
  EXPECT_EQ(region_.reported, "up");
}

TEST_F(DynamoDbTest, ADeadProcessIsReportedAtOnceAndReplacedAfterAPauseThatGrows) {
  Start();
  region_.EndChild(region_.children().back().id, {-1, SIGKILL});
  region_.Pump();
  EXPECT_FALSE(region_.Listening());
  EXPECT_EQ(service_.Door(), "");
  EXPECT_NE(region_.reported.find("down, killed by signal 9; is being replaced"), std::string::npos)
      << region_.reported;
  region_.Advance(99ms);
  EXPECT_EQ(region_.children().size(), 1U);
  region_.Advance(50ms);
  EXPECT_EQ(region_.children().size(), 2U);
  EXPECT_TRUE(region_.Listening());
  EXPECT_EQ(region_.reported, "up, replaced 1 time");
  region_.EndChild(region_.children().back().id, {1, 0});
  region_.Advance(199ms);
  EXPECT_EQ(region_.children().size(), 2U) << "twice the pause";
  EXPECT_NE(region_.reported.find("ended with code 1"), std::string::npos) << region_.reported;
  region_.Advance(50ms);
  EXPECT_EQ(region_.children().size(), 3U);
  region_.Advance(40s);  // steady: the pause starts again
  region_.EndChild(region_.children().back().id, {1, 0});
  region_.Advance(150ms);
  EXPECT_EQ(region_.children().size(), 4U);
}

TEST_F(DynamoDbTest, ASilentProcessIsReportedAndThenKilled) {
  Start();
  region_.answers = false;
  region_.Advance(5s);
  EXPECT_EQ(region_.reported.substr(0, 19), "does not answer for") << region_.reported;
  EXPECT_TRUE(region_.children().back().signals.empty());
  region_.Advance(15s);
  EXPECT_FALSE(region_.children().back().signals.empty());
  EXPECT_EQ(region_.children().back().signals.front(), SIGKILL);
}

TEST_F(DynamoDbTest, FaultsOfTheRegionAreTheProcesssToo) {
  Start();
  const std::filesystem::path folder = region_.StateDirectory("dynamodb");
  dynamo::RegionClock clock;
  ASSERT_TRUE(clock.Follow(folder / "faults").ok());
  EXPECT_FALSE(clock.control_plane_down());
  const os::SystemClock system;
  service_.Hear({.clock_offset = 1h, .control_plane_down = true});
  EXPECT_TRUE(clock.control_plane_down());
  EXPECT_GT(clock.Now() - system.Now(), 59min);
}

TEST_F(DynamoDbTest, ItsMetricsAreTheRegions) {
  region_.pulse =
      R"({"metrics":[{"name":"ThrottledRequests","dimensions":{"TableName":"t"},"unit":"Count","value":2.0}]})";
  Start();
  ASSERT_FALSE(sink_.seen.empty());
  EXPECT_EQ(sink_.seen.front(), "AWS/DynamoDB ThrottledRequests t Count 2");
}

}  // namespace
}  // namespace leeward::lab::items
