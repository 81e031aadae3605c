// FakeDynamoDb: one table as its replicas answer, for the requests that the store makes and no
// others: what it does not know it refuses. Tests make a Region fail before or after it acts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/client.h"

namespace leeward::store::testing {

class FakeDynamoDb {
 public:
  using Value = shapes::Value;

  enum class Fails { kBefore, kAfter };  // it acts
  std::map<std::string, Fails> failing;  // by Region
  std::map<std::string, int> calls;      // by Region, without DescribeTable
  std::vector<std::pair<std::string, base::Duration>>
      asked;  // Regions, and how long each was given
  Value table = Global("STRONG");

  static Value Global(const char* consistency) {
    const auto key = [](const char* name, const char* type) {
      return Value::Struct({{"AttributeName", name}, {"KeyType", type}});
    };
    const auto replica = [](const char* region) {
      return Value::Struct({{"RegionName", region}, {"ReplicaStatus", "ACTIVE"}});
    };
    Value made =
        Value::Struct({{"TableName", "leases"},
                       {"TableStatus", "ACTIVE"},
                       {"KeySchema", Value::List{key("space", "HASH"), key("key", "RANGE")}},
                       {"Replicas", Value::List{replica("us-east-1"), replica("us-west-2"),
                                                replica("eu-west-1")}}});
    if (*consistency != '\0') made.Set("MultiRegionConsistency", consistency);
    return made;
  }

  std::unique_ptr<aws::Client> Connect() { return std::make_unique<Link>(*this); }

 private:
  class Link : public aws::Client {
   public:
    explicit Link(FakeDynamoDb& fake) : fake_(fake) {}
    base::Result<Value> Call(std::string_view service, std::string_view operation,
                             const Value& input, const aws::CallOptions& options) override {
      CHECK(service == "dynamodb");
      fake_.Note(operation, options);
      return fake_.Serve(operation, input, options.region);
    }
    base::Result<Value> Paginate(std::string_view, std::string_view, const Value&,
                                 const aws::CallOptions&) override {
      return base::Refused("not served");
    }
    base::Result<Value> WaitUntil(std::string_view, std::string_view, const Value&,
                                  const aws::CallOptions&, const aws::WaitOptions&) override {
      return base::Refused("not served");
    }
    base::Result<std::string> Presign(std::string_view, std::string_view, const Value&,
                                      const aws::CallOptions&, base::Duration) override {
      return base::Refused("not served");
    }
    base::Result<std::string> EndpointFor(std::string_view,
                                          const aws::CallOptions&) const override {
      return base::Refused("not served");
    }
    std::string_view region() const override { return ""; }
    base::Status CheckCredentials() override { return base::Ok(); }

   private:
    FakeDynamoDb& fake_;
  };

  void Note(std::string_view operation, const aws::CallOptions& options) {
    const std::lock_guard lock(mutex_);
    if (operation != "DescribeTable") asked.emplace_back(options.region, options.deadline);
  }
  base::Result<Value> Serve(std::string_view operation, const Value& input,
                            const std::string& region) {
    const std::lock_guard lock(mutex_);
    const auto fails = failing.find(region);
    if (fails != failing.end() && fails->second == Fails::kBefore) return Silence(region);
    if (operation == "DescribeTable") return Value::Struct({{"Table", table}});
    ++calls[region];
    base::Result<Value> answer = Act(operation, input);
    return fails == failing.end() ? std::move(answer) : Silence(region);
  }
  static base::Error Silence(const std::string& region) {
    return base::Unreachable("dynamodb in " + region + " does not answer");
  }

  base::Result<Value> Act(std::string_view operation, const Value& input) {
    if (operation == "UpdateItem") return Update(input);
    if (operation == "GetItem") {
      const auto found = items_.find(std::string(input.Sub("Key").Sub("key").String("S")));
      if (found == items_.end()) return Value::Struct();
      return Value::Struct({{"Item", found->second}});
    }
    if (operation == "Query") return Query(input);
    return base::Invalid("not served: " + std::string(operation));
  }

  // In pages of two.
  base::Result<Value> Query(const Value& input) {
    constexpr std::size_t kPage = 2;
    const std::string prefix(input.Sub("ExpressionAttributeValues").Sub(":prefix").String("S"));
    const Value* after = input.Find("ExclusiveStartKey");
    auto item = after == nullptr ? items_.lower_bound(prefix)
                                 : items_.upper_bound(std::string(after->Sub("key").String("S")));
    Value::List page;
    for (; item != items_.end() && item->first.starts_with(prefix); ++item) {
      if (page.size() == kPage) {
        const Value& last = page.back();
        const Value next = Value::Struct({{"space", last.Sub("space")}, {"key", last.Sub("key")}});
        return Value::Struct({{"Items", page}, {"LastEvaluatedKey", next}});
      }
      page.push_back(item->second);
    }
    return Value::Struct({{"Items", std::move(page)}});
  }

  base::Result<Value> Update(const Value& input) {
    const std::string key(input.Sub("Key").Sub("key").String("S"));
    const Value& values = input.Sub("ExpressionAttributeValues");
    const auto found = items_.find(key);
    const bool there = found != items_.end() && !found->second.Has("gone");
    const std::string revision =
        found == items_.end() ? "0" : std::string(found->second.Sub("revision").String("N"));
    const std::string_view condition = input.String("ConditionExpression");
    bool met = false;
    if (condition == "attribute_not_exists(#revision) OR attribute_exists(#gone)") {
      met = !there;
    } else if (condition == "#revision = :expected AND attribute_not_exists(#gone)") {
      met = there && values.Sub(":expected").String("N") == revision;
    } else {
      return base::Invalid("ValidationException: " + std::string(condition));
    }
    if (!met) {
      return base::WrongState("The conditional request failed")
          .WithServiceCode("ConditionalCheckFailedException");
    }
    const std::string next = std::to_string(std::stoull(revision) + 1);
    Value item = Value::Struct({{"space", input.Sub("Key").Sub("space")},
                                {"key", input.Sub("Key").Sub("key")},
                                {"revision", Value::Struct({{"N", next}})}});
    if (values.Has(":gone")) {
      item.Set("gone", values.Sub(":gone"));
    } else {
      item.Set("value", values.Sub(":value"));
    }
    items_[key] = item;
    return Value::Struct(
        {{"Attributes", Value::Struct({{"revision", Value::Struct({{"N", next}})}})}});
  }

  std::mutex mutex_;
  std::map<std::string, Value> items_;
};

}  // namespace leeward::store::testing
