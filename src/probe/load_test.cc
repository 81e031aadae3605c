#include "probe/load.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "os/clock.h"
#include "os/random.h"
#include "probe/testing/small_servers.h"

namespace leeward::probe {
namespace {

using testing::BoundSocket;
using testing::DnsServerOfOne;
using testing::HttpServer;

// The application in one Region: keeps the ids it was given.
struct Application {
  std::mutex mutex;
  std::set<std::string> orders;

  int Answer(const std::string& method, const std::string& path, const std::string& body) {
    const std::lock_guard lock(mutex);
    if (method == "GET")
      return orders.count(path.substr(std::string("/orders/").size())) > 0 ? 200 : 404;
    const std::size_t begin = body.find(R"("id":")") + 6;
    orders.insert(body.substr(begin, body.find('"', begin) - begin));
    return 201;
  }
};

class LoadTest : public ::testing::Test {
 protected:
  LoadTest()
      : home_server_("127.77.1.1", 0, Answers(&home_)),
        away_server_("127.77.2.1", home_server_.port(), Answers(&away_)),
        dns_({.address = "127.77.1.1", .ttl = 1}),
        resolver_({.servers = {{"127.0.0.1", dns_.port()}}}, clock_, random_) {}

  HttpServer::Answer Answers(Application* application) {
    return
        [application](const std::string& method, const std::string& path, const std::string& body) {
          return application->Answer(method, path, body);
        };
  }

  Load::Options Options() const {
    Load::Options options;
    options.workload = {.url = "http://shop.example.test:" + std::to_string(home_server_.port()),
                        .write_method = "POST",
                        .write_path = "/orders",
                        .read_method = "GET",
                        .read_path = "/orders/{id}",
                        .rate = 200};
    options.run = "t1";
    return options;
  }

  std::unique_ptr<Load> Start(Load::Options options) {
    auto load = Load::Create(std::move(options), resolver_, clock_, random_);
    CHECK(load.ok());
    (*load)->Start();
    return std::move(*load);
  }

