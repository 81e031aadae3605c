// What ports::SharedStore promises, asked of every backend.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/scratch_folder.h"
#include "store/dynamodb.h"
#include "store/etcd.h"
#include "store/limits.h"
#include "store/sqlite.h"
#include "store/testing/etcd_cluster.h"
#include "store/testing/fake_dynamodb.h"
#include "store/testing/lab_dynamodb.h"

namespace leeward::store {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using ports::kAbsent;
using ports::SharedEntry;
using ports::SharedStore;

os::SystemClock& Clock() {
  static os::SystemClock clock;
  return clock;
}
base::MonotonicTime In(base::Duration span) { return Clock().Monotonic() + span; }

class Backend {
 public:
  virtual ~Backend() = default;
  // Another client of the same store.
  virtual std::unique_ptr<SharedStore> Connect() = 0;
};

class SqliteBackend : public Backend {
 public:
  std::string path() const { return root_.path() / "store.db"; }
  std::unique_ptr<SharedStore> Connect() override {
    auto opened = OpenSqlite({.path = path()}, Clock());
    CHECK_MSG(opened.ok(), opened.ok() ? "" : opened.error().message().c_str());
    return *std::move(opened);
  }

 private:
  const base::testing::ScratchFolder root_{"leeward-store-XXXXXX"};
};

class EtcdBackend : public Backend {
 public:
  explicit EtcdBackend(int members) : cluster_(members) {}
  testing::EtcdCluster& cluster() { return cluster_; }
  std::unique_ptr<SharedStore> Connect() override {
    auto opened = OpenEtcd({cluster_.Endpoints()}, cluster_.transport(), Clock());
    CHECK(opened.ok());
    return *std::move(opened);
  }

 private:
  testing::EtcdCluster cluster_;
};

// The store's side of the contract, with nothing that has to run.
class DynamoDbBackend : public Backend {
 public:
  std::unique_ptr<SharedStore> Connect() override {
    clients_.push_back(fake_.Connect());
    auto opened = OpenDynamoDb({"leases", {model::Region("us-east-1"), model::Region("us-west-2")}},
                               *clients_.back(), Clock());
    CHECK(opened.ok());
    return *std::move(opened);
  }

 private:
  testing::FakeDynamoDb fake_;
  std::vector<std::unique_ptr<aws::Client>> clients_;
};

constexpr char kInLab[] = "LEEWARD_STORE_IN_LAB";

// A STRONG table over three Regions of a lab, each client with another Region nearest. What an
// earlier test left is removed first: its keys come back with revisions that go on.
class LabBackend : public Backend {
 public:
  LabBackend() {
    const auto store = lab_.Open(options_);
    const auto left = store->List("", kMaxList, In(10s));
    CHECK_MSG(left.ok(), left.ok() ? "" : left.error().message().c_str());
    for (const SharedEntry& entry : *left)
      CHECK(store->Remove(entry.key, entry.revision, In(10s)).ok());
  }
  std::unique_ptr<SharedStore> Connect() override {
    std::rotate(options_.regions.begin(), options_.regions.begin() + 1, options_.regions.end());
    return lab_.Open(options_);
  }

 private:
  testing::LabDynamoDb lab_;
  DynamoDbOptions options_ = testing::TableInLab(kInLab).value();
};

enum class Writers { kOfOneRegion, kOfSeveral };
struct Kind {
  const char* name;
  std::unique_ptr<Backend> (*make)();
  Writers writers = Writers::kOfOneRegion;
};

class ContractTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    backend_ = GetParam().make();
    store_ = backend_->Connect();
  }
  std::uint64_t MustPut(std::string_view key, std::string_view value, std::uint64_t expected) {
    const auto put = store_->Put(key, value, expected, In(10s));
    EXPECT_TRUE(put.ok()) << put.error().message();
    return put.ok() ? *put : 0;
  }
  std::optional<SharedEntry> MustGet(std::string_view key) {
    const auto got = store_->Get(key, In(10s));
    EXPECT_TRUE(got.ok()) << got.error().message();
    return got.ok() ? *got : std::nullopt;
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<SharedStore> store_;
};

