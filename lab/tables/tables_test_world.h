// An engine on a temporary directory, a clock that is turned by hand, and calls as clients make
// them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/testing/scratch_folder.h"
#include "lab/tables/engine.h"
#include "lab/tables/replication.h"
#include "ports/clock.h"
#include "ports/random.h"

namespace leeward::lab::tables {

using namespace std::chrono_literals;

class TablesWorld : public testing::Test {
 protected:
  TablesWorld() { Start(); }

  void Start() {
    EngineOptions options;
    options.directory = directory_.path() / "items";
    options.region = region_;
    options.account = "123456789012";
    options.clock = &clock_;
    options.random = &random_;
    options.after = [this](base::Duration delay, std::function<void()> then) {
      due_.push_back({clock_.Now() + delay, std::move(then)});
    };
    if (turns_ == Turns::kGathered)
      options.soon = [this](std::function<void()> then) { soon_.push_back(std::move(then)); };
    options.metric = [this](const Metric& metric) { metrics_.push_back(metric); };
    options.replicas = replicas_;
    auto opened = Engine::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    engine_ = std::move(*opened);
  }
  // As after a kill: what was due is forgotten.
  void Restart() {
    engine_.reset();
    due_.clear();
    soon_.clear();
    Start();
  }
  // Ends a turn of the event loop.
  void EndTurn() {
    for (const auto& then : std::exchange(soon_, {})) then();
  }

  // Turns the clock, and runs what is due on the way, in its order.
  void Turn(base::Duration by) {
    const base::WallTime end = clock_.Now() + by;
    while (true) {
      const auto next = std::min_element(
          due_.begin(), due_.end(), [](const Due& a, const Due& b) { return a.when < b.when; });
      if (next == due_.end() || next->when > end) break;
      Due due = std::move(*next);
      due_.erase(next);
      if (due.when > clock_.Now()) clock_.Advance(due.when - clock_.Now());
      due.then();
    }
    if (end > clock_.Now()) clock_.Advance(end - clock_.Now());
  }

  // Single quotes stand for double ones, so that JSON can be read in C++.
  static std::string Json(std::string_view text) {
    std::string json(text);
    std::replace(json.begin(), json.end(), '\'', '"');
    return json;
  }

  std::string Call(std::string_view operation, std::string_view body) {
    return CallAs("arn:aws:iam::123456789012:user/lab", operation, body);
  }
  std::string CallAs(std::string_view arn, std::string_view operation, std::string_view body) {
    std::string answer = Raw(arn, operation, body);
    std::replace(answer.begin(), answer.end(), '"', '\'');
    return answer;
  }
  std::string Raw(std::string_view arn, std::string_view operation, std::string_view body) {
    std::string answer = "no answer";
    const bool streams = operation.find("Stream") != std::string_view::npos ||
                         operation == "GetRecords" || operation == "GetShardIterator";
    const auto reply = [&](const WireAnswer& wire) {
      EXPECT_EQ(answer, "no answer") << "answered twice";
      status_ = wire.status;
      answer = wire.body;
    };
    const std::string json = Json(body);
    if (streams) {
      engine_->HandleStreams(operation, json, {arn, "123456789012", ""}, reply);
    } else {
      engine_->Handle(operation, json, {arn, "123456789012", ""}, reply);
    }
    return answer;
  }
  // The answer of a call that has to succeed.
  std::string Do(std::string_view operation, std::string_view body) {
    std::string answer = Call(operation, body);
    EXPECT_EQ(status_, 200) << operation << " " << body << "\n" << answer;
    return answer;
  }
  // "ValidationException: message" of a call that has to fail.
  std::string Fail(std::string_view operation, std::string_view body) {
    const std::string answer = Raw("arn:aws:iam::123456789012:user/lab", operation, body);
    EXPECT_NE(status_, 200) << operation << " " << body << "\n" << answer;
    const std::size_t hash = answer.find('#');
    const std::size_t end = answer.find('"', hash);
    std::string text = answer.substr(hash + 1, end - hash - 1);
    for (const std::string_view member : {"\"message\":\"", "\"Message\":\""}) {
      const std::size_t at = answer.find(member);
      if (at == std::string::npos) continue;
      std::size_t close = at + member.size();
      while (close < answer.size() && (answer[close] != '"' || answer[close - 1] == '\\')) ++close;
      text += ": " + answer.substr(at + member.size(), close - at - member.size());
    }
    return text;
  }

  // A table with a string hash key "pk", and if asked a string range key "sk".
  void MakeTable(std::string_view name, std::string_view more = "") {
    Do("CreateTable", "{'TableName':'" + std::string(name) +
                          "','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
                          "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],"
                          "'BillingMode':'PAY_PER_REQUEST'" +
                          std::string(more) + "}");
    Turn(1s);
  }
  void MakeRangeTable(std::string_view name, std::string_view attributes = "",
                      std::string_view more = "") {
    Do("CreateTable", "{'TableName':'" + std::string(name) +
                          "','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},"
                          "{'AttributeName':'sk','AttributeType':'S'}" +
                          std::string(attributes) +
                          "],'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},"
                          "{'AttributeName':'sk','KeyType':'RANGE'}],"
                          "'BillingMode':'PAY_PER_REQUEST'" +
                          std::string(more) + "}");
    Turn(1s);
  }

  struct Due {
    base::WallTime when;
    std::function<void()> then;
  };
  // kGathered: writes wait for EndTurn.
  enum class Turns { kNone, kGathered };
  Turns turns_ = Turns::kNone;
  std::vector<std::function<void()>> soon_;
  std::string region_ = "us-east-1";
  base::testing::ScratchFolder directory_{"leeward-tables-XXXXXX"};
  ports::ManualClock clock_{base::WallTime{std::chrono::hours(24 * 365 * 56)}};
  ports::SeededRandom random_{1};
  ReplicaKeeper* replicas_ = nullptr;
  std::vector<Due> due_;
  std::vector<Metric> metrics_;
  std::unique_ptr<Engine> engine_;
  int status_ = 0;
};

}  // namespace leeward::lab::tables
