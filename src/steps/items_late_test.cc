#include "steps/items_late.h"

#include <gtest/gtest.h>

namespace leeward::steps {
namespace {

using namespace std::chrono_literals;
using shapes::Value;

constexpr base::WallTime kBegan{std::chrono::seconds(1'795'420'800)};

Value KeyOf(const std::string& name) {
  return Value::Struct({{"id", Value::Struct({{"S", name}})}});
}

// A stream of one closed shard with one change, and a table that answers when it likes to.
class LateTest : public testing::Test {
 protected:
  LateTest() {
    source_.stream_arn = "arn:of:it";
    source_.streams = [this](std::string_view operation, const Value&) -> base::Result<Value> {
      if (operation == "DescribeStream") {
        const Value shard = Value::Struct({{"ShardId", "shard-1"}});
        return Value::Struct(
            {{"StreamDescription", Value::Struct({{"Shards", Value(Value::List{shard})}})}});
      }
      if (operation == "GetShardIterator") return Value::Struct({{"ShardIterator", "at"}});
      ++pages_;
      if (pages_ > 1 && pages_ - 1 <= silent_)
        return Value::Struct({{"Records", Value(Value::List{})}, {"NextShardIterator", "on"}});
      const base::WallTime at = pages_ == 1 ? kBegan + 1s : kBegan + 1h;
      const Value change = Value::Struct({{"ApproximateCreationDateTime", Value(at)},
                                          {"Keys", KeyOf("one")},
                                          {"NewImage", KeyOf("one")}});
      Value page =
          Value::Struct({{"Records", Value(Value::List{Value::Struct({{"dynamodb", change}})})}});
      if (silent_ > 0) page.Set("NextShardIterator", "on");
      return page;
    };
    source_.writer.name = "carts";
    source_.writer.key = {{"id", "S"}, {}};
    source_.writer.call = [this](std::string_view, const Value& input) -> base::Result<Value> {
      ++asked_;
      if (asked_ <= unanswered_)
        return Value::Struct({{"UnprocessedKeys", input.Sub("RequestItems")}});
      return Value::Struct(
          {{"Responses", Value::Struct({{"carts", Value(Value::List{KeyOf("one")})}})}});
    };
    source_.pause = [this](base::Duration wait) {
      waited_ += wait;
      return base::Ok();
    };
  }
  base::Result<LateItems> Find() { return FindLateItems(source_, {kBegan, kBegan + 10s}); }

  LateSource source_;
  int asked_ = 0, unanswered_ = 0;
  // Empty pages behind the first one; 0: the shard is closed. Then a change from after the span.
  int pages_ = 0, silent_ = 0;
  base::Duration waited_{0};
};

TEST_F(LateTest, KeysThatATableDidNotAnswerAreAskedForAgainAfterAWhile) {
  unanswered_ = 3;
  const auto late = Find();
  ASSERT_TRUE(late.ok()) << late.error().message();
  ASSERT_EQ(late->items.size(), 1u);
  EXPECT_TRUE(late->items[0].stands);
  EXPECT_EQ(asked_, 4);
  EXPECT_GE(waited_, 300ms);
}

TEST_F(LateTest, AClosedShardIsReadToItsEndThroughEmptyPages) {
  int pages = 0;
  source_.streams = [&pages, inner = source_.streams](std::string_view operation,
                                                      const Value& input) -> base::Result<Value> {
    if (operation == "DescribeStream") {
      const Value range = Value::Struct({{"EndingSequenceNumber", "900"}});
      const Value shard = Value::Struct({{"ShardId", "shard-1"}, {"SequenceNumberRange", range}});
      return Value::Struct(
          {{"StreamDescription", Value::Struct({{"Shards", Value(Value::List{shard})}})}});
    }
    if (operation == "GetRecords" && ++pages <= 50)
      return Value::Struct({{"NextShardIterator", "on"}});
    return inner(operation, input);
  };
  const auto late = Find();
  ASSERT_TRUE(late.ok()) << late.error().message();
  EXPECT_EQ(late->items.size(), 1u);
  EXPECT_TRUE(late->complete);
}

TEST_F(LateTest, LeewardsOwnItemsAreNotLateWhereKeysAreNumbers) {
  source_.writer.key = {{"id", "N"}, {}};
  source_.streams = [inner = source_.streams](std::string_view operation,
                                              const Value& input) -> base::Result<Value> {
    if (operation != "GetRecords") return inner(operation, input);
    const Value key = Value::Struct({{"id", Value::Struct({{"N", "-17331"}})}});
    Value image = key;
    image.Set("leeward_stamp", Value::Struct({{"N", "5"}}));
    const Value change = Value::Struct(
        {{"ApproximateCreationDateTime", Value(kBegan + 1s)}, {"Keys", key}, {"NewImage", image}});
    return Value::Struct({{"Records", Value(Value::List{Value::Struct({{"dynamodb", change}})})}});
  };
  const auto late = Find();
  ASSERT_TRUE(late.ok()) << late.error().message();
  EXPECT_EQ(late->read, 1u);
  EXPECT_TRUE(late->items.empty());
}

TEST_F(LateTest, ATableThatAnswersNoneIsNotAskedForEver) {
  unanswered_ = 1'000'000;
  const auto late = Find();
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), base::ErrorCode::kThrottled);
  EXPECT_LT(asked_, 100);
  EXPECT_GE(waited_, 5s);
}

// An open shard may answer with nothing while changes are on their way: only one from after the
// span says that all before it were seen.
TEST_F(LateTest, AnOpenShardThatFallsSilentIsNotCalledComplete) {
  silent_ = 1'000'000;
  const auto late = Find();
  ASSERT_TRUE(late.ok()) << late.error().message();
  EXPECT_EQ(late->items.size(), 1u);
  EXPECT_FALSE(late->complete);
  EXPECT_LT(pages_, 100) << "it is not read for ever";
  EXPECT_EQ(Summary(*late),
            "1 item written late, 0 of them replaced by a later write; not complete for sure: 1 of "
            "the stream's shards is still open and showed no change from later, so look again when "
            "the table was written to");
}

TEST_F(LateTest, AnOpenShardThatShowsALaterChangeIsComplete) {
  silent_ = 5;
  const auto late = Find();
  ASSERT_TRUE(late.ok()) << late.error().message();
  EXPECT_EQ(late->items.size(), 1u);
  EXPECT_TRUE(late->complete);
  EXPECT_EQ(pages_, 7);
}

}  // namespace
}  // namespace leeward::steps
