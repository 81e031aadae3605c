// For tests: requests signed as clients sign them, and an exchange that keeps its answer.
#pragma once

#include <optional>
#include <string>

#include "lab/wire/signature.h"
#include "os/http_server.h"

namespace leeward::lab::dynamo {

struct SignOptions {
  std::string access_key = "test";
  std::string secret_key = "test";
  std::string token;
  std::string region = "us-east-1";
  std::string service = "dynamodb";
  std::string time = "20261123T080000Z";
  std::optional<std::string> day;  // of the scope; by default the time's
};

// Adds the headers of a signature to the request; every header it has by then is signed.
inline void Sign(const SignOptions& options, os::HttpServerRequest* request) {
  request->headers.emplace_back("X-Amz-Date", options.time);
  if (!options.token.empty()) request->headers.emplace_back("X-Amz-Security-Token", options.token);
  wire::Claim claim;
  claim.access_key = options.access_key;
  claim.date = options.day.value_or(options.time.substr(0, 8));
  claim.time = options.time;
  claim.region = options.region;
  claim.service = options.service;
  for (const auto& [name, value] : request->headers)
    claim.signed_headers.push_back(wire::Lower(name));
  std::sort(claim.signed_headers.begin(), claim.signed_headers.end());
  const wire::Request read{request->method, request->target, request->headers, request->body};
  const std::string canonical = wire::CanonicalRequest(read, claim, wire::PathRule::kNormalised);
  const std::string signature =
      wire::Signature(claim, options.secret_key, wire::StringToSign(claim, canonical));
  std::string names;
  for (const std::string& name : claim.signed_headers) names += (names.empty() ? "" : ";") + name;
  request->headers.emplace_back(
      "Authorization", "AWS4-HMAC-SHA256 Credential=" + options.access_key + "/" + claim.date +
                           "/" + options.region + "/" + options.service +
                           "/aws4_request, SignedHeaders=" + names + ", Signature=" + signature);
}

inline os::HttpServerRequest MakeRequest(std::string operation, std::string body,
                                         const SignOptions& options = {}) {
  os::HttpServerRequest request{"POST",
                                "/",
                                {{"Host", "127.0.0.1:8000"},
                                 {"Content-Type", "application/x-amz-json-1.0"},
                                 {"X-Amz-Target", "DynamoDB_20120810." + std::move(operation)}},
                                std::move(body)};
  Sign(options, &request);
  return request;
}

class KeptExchange : public os::HttpExchange {
 public:
  explicit KeptExchange(os::HttpServerRequest request) : request_(std::move(request)) {}
  const os::HttpServerRequest& request() const override { return request_; }
  void Reply(ports::HttpResponse response) override { answer = std::move(response); }
  void Begin(ports::HttpResponse) override {}
  bool Send(std::string_view) override { return false; }
  void OnGone(std::function<void()>) override {}

  std::optional<ports::HttpResponse> answer;

 private:
  os::HttpServerRequest request_;
};

}  // namespace leeward::lab::dynamo
