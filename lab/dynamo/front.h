// HTTP as DynamoDB speaks it: which operation a request is for, who signed it, and the headers of
// the answer. What the operations do is the engine's.
//
// The checks are made in DynamoDB's order: method and content type, target, JSON, signature, and
// only then the operation.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "lab/dynamo/signatures.h"
#include "lab/tables/engine.h"
#include "os/http_server.h"
#include "ports/clock.h"
#include "ports/random.h"

namespace leeward::lab::dynamo {

enum class Api { kTables, kStreams };  // DynamoDB_20120810, DynamoDBStreams_20120810
enum class Plane { kControl, kData };  // what a failed control plane takes away, and what it leaves

struct Target {
  Api api = Api::kTables;
  Plane plane = Plane::kData;
  std::string_view operation;  // "PutItem"; lives as long as the program
};

// What x-amz-target names: an operation of DynamoDB's model, served or not. Nothing for anything
// else.
std::optional<Target> FindTarget(std::string_view header);

// A verified request.
struct ItemCall {
  Target target;
  std::string_view body;
  tables::Caller caller;
};

struct FrontOptions {
  const Credentials* credentials = nullptr;  // outlives the front, as do the next two
  const ports::Clock* clock = nullptr;       // this Region's
  ports::Random* random = nullptr;
  std::string region;
  std::string account;
  std::function<bool()> control_plane_down;  // may be empty
  std::function<void(const ItemCall&, const tables::WireReply&)>
      engine;  // the call need not outlive it
};

class Front {
 public:
  explicit Front(FrontOptions options);

  void Handle(const std::shared_ptr<os::HttpExchange>& exchange);

 private:
  using Exchange = std::shared_ptr<os::HttpExchange>;

  void HandleOperation(const Exchange& exchange, const Target& target);
  void Answer(const Exchange& exchange, int status, std::string body);
  void AnswerError(const Exchange& exchange, const ApiError& error);
  void AnswerBare(const Exchange& exchange, int status, std::string_view type, std::string body);
  void AnswerPreflight(const Exchange& exchange);
  std::string NewRequestId();
  const std::string& DateHeader();

  FrontOptions options_;
  SignatureChecker signatures_;
  std::mt19937_64 ids_;
  std::int64_t date_second_ = -1;
  std::string date_;
};

// The answer while no item store answers: what AWS says while a node is replaced.
ports::HttpResponse InternalServerError();

// The JSON of an error that the HTTP layer itself gives.
std::string CoralError(std::string_view code, std::string_view message);

}  // namespace leeward::lab::dynamo
