#include "lab/dynamo/front.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "lab/wire/request.h"
#include "shapes/model.h"

namespace leeward::lab::dynamo {
namespace {

constexpr std::string_view kJson10 = "application/x-amz-json-1.0";
constexpr std::string_view kJson = "application/json";
constexpr std::size_t kRequestIdLength = 52;

constexpr auto kDataOperations = std::to_array<std::string_view>(
    {"BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "DescribeEndpoints",
     "ExecuteStatement", "ExecuteTransaction", "GetItem", "PutItem", "Query", "Scan",
     "TransactGetItems", "TransactWriteItems", "UpdateItem"});

using Targets = std::unordered_map<std::string, Target>;

void AddTargets(std::string_view service, Api api, Targets* targets) {
  const shapes::Model* model = shapes::FindModel(service);
  CHECK(model != nullptr);
  const auto add = [&](std::string_view operation) {
    const bool data = api == Api::kStreams ||
                      std::find(kDataOperations.begin(), kDataOperations.end(), operation) !=
                          kDataOperations.end();
    targets->emplace(fmt::format("{}.{}", model->target_prefix, operation),
                     Target{api, data ? Plane::kData : Plane::kControl, operation});
  };
  for (const auto& operation : model->operations) add(operation.name);
  for (const auto& operation : model->other_operations) add(operation.name);
}

const Targets& AllTargets() {
  static const Targets kTargets = [] {
    Targets targets;
    AddTargets("dynamodb", Api::kTables, &targets);
    AddTargets("dynamodbstreams", Api::kStreams, &targets);
    return targets;
  }();
  return kTargets;
}

// The media type without its parameters.
std::string_view MediaType(const os::HttpServerRequest& request) {
  const std::string_view type = request.Header("Content-Type");
  return wire::Trim(type.substr(0, type.find(';')));
}

std::uint32_t Crc32(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

}  // namespace

std::optional<Target> FindTarget(std::string_view header) {
  const auto found = AllTargets().find(std::string(header));
  if (found == AllTargets().end()) return std::nullopt;
  return found->second;
}

std::string CoralError(std::string_view code, std::string_view message) {
  nlohmann::ordered_json json{{"__type", fmt::format("com.amazon.coral.service#{}", code)}};
  // As their libraries write it.
  if (!message.empty()) json[code == "SerializationException" ? "Message" : "message"] = message;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ports::HttpResponse InternalServerError() {
  const std::string body =
      R"({"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"})";
  return {500,
          {{"Content-Type", std::string(kJson10)}, {"x-amz-crc32", fmt::to_string(Crc32(body))}},
          body};
}

Front::Front(FrontOptions options)
    : options_(std::move(options)),
      signatures_(*options_.credentials, options_.region),
      ids_(options_.random->Next()) {}

std::string Front::NewRequestId() {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
  constexpr std::size_t kLettersPerNumber = 12;
  std::string id(kRequestIdLength, '\0');
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i % kLettersPerNumber == 0) number = ids_();
    id[i] = kLetters[number % kLetters.size()];
    number /= kLetters.size();
  }
  return id;
}

const std::string& Front::DateHeader() {
  const base::WallTime now = options_.clock->Now();
  const std::int64_t second = base::Millis(now.since_epoch) / 1000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = base::FormatHttpDate(now);
  }
  return date_;
}

void Front::Handle(const Exchange& exchange) {
  const os::HttpServerRequest& request = exchange->request();
  if (request.method == "GET")
    return AnswerBare(exchange, 200, "text/plain",
                      fmt::format("healthy: dynamodb.{}.amazonaws.com ", options_.region));
  if (request.method == "OPTIONS") return AnswerPreflight(exchange);
  const std::string_view type = MediaType(request);
  if (request.method != "POST" || (!request.body.empty() && type != kJson10 && type != kJson))
    return AnswerBare(exchange, 404, "application/xml", "<UnknownOperationException/>\n");
  const auto target = FindTarget(request.Header("X-Amz-Target"));
  if (!target) return AnswerError(exchange, {"UnknownOperationException", "", 400, {}});
  HandleOperation(exchange, *target);
}

void Front::HandleOperation(const Exchange& exchange, const Target& target) {
  const os::HttpServerRequest& request = exchange->request();
  const auto verdict = signatures_.Check(request, options_.clock->Now());
  if (verdict.signer == nullptr) {
    // JSON is judged before the signature: a good one leaves that to the engine, which reads it
    // anyway.
    if (!nlohmann::json::accept(request.body))
      return AnswerError(exchange, {"SerializationException", "", 400, {}});
    return AnswerError(exchange, *verdict.error);
  }
  if (target.plane == Plane::kControl && options_.control_plane_down &&
      options_.control_plane_down()) {
    return AnswerError(exchange, {"ServiceUnavailable",
                                  fmt::format("The control plane of {} is down", options_.region),
                                  503,
                                  {}});
  }
  ItemCall call;
  call.target = target;
  call.body = request.body;
  call.caller.arn = verdict.signer->arn;
  call.caller.account = options_.account;
  options_.engine(call, [this, exchange](tables::WireAnswer answer) {
    Answer(exchange, answer.status, std::move(answer.body));
  });
}

void Front::AnswerError(const Exchange& exchange, const ApiError& error) {
  Answer(exchange, error.http_status, CoralError(error.code, error.message));
}

void Front::Answer(const Exchange& exchange, int status, std::string body) {
  const bool plain = MediaType(exchange->request()) == kJson;
  AnswerBare(exchange, status, plain ? kJson : kJson10, std::move(body));
}

void Front::AnswerBare(const Exchange& exchange, int status, std::string_view type,
                       std::string body) {
  ports::HttpResponse response;
  response.status = status;
  response.headers.reserve(8);
  response.headers.emplace_back("Server", "Server");
  response.headers.emplace_back("Date", DateHeader());
  if (!type.empty()) response.headers.emplace_back("Content-Type", type);
  response.headers.emplace_back("x-amzn-RequestId", NewRequestId());
  response.headers.emplace_back("x-amz-crc32", fmt::to_string(Crc32(body)));
  if (!exchange->request().Header("Origin").empty()) {
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
    response.headers.emplace_back(
        "Access-Control-Expose-Headers",
        "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-crc32,Date");
  }
  response.body = std::move(body);
  exchange->Reply(std::move(response));
}

// What a browser asks before it sends a request to another site.
void Front::AnswerPreflight(const Exchange& exchange) {
  const os::HttpServerRequest& request = exchange->request();
  ports::HttpResponse response{200,
                               {{"x-amzn-RequestId", NewRequestId()},
                                {"Access-Control-Allow-Origin", "*"},
                                {"Access-Control-Max-Age", "172800"}},
                               ""};
  for (const auto& [asked, given] :
       {std::pair<std::string_view, const char*>{"Access-Control-Request-Headers",
                                                 "Access-Control-Allow-Headers"},
        {"Access-Control-Request-Method", "Access-Control-Allow-Methods"}}) {
    if (const auto value = request.Header(asked); !value.empty())
      response.headers.emplace_back(given, value);
  }
  exchange->Reply(std::move(response));
}

}  // namespace leeward::lab::dynamo
