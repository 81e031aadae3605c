#include "lab/dynamo/front.h"

#include <gtest/gtest.h>

#include "lab/dynamo/testing.h"
#include "ports/clock.h"

namespace leeward::lab::dynamo {
namespace {

class FrontTest : public testing::Test {
 protected:
  FrontTest()
      : credentials_({.root = "root"}),
        clock_(*base::ParseIso8601("2026-11-23T08:00:00Z")),
        random_(1) {
    FrontOptions options;
    options.credentials = &credentials_;
    options.clock = &clock_;
    options.random = &random_;
    options.region = "us-east-1";
    options.account = "123456789012";
    options.control_plane_down = [this] { return control_plane_down_; };
    options.engine = [this](const ItemCall& call, const tables::WireReply& reply) {
      calls_.push_back(std::string(call.target.api == Api::kStreams ? "streams " : "") +
                       std::string(call.target.operation) + " " + std::string(call.body) + " " +
                       std::string(call.caller.arn));
      reply({200, R"({"Answer":1})"});
    };
    front_ = std::make_unique<Front>(std::move(options));
  }

  ports::HttpResponse Ask(os::HttpServerRequest request) {
    const auto exchange = std::make_shared<KeptExchange>(std::move(request));
    front_->Handle(exchange);
    EXPECT_TRUE(exchange->answer.has_value());
    return exchange->answer.value_or(ports::HttpResponse{});
  }

  Credentials credentials_;
  ports::ManualClock clock_;
  ports::SeededRandom random_;
  bool control_plane_down_ = false;
  std::vector<std::string> calls_;
  std::unique_ptr<Front> front_;
};

TEST_F(FrontTest, AVerifiedRequestReachesTheEngineAndTheAnswerHasItsHeaders) {
  const auto answer = Ask(MakeRequest("GetItem", "{}"));
  EXPECT_EQ(calls_, std::vector<std::string>{"GetItem {} arn:aws:iam::123456789012:user/lab"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"Answer":1})");
  EXPECT_EQ(answer.Header("Content-Type"), "application/x-amz-json-1.0");
  EXPECT_EQ(answer.Header("x-amz-crc32"), "238140283");  // of zlib's crc32
  EXPECT_EQ(answer.Header("Date"), "Mon, 23 Nov 2026 08:00:00 GMT");
  EXPECT_EQ(answer.Header("x-amzn-RequestId").size(), 52U);
  EXPECT_NE(Ask(MakeRequest("GetItem", "{}")).Header("x-amzn-RequestId"),
            answer.Header("x-amzn-RequestId"));
}

TEST_F(FrontTest, StreamsHaveTargetsOfTheirOwn) {
  os::HttpServerRequest request{"POST",
                                "/",
                                {{"Host", "h"},
                                 {"Content-Type", "application/json; charset=utf-8"},
                                 {"X-Amz-Target", "DynamoDBStreams_20120810.ListStreams"}},
                                "{}"};
  Sign({}, &request);
  EXPECT_EQ(Ask(request).Header("Content-Type"), "application/json");
  EXPECT_EQ(calls_.front().substr(0, 19), "streams ListStreams");
}

TEST_F(FrontTest, WhatIsNoRequestOfDynamoDbIsAnsweredBeforeTheSignature) {
  const auto health = Ask({"GET", "/", {}, ""});
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "healthy: dynamodb.us-east-1.amazonaws.com ");
  EXPECT_EQ(health.Header("x-amz-crc32"), "3128867991");
  const auto put = Ask({"PUT", "/", {}, ""});
  EXPECT_EQ(put.status, 404);
  EXPECT_EQ(put.body, "<UnknownOperationException/>\n");
  EXPECT_EQ(put.Header("x-amz-crc32"), "3552371480");
  EXPECT_EQ(Ask({"POST", "/", {{"Content-Type", "text/plain"}}, "{}"}).status, 404);
  for (const char* target : {"", "DynamoDB_20120810", "DynamoDB_20120810.Nonsense",
                             "DynamoDBStreams_20120810.GetItem"}) {
    const auto unknown =
        Ask({"POST",
             "/",
             {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", target}},
             "no"});
    EXPECT_EQ(unknown.status, 400);
    EXPECT_EQ(unknown.body, R"({"__type":"com.amazon.coral.service#UnknownOperationException"})")
        << target;
  }
  EXPECT_TRUE(calls_.empty());
}

TEST_F(FrontTest, JsonIsJudgedBeforeTheSignature) {
  os::HttpServerRequest request{"POST",
                                "/",
                                {{"Content-Type", "application/x-amz-json-1.0"},
                                 {"X-Amz-Target", "DynamoDB_20120810.PutItem"}},
                                "{"};
  EXPECT_EQ(Ask(request).body, R"({"__type":"com.amazon.coral.service#SerializationException"})");
  request.body = "{}";
  const auto unsigned_one = Ask(request);
  EXPECT_EQ(unsigned_one.status, 400);
  EXPECT_EQ(unsigned_one.body,
            R"({"__type":"com.amazon.coral.service#MissingAuthenticationTokenException",)"
            R"("message":"Request is missing Authentication Token"})");
  EXPECT_TRUE(calls_.empty());
}

TEST_F(FrontTest, AFailedControlPlaneLeavesTheItems) {
  control_plane_down_ = true;
  const auto answer = Ask(MakeRequest("CreateTable", "{}"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("ServiceUnavailable"), std::string::npos);
  EXPECT_EQ(Ask(MakeRequest("PutItem", "{}")).status, 200);
  EXPECT_EQ(calls_.size(), 1U);
}

TEST_F(FrontTest, ABrowserMayAskFromAnotherSite) {
  const auto preflight = Ask({"OPTIONS",
                              "/",
                              {{"Origin", "http://x"},
                               {"Access-Control-Request-Headers", "a, b"},
                               {"Access-Control-Request-Method", "POST"}},
                              ""});
  EXPECT_EQ(preflight.status, 200);
  EXPECT_EQ(preflight.Header("Access-Control-Allow-Headers"), "a, b");
  EXPECT_EQ(preflight.Header("Access-Control-Allow-Methods"), "POST");
  auto request = MakeRequest("GetItem", "{}");
  request.headers.emplace_back("Origin", "http://x");
  EXPECT_EQ(Ask(request).Header("Access-Control-Allow-Origin"), "*");
}

}  // namespace
}  // namespace leeward::lab::dynamo
