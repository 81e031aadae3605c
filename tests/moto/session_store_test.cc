// The session store in DynamoDB, against a table of somebody else's making.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/environment.h"
#include "os/files.h"
#include "os/random.h"
#include "sessions/dynamo_store.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using shapes::Value;

constexpr char kRegion[] = "us-east-1";

class DynamoStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::optional<std::string> endpoint = os::Environment("LEEWARD_MOTO");
    ASSERT_TRUE(endpoint.has_value()) << "run this by tests/moto/run.py";
    const aws::Ports ports{.transport = transport_.get(),
                           .clock = &clock_,
                           .random = &random_,
                           .files = &files_,
                           .pause = [](base::Duration) { return true; }};
    aws::Settings settings;
    settings.environment = {{"AWS_ACCESS_KEY_ID", "test"},
                            {"AWS_SECRET_ACCESS_KEY", "test"},
                            {"AWS_EC2_METADATA_DISABLED", "true"},
                            {"AWS_ENDPOINT_URL", *endpoint}};
    client_ = std::move(aws::Client::Create(ports, settings)).value();
    table_ = "sessions-" + random_.Hex(8);
    MakeTable();
    store_ = std::make_unique<DynamoStore>(DynamoStoreOptions{table_, kRegion, "", {}, 30s},
                                           *client_, clock_, random_);
  }

  void MakeTable() {
    const auto attribute = [](const char* name) {
      return Value::Struct({{"AttributeName", name}, {"AttributeType", "S"}});
    };
    const auto key = [](const char* name, const char* type) {
      return Value::Struct({{"AttributeName", name}, {"KeyType", type}});
    };
    const Value input =
        Value::Struct({{"TableName", table_},
                       {"AttributeDefinitions", Value::List{attribute("PK"), attribute("SK")}},
                       {"KeySchema", Value::List{key("PK", "HASH"), key("SK", "RANGE")}},
                       {"BillingMode", "PAY_PER_REQUEST"}});
    const auto made = client_->Call("dynamodb", "CreateTable", input,
                                    {.region = kRegion, .deadline = 90s, .attempt_timeout = 30s});
    ASSERT_TRUE(made.ok()) << made.error().message();
  }

  base::MonotonicTime Soon() const { return clock_.Monotonic() + 30s; }
  base::WallTime Now() const { return session::WholeMillis(clock_.Now()); }
  static session::Handle HandleNumber(int number) {
    std::string bytes(32, 'h');
    bytes.replace(0, 4, std::to_string(1000 + number));
    return session::HandleOf(session::IdFromBytes(bytes)->str()).value();
  }
  session::Session SessionNumber(int number) const {
    session::Session one;
    one.handle = HandleNumber(number);
    one.subject = "ann";
    one.created = Now();
    one.expires = one.created + 1h;
    one.ends = one.created + 2h;
    one.fields["cart"] = {{5, 0, "n"}, "7"};
    return one;
  }
  session::Revocation RevocationNumber(int number, base::Duration ago) const {
    return {HandleNumber(number), Now() - ago, Now() + 2h, kRegion};
  }

  std::unique_ptr<ports::HttpTransport> transport_ = os::MakeCurlTransport({});
  os::SystemClock clock_;
  os::SystemRandom random_;
  os::SystemFiles files_;
  std::unique_ptr<aws::Client> client_;
  std::string table_;
  std::unique_ptr<DynamoStore> store_;
};

TEST_F(DynamoStoreTest, WritesOverTheVersionThatWasReadAndNoOther) {
  session::Session one = SessionNumber(1);
  EXPECT_FALSE(store_->Read(one.handle, ReadFor::kLook, Soon())->held.session);
  const auto first = store_->Write(one, kNoVersion, Soon());
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(store_->Read(one.handle, ReadFor::kLook, Soon())->held.session, one);
  EXPECT_EQ(store_->Write(one, kNoVersion, Soon()).error().code(), base::ErrorCode::kWrongState);
  one.subject = "bob";
  ASSERT_TRUE(store_->Write(one, *first, Soon()).ok());
  EXPECT_EQ(store_->Write(one, *first, Soon()).error().code(), base::ErrorCode::kWrongState);
  const Stored stored = store_->Read(one.handle, ReadFor::kChange, Soon()).value();
  EXPECT_EQ(stored.held.session->subject, "bob");
  EXPECT_EQ(stored.version, *first + 1);
}