TEST_P(ContractTest, AKeyIsMadeChangedAndRemovedOnlyAtItsRevision) {
  EXPECT_EQ(MustGet("a/lease"), std::nullopt);
  const std::uint64_t first = MustPut("a/lease", "one", kAbsent);
  EXPECT_NE(first, kAbsent);
  EXPECT_EQ(MustGet("a/lease")->value, "one");
  EXPECT_EQ(MustGet("a/lease")->revision, first);
  EXPECT_EQ(store_->Put("a/lease", "two", kAbsent, In(10s)).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(store_->Put("a/lease", "two", first + 1, In(10s)).error().code(),
            ErrorCode::kWrongState);
  const std::uint64_t second = MustPut("a/lease", "two", first);
  EXPECT_NE(second, first);
  EXPECT_EQ(store_->Remove("a/lease", first, In(10s)).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(MustGet("a/lease")->value, "two");
  EXPECT_TRUE(store_->Remove("a/lease", second, In(10s)).ok());
  EXPECT_EQ(MustGet("a/lease"), std::nullopt);
  EXPECT_EQ(store_->Remove("a/lease", second, In(10s)).error().code(), ErrorCode::kWrongState);
}

TEST_P(ContractTest, ARevisionNeverComesBack) {
  const std::uint64_t first = MustPut("key", "x", kAbsent);
  const std::uint64_t same = MustPut("key", "x", first);
  EXPECT_NE(same, first) << "also when the value is the same";
  ASSERT_TRUE(store_->Remove("key", same, In(10s)).ok());
  const std::uint64_t again = MustPut("key", "x", kAbsent);
  EXPECT_NE(again, first);
  EXPECT_NE(again, same);
}

TEST_P(ContractTest, AnyBytesAreKept) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string key = "odd/\xc3\xa4\x01'\"%";
  MustPut(key, bytes, kAbsent);
  EXPECT_EQ(MustGet(key)->value, bytes);
  MustPut("empty", "", kAbsent);
  EXPECT_EQ(MustGet("empty")->value, "");
  const std::string large(kMaxValue, 'x');
  MustPut("large", large, kAbsent);
  EXPECT_EQ(MustGet("large")->value, large);
  EXPECT_EQ(store_->Put("larger", large + "x", kAbsent, In(10s)).error().code(),
            ErrorCode::kExhausted);
  for (const char* bad : {"", "b/\xff", "b/\xc3", "b/\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_EQ(store_->Put(bad, "x", kAbsent, In(10s)).error().code(), ErrorCode::kInvalid) << bad;
  MustPut("b/\xe2\x82\xac\xf0\x9f\x8c\x8a", "euro and wave", kAbsent);
}

TEST_P(ContractTest, ListsByKeyWhatBeginsWithThePrefix) {
  for (const char* key : {"b/2", "b/1", "b", "b/10", "c/1", "a/9", "b0", "b/\xc3\xa4"}) {
    MustPut(key, key, kAbsent);
  }
  const auto keys = [&](std::string_view prefix, std::size_t limit) {
    std::vector<std::string> found;
    const auto listed = store_->List(prefix, limit, In(10s));
    EXPECT_TRUE(listed.ok()) << listed.error().message();
    for (const SharedEntry& entry : *listed) {
      EXPECT_EQ(entry.value, entry.key);
      EXPECT_EQ(MustGet(entry.key)->revision, entry.revision);
      found.push_back(entry.key);
    }
    return found;
  };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys("b/", 100), (Keys{"b/1", "b/10", "b/2", "b/\xc3\xa4"}));
  EXPECT_EQ(keys("b/", 2), (Keys{"b/1", "b/10"}));
  EXPECT_EQ(keys("b/\xc3\xa4", 2), (Keys{"b/\xc3\xa4"}));
  EXPECT_EQ(keys("nothing", 2), Keys{});
  EXPECT_EQ(keys("", 100).size(), 8u);
  EXPECT_FALSE(store_->List("b", 0, In(10s)).ok());
  EXPECT_FALSE(store_->List("b", kMaxList + 1, In(10s)).ok());
}

TEST_P(ContractTest, WhatIsLateIsUnreachable) {
  const base::MonotonicTime past = Clock().Monotonic() - 1ms;
  EXPECT_EQ(store_->Get("key", past).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(store_->Put("key", "x", kAbsent, past).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(store_->List("key", 10, past).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(store_->Remove("key", kAbsent + 1, past).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(MustGet("key"), std::nullopt);
}

TEST_P(ContractTest, EveryClientSeesWhatAnotherWroteAtOnce) {
  const auto other = backend_->Connect();
  std::uint64_t revision = kAbsent;
  for (int i = 0; i < 20; ++i) {
    revision = MustPut("key", std::to_string(i), revision);
    const auto seen = other->Get("key", In(10s));
    ASSERT_TRUE(seen.ok() && *seen);
    EXPECT_EQ((*seen)->value, std::to_string(i));
    EXPECT_EQ((*seen)->revision, revision);
  }
}

// Many add a word of their own by read and conditional write; none may be lost and none be there
// twice. Where Regions write one item at the same time, what became of a write may be unknown; then
// it is looked for.
class Adding {
 public:
  Adding(SharedStore& store, std::string name, int words)
      : store_(store), name_(std::move(name)), words_(words) {}
  void operator()() {
    const base::MonotonicTime until = In(60s);
    for (int next = 0; next < words_ && failure_.empty();) {
      if (Clock().Monotonic() > until) failure_ = "not done in time";
      if (Add(name_ + std::to_string(next) + ",")) ++next;
    }
  }
  const std::string& failure() const { return failure_; }
  int unknown() const { return unknown_; }

 private:
  // Whether it is in the list.
  bool Add(const std::string& word) {
    const auto got = store_.Get("list", In(20s));
    if (!got.ok()) return Fail(got.error());
    const std::string list = *got ? (*got)->value : ",";
    if (list.find("," + word) != std::string::npos) return true;
    const auto put = store_.Put("list", list + word, *got ? (*got)->revision : kAbsent, In(20s));
    if (put.ok()) return true;
    if (put.error().code() == ErrorCode::kUnreachable) ++unknown_;
    return put.error().code() == ErrorCode::kWrongState ||
                   put.error().code() == ErrorCode::kUnreachable
               ? false
               : Fail(put.error());
  }
  bool Fail(const base::Error& error) {
    failure_ = error.message();
    return false;
  }

  SharedStore& store_;
  const std::string name_;
  const int words_;
  int unknown_ = 0;
  std::string failure_;
};

TEST_P(ContractTest, NoneOfManyWritersLosesAWrite) {
  const int words = GetParam().writers == Writers::kOfOneRegion ? 25 : 5;
  const auto second = backend_->Connect();
  std::vector<Adding> writers;
  for (const char* name : {"a", "b", "c", "d"})
    writers.emplace_back(writers.size() % 2 == 0 ? *store_ : *second, name, words);
  std::vector<std::thread> threads;
  threads.reserve(writers.size());
  for (Adding& writer : writers) threads.emplace_back(std::ref(writer));
  for (std::thread& thread : threads) thread.join();
  std::string list = MustGet("list")->value;
  for (const Adding& writer : writers) {
    EXPECT_EQ(writer.failure(), "");
    if (GetParam().writers == Writers::kOfOneRegion) {
      EXPECT_EQ(writer.unknown(), 0);
    }
  }
  EXPECT_EQ(std::count(list.begin(), list.end(), ','), 1 + 4 * words) << list;
  for (const char* name : {"a", "b", "c", "d"}) {
    for (int word = 0; word < words; ++word)
      EXPECT_NE(list.find("," + (name + std::to_string(word)) + ","), std::string::npos) << list;
  }
}

constexpr Kind kSqlite{
    "sqlite", []() -> std::unique_ptr<Backend> { return std::make_unique<SqliteBackend>(); }};
constexpr Kind kEtcd{"etcd",
                     []() -> std::unique_ptr<Backend> { return std::make_unique<EtcdBackend>(1); }};
constexpr Kind kEtcdCluster{
    "etcd_cluster", []() -> std::unique_ptr<Backend> { return std::make_unique<EtcdBackend>(3); }};
constexpr Kind kDynamoDb{
    "dynamodb", []() -> std::unique_ptr<Backend> { return std::make_unique<DynamoDbBackend>(); }};
constexpr Kind kDynamoDbInLab{
    "dynamodb_in_lab", []() -> std::unique_ptr<Backend> { return std::make_unique<LabBackend>(); },
    Writers::kOfSeveral};
std::vector<Kind> Kinds() {
  std::vector<Kind> kinds = {kSqlite, kEtcd, kEtcdCluster, kDynamoDb};
  if (testing::TableInLab(kInLab)) kinds.push_back(kDynamoDbInLab);
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(Every, ContractTest, ::testing::ValuesIn(Kinds()),
                         [](const auto& each) { return std::string(each.param.name); });

// --- what only one backend can show ---

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SqliteTest, TheFileIsPrivateAndOutlivesItsUser) {
  SqliteBackend backend;
  ASSERT_TRUE(backend.Connect()->Put("key", "kept", kAbsent, In(10s)).ok());
  struct stat info {};
  ASSERT_EQ(::stat(backend.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto again = backend.Connect();
  ASSERT_EQ(::stat((backend.path() + "-wal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ((*again->Get("key", In(10s)))->value, "kept");
}

TEST(SqliteTest, ALockIsWaitedForNoLongerThanTheDeadline) {
  SqliteBackend backend;
  const auto store = backend.Connect();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(backend.path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "begin immediate", nullptr, nullptr, nullptr), SQLITE_OK);
  const base::MonotonicTime began = Clock().Monotonic();
  EXPECT_EQ(store->Put("key", "x", kAbsent, In(200ms)).error().code(), ErrorCode::kUnreachable);
  EXPECT_GE(Clock().Monotonic() - began, 150ms);
  EXPECT_LT(Clock().Monotonic() - began, 3s);
  EXPECT_TRUE(store->Get("key", In(5s)).ok()) << "readers do not wait for writers";
  ASSERT_EQ(sqlite3_exec(other, "rollback", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_TRUE(store->Put("key", "x", kAbsent, In(5s)).ok());
}

TEST(SqliteTest, ManyMakeOneStoreAtTheSameTime) {
  constexpr int kRounds = 20;
  constexpr int kOpeners = 8;
  for (int round = 0; round < kRounds; ++round) {
    SqliteBackend backend;
    std::latch together(kOpeners);
    std::vector<std::string> refused(kOpeners);
    std::vector<std::thread> openers;
    openers.reserve(kOpeners);
    for (int opener = 0; opener < kOpeners; ++opener) {
      openers.emplace_back([&, opener] {
        together.arrive_and_wait();
        const auto opened = OpenSqlite({.path = backend.path()}, Clock());
        if (!opened.ok()) refused[static_cast<std::size_t>(opener)] = opened.error().message();
      });
    }
    for (std::thread& each : openers) each.join();
    for (const std::string& why : refused) EXPECT_EQ(why, "") << "in round " << round;
  }
}

TEST(SqliteTest, AnotherProgramsFileIsRefusedAndLeftAlone) {
  SqliteBackend backend;
  std::ofstream(backend.path()) << "these are not the bytes of a database, by any means at all";
  const auto text = OpenSqlite({.path = backend.path()}, Clock());
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code(), ErrorCode::kInvalid) << text.error().message();
  std::filesystem::remove(backend.path());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(backend.path().c_str(), &other), SQLITE_OK);
  sqlite3_exec(other, "create table theirs (x)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  const std::string theirs = BytesOf(backend.path());
  const auto foreign = OpenSqlite({.path = backend.path()}, Clock());
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message().find("not a store of Leeward's"), std::string::npos);
  EXPECT_TRUE(BytesOf(backend.path()) == theirs) << "the file was changed";
  EXPECT_FALSE(OpenSqlite({.path = backend.path() + "/in/no/folder"}, Clock()).ok());
}

TEST(EtcdTest, GoesOnWhenOneOfThreeMembersIsKilledAndStopsWhenTwoAre) {
  EtcdBackend backend(3);
  const auto store = backend.Connect();
  std::uint64_t acknowledged = 0;
  std::uint64_t counted = 0;
  // Adds one; a put without an answer is looked up before it is tried again.
  const auto add = [&](base::Duration patience) {
    const base::MonotonicTime until = In(patience);
    while (Clock().Monotonic() < until) {
      const auto got = store->Get("counter", In(2s));
      if (!got.ok()) continue;
      counted = *got ? std::stoull((*got)->value) : 0;
      if (counted > acknowledged) return void(++acknowledged);  // it had landed after all
      const auto put = store->Put("counter", std::to_string(counted + 1),
                                  *got ? (*got)->revision : kAbsent, In(2s));
      if (put.ok()) return void(++acknowledged);
    }
    FAIL() << "no quorum answered";
  };
  for (int i = 0; i < 20; ++i) add(20s);
  backend.cluster().Kill(0);
  for (int i = 0; i < 40; ++i) add(20s);
  EXPECT_EQ(acknowledged, 60u);
  EXPECT_EQ((*store->Get("counter", In(5s)))->value, "60");
  backend.cluster().Start(0);
  backend.cluster().AwaitHealthy(0);
  backend.cluster().Kill(1);
  for (int i = 0; i < 20; ++i) add(20s);
  EXPECT_EQ((*store->Get("counter", In(5s)))->value, "80");
  backend.cluster().Kill(2);
  const base::MonotonicTime began = Clock().Monotonic();
  EXPECT_EQ(store->Get("counter", In(1s)).error().code(), ErrorCode::kUnreachable)
      << "one of three has no quorum, and must not answer from its past";
  EXPECT_EQ(store->Put("counter", "0", kAbsent, In(1s)).error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(Clock().Monotonic() - began, 5s);
}

// Endpoints that a script answers.
class ScriptedTransport : public ports::HttpTransport {
 public:
  using Script = std::function<base::Result<ports::HttpResponse>(const ports::HttpRequest&)>;
  explicit ScriptedTransport(Script script) : script_(std::move(script)) {}
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits&) override {
    return script_(request);
  }

 private:
  Script script_;
};

TEST(EtcdTest, ARefusalAfterAnUnansweredPutMayBeOursAndIsCalledUnknown) {
  ScriptedTransport transport([](const ports::HttpRequest& request) {
    if (request.url.starts_with("http://one")) {
      return base::Result<ports::HttpResponse>(base::Unreachable("timed out"));
    }
    return base::Result<ports::HttpResponse>(
        ports::HttpResponse{200, {}, R"({"header":{"revision":"7"}})"});
  });
  const auto store = OpenEtcd({{"http://one:1", "http://two:1"}}, transport, Clock());
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->Put("key", "x", 3, In(5s)).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ((*store)->Put("key", "x", 3, In(5s)).error().code(), ErrorCode::kWrongState)
      << "the one that answered is asked first now";
}

TEST(EtcdTest, AnswersThatAreNotEtcdsAreNotBelieved) {
  for (const char* body :
       {"", "[]", "{\"kvs\":3}", R"({"kvs":[3]})", R"({"kvs":[{"key":"!","mod_revision":"1"}]})",
        R"({"kvs":[{"key":"YQ==","value":"YQ==","mod_revision":7}]})",
        R"({"kvs":[{"key":"YQ==","value":"YQ==","mod_revision":"7x"}]})",
        R"({"kvs":[{"key":"YQ==","value":"YQ=="}]})"}) {
    ScriptedTransport transport([body](const ports::HttpRequest&) {
      return base::Result<ports::HttpResponse>(ports::HttpResponse{200, {}, body});
    });
    const auto store = OpenEtcd({{"http://one:1"}}, transport, Clock());
    EXPECT_FALSE((*store)->Get("a", In(5s)).ok()) << body;
    EXPECT_FALSE((*store)->Put("a", "b", kAbsent, In(5s)).ok()) << body;
  }
}

TEST(EtcdTest, RefusesWhatIsNoEndpoint) {
  ScriptedTransport transport([](const ports::HttpRequest&) {
    return base::Result<ports::HttpResponse>(base::Unreachable("never asked"));
  });
  for (const char* bad :
       {"", "one:2379", "ftp://one", "http://", "http://one/v3", "http://u@one"}) {
    EXPECT_FALSE(OpenEtcd({{bad}}, transport, Clock()).ok()) << bad;
  }
  EXPECT_FALSE(OpenEtcd({{}}, transport, Clock()).ok());
}

}  // namespace
}  // namespace leeward::store