  template <typename Condition>
  bool Await(Condition condition) {
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(20);
    while (!condition()) {
      if (clock_.Monotonic() > until) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  }

  std::vector<std::uint64_t> Acknowledged(const Load& load) {
    std::vector<std::uint64_t> sequences;
    for (const WriteRecord& write : load.Writes()) {
      if (write.fate == WriteFate::kAcknowledged) sequences.push_back(write.sequence);
    }
    return sequences;
  }

  os::SystemClock clock_;
  os::SystemRandom random_;
  Application home_, away_;
  HttpServer home_server_, away_server_;
  DnsServerOfOne dns_;
  Resolver resolver_;
};

TEST_F(LoadTest, KeepsItsRateAndRecordsEveryAcknowledgement) {
  const base::MonotonicTime begin = clock_.Monotonic();
  auto load = Start(Options());
  ASSERT_TRUE(Await([&] { return load->counts().acknowledged >= 200; }));
  load->Stop();
  const double seconds = base::Seconds(clock_.Monotonic() - begin);
  const LoadCounts counts = load->counts();
  EXPECT_NEAR(static_cast<double>(load->Writes().size()) / seconds, 200, 40);
  EXPECT_EQ(counts.outstanding, 0u);
  EXPECT_EQ(counts.acknowledged, home_.orders.size()) << "an id each, none twice";
  EXPECT_GT(counts.reads_found, 0u);
  EXPECT_EQ(counts.reads_missing, 0u);
  EXPECT_EQ(home_.orders.count(load->IdOf(7)), 1u);
  EXPECT_EQ(load->addresses().at(load->Writes()[0].address), "127.77.1.1");
  EXPECT_GE(dns_.asked(), 1);
  EXPECT_LE(dns_.asked(), static_cast<int>(seconds) + 2)
      << "the TTL is used up before it asks again";
}

TEST_F(LoadTest, FollowsTheNameToTheOtherRegion) {
  auto load = Start(Options());
  ASSERT_TRUE(Await([&] { return load->counts().acknowledged >= 50; }));
  const base::WallTime fault = clock_.Now();
  EXPECT_EQ(load->FirstAcknowledged(fault, {"127.77.2.1"}), std::nullopt);
  dns_.Set({.address = "127.77.2.1", .ttl = 1});
  ASSERT_TRUE(Await([&] { return load->FirstAcknowledged(fault, {"127.77.2.1"}).has_value(); }));
  load->Stop();
  const auto first = load->FirstAcknowledged(fault, {"127.77.2.1"});
  EXPECT_GE(first->ended, fault);
  EXPECT_EQ(away_.orders.count(load->IdOf(first->sequence)), 1u);
  const auto last = load->LastAcknowledged(first->ended);
  ASSERT_TRUE(last.has_value());
  EXPECT_LT(last->ended, first->ended);
}

TEST_F(LoadTest, ReadBackFindsWhatIsThereAndNamesWhatIsNot) {
  auto load = Start(Options());
  ASSERT_TRUE(Await([&] { return load->counts().acknowledged >= 100; }));
  load->Stop();
  {
    const std::lock_guard lock(home_.mutex);
    home_.orders.erase(load->IdOf(3));
    home_.orders.erase(load->IdOf(42));
  }
  const auto sequences = Acknowledged(*load);
  auto back = ReadBackAll(Options(), sequences, {}, resolver_,
                          clock_.Monotonic() + std::chrono::seconds(10), clock_);
  ASSERT_TRUE(back.ok()) << back.error().message();
  std::sort(back->missing.begin(), back->missing.end());
  EXPECT_EQ(back->missing, (std::vector<std::uint64_t>{3, 42}));
  EXPECT_EQ(back->found, sequences.size() - 2);
  EXPECT_TRUE(back->unknown.empty());
}

TEST_F(LoadTest, SilenceIsUnansweredAndBoundedAndNeverFound) {
  const BoundSocket silent(SOCK_STREAM, "127.77.3.1", 0);
  Load::Options options = Options();
  options.workload.url = "http://shop.example.test:" + std::to_string(silent.port());
  options.max_outstanding = 20;
  options.total_timeout = std::chrono::milliseconds(300);
  dns_.Set({.address = "127.77.3.1", .ttl = 60});
  auto load = Start(options);
  ASSERT_TRUE(Await([&] { return load->counts().not_sent > 0 && load->counts().unanswered > 0; }));
  EXPECT_LE(load->counts().outstanding, 20u);
  load->Stop();
  EXPECT_EQ(load->counts().acknowledged, 0u);
  EXPECT_EQ(load->counts().outstanding, 0u);
  const auto back = ReadBackAll(options, {1, 2}, {.concurrency = 4, .tries = 2}, resolver_,
                                clock_.Monotonic() + std::chrono::seconds(5), clock_);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->found, 0u);
  EXPECT_TRUE(back->missing.empty()) << "no answer is not a no";
  EXPECT_EQ(back->unknown.size(), 2u);
}

TEST_F(LoadTest, ANameThatDoesNotResolveFailsItsWritesInTime) {
  dns_.Set({.address = "", .rcode = 2});
  Load::Options options = Options();
  options.total_timeout = std::chrono::milliseconds(200);
  auto load = Start(options);
  ASSERT_TRUE(Await([&] { return load->counts().unanswered >= 20; }));
  dns_.Set({.address = "127.77.1.1", .ttl = 1});
  EXPECT_TRUE(Await([&] { return load->counts().acknowledged >= 20; })) << "and it recovers";
  load->Stop();
  EXPECT_GT(load->counts().name_failures, 0u);
}

TEST_F(LoadTest, AWorkloadWithoutRateOrUrlIsRefused) {
  Load::Options options = Options();
  options.workload.rate = 0;
  EXPECT_EQ(Load::Create(options, resolver_, clock_, random_).error().code(),
            base::ErrorCode::kInvalid);
  options = Options();
  options.workload.url = "::::";
  EXPECT_EQ(Load::Create(options, resolver_, clock_, random_).error().code(),
            base::ErrorCode::kInvalid);
}

}  // namespace
}  // namespace leeward::probe