TEST_F(DynamoStoreTest, ARevocationStaysAndIsListedByItsTime) {
  const session::Session one = SessionNumber(1);
  ASSERT_TRUE(store_->Write(one, kNoVersion, Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(2, 60s), Soon()).ok());
  const session::Revocation revocation = RevocationNumber(1, 1s);
  const base::Status revoked = store_->Revoke(revocation, Soon());
  ASSERT_TRUE(revoked.ok()) << revoked.error().message();
  EXPECT_TRUE(store_->Settle(revocation, Soon()).value());
  Stored stored = store_->Read(one.handle, ReadFor::kLook, Soon()).value();
  EXPECT_FALSE(stored.held.session);
  EXPECT_TRUE(stored.held.revocation);
  // Another Region's write of the session that comes in late.
  ASSERT_TRUE(store_->Write(one, kNoVersion, Soon()).ok());
  stored = store_->Read(one.handle, ReadFor::kLook, Soon()).value();
  EXPECT_EQ(StandingOf(stored.held, Now()), session::Standing::kRevoked);
  const auto recent = store_->RevokedSince(Now() - 30s, 100, Soon());
  ASSERT_TRUE(recent.ok()) << recent.error().message();
  ASSERT_EQ(recent->size(), 1u);
  EXPECT_EQ(recent->front().handle, one.handle);
  EXPECT_EQ(store_->RevokedSince(Now() - 300s, 100, Soon())->size(), 2u);
  EXPECT_EQ(store_->RevokedSince(Now() - 300s, 1, Soon()).error().code(),
            base::ErrorCode::kExhausted);
}

TEST_F(DynamoStoreTest, DocumentsAreAddedOnceAndEverythingIsListedInPages) {
  ASSERT_TRUE(store_->AddDocument({"key/a", "one"}, Now() + 1h, Soon()).ok());
  EXPECT_EQ(store_->AddDocument({"key/a", "two"}, Now() + 1h, Soon()).error().code(),
            base::ErrorCode::kAlready);
  const auto documents = store_->Documents(Soon());
  ASSERT_TRUE(documents.ok()) << documents.error().message();
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ(documents->front().text, "one");
  constexpr int kMany = 25;
  for (int i = 0; i < kMany; ++i)
    ASSERT_TRUE(store_->Write(SessionNumber(i), kNoVersion, Soon()).ok());
  std::size_t seen = 0;
  int pages = 0;
  std::string cursor;
  do {
    const auto page = store_->List(cursor, 10, Soon());
    ASSERT_TRUE(page.ok()) << page.error().message();
    seen += page->entries.size();
    cursor = page->next;
    ++pages;
  } while (!cursor.empty() && pages < 20);
  EXPECT_EQ(seen, static_cast<std::size_t>(kMany));
  EXPECT_GT(pages, 2);
}

TEST_F(DynamoStoreTest, WhatIsOverIsGoneBeforeTheTablesOwnTimeToLiveComesToIt) {
  ASSERT_TRUE(store_->AddDocument({"key/old", "one"}, Now() - 2h, Soon()).ok());
  ASSERT_TRUE(store_->AddDocument({"key/new", "two"}, Now() + 1h, Soon()).ok());
  const auto documents = store_->Documents(Soon());
  ASSERT_TRUE(documents.ok()) << documents.error().message();
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ(documents->front().name, "key/new");
}

TEST_F(DynamoStoreTest, ATableThatIsNotThereIsNotHealthy) {
  EXPECT_TRUE(store_->Ping(Soon()).ok());
  DynamoStore nowhere({"no-such-table", kRegion, "", {}, 30s}, *client_, clock_, random_);
  EXPECT_EQ(nowhere.Ping(Soon()).error().code(), base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace leeward::sessions
