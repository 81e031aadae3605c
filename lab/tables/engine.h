// The engine of the lab's DynamoDB: one Region's tables, their items, indexes and streams.
//
// It takes verified requests as they came off the wire (operation name and JSON body) and answers
// as DynamoDB answers. It opens no socket, checks no signature and asks nobody the time: those come
// from the process around it. One per Region; single-threaded: every call, and everything given to
// `after`, runs on one thread.
//
// What it holds is on disk when the answer is given, and survives a kill of the process (not a loss
// of power: nothing is synced).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lab/core/service.h"
#include "ports/clock.h"
#include "ports/random.h"

namespace leeward::lab::tables {

class Replication;    // lab/tables/replication.h
class ReplicaKeeper;  // lab/tables/replication.h
struct Core;

// Who signed the request; what resource policies are judged on.
struct Caller {
  std::string_view arn;         // "arn:aws:iam::123456789012:user/lab"
  std::string_view account;     // "123456789012"; empty: the engine's own
  std::string_view request_id;  // of the answer's header; for messages only
};

// What goes back, as JSON; the process adds x-amzn-RequestId and x-amz-crc32.
struct WireAnswer {
  int status = 200;
  std::string body;  // an error: {"__type":"com.amazonaws.dynamodb.v20120810#...","message":"..."}
};
// Called exactly once, on the engine's thread, within Handle or later.
using WireReply = std::function<void(WireAnswer)>;

// One datum for CloudWatch, namespace "AWS/DynamoDB".
struct Metric {
  std::string_view name;  // "ThrottledRequests"
  std::vector<std::pair<std::string, std::string>> dimensions;
  std::string_view unit;  // "Count"
  double value = 0;
};

// A KMS key of this Region, as tables see it.
struct EncryptionKey {
  std::string arn;
  bool usable = false;
};

struct EngineOptions {
  std::filesystem::path directory;      // made when absent; held by one engine at a time
  std::string region;                   // "us-east-1"
  std::string account;                  // "123456789012"
  Pace pace = Pace::kFast;              // how long tables stay CREATING, UPDATING, DELETING
  const ports::Clock* clock = nullptr;  // this Region's; outlives the engine
  ports::Random* random = nullptr;      // outlives the engine
  // Runs `then` on the engine's thread after `delay`. May be called until the engine is destroyed;
  // what is still due after that may run: it does nothing.
  std::function<void(base::Duration delay, std::function<void()> then)> after;
  // Runs `then` on the engine's thread when the calls at hand are through: writes among them are
  // made together and answered then. Empty: each by itself, at once.
  std::function<void(std::function<void()> then)> soon;
  std::function<void(const Metric&)> metric;  // may be empty
  // Global tables: what keeps the replicas in the other Regions (lab/tables/replication.h). Null: a
  // request that names replicas is refused. Outlives the engine.
  ReplicaKeeper* replicas = nullptr;
  // KMS of this Region: the key of that id, ARN, alias or alias ARN; nothing for one that is not
  // there or that AWS keeps for another service. Empty: keys are taken by their names.
  std::function<std::optional<EncryptionKey>(std::string_view name)> keys;
};

class Engine {
 public:
  // Reads what the directory holds and goes on where the last process was stopped. kWrongState when
  // another process has the directory.
  static base::Result<std::unique_ptr<Engine>> Open(EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // One verified request. `operation` is what follows the dot of x-amz-target ("PutItem");
  // `streams` targets are told by HandleStreams. An operation that is not served answers
  // UnknownOperationException and names it. `body` need not outlive the call.
  void Handle(std::string_view operation, std::string_view body, const Caller& caller,
              const WireReply& reply);
  // The same for DynamoDBStreams_20120810 targets.
  void HandleStreams(std::string_view operation, std::string_view body, const Caller& caller,
                     const WireReply& reply);

  // For AWS Backup, which keeps backups elsewhere (lab/tables/backup_parts.h).
  base::Result<shapes::Value> HandleBackupParts(std::string_view operation,
                                                const shapes::Value& input);

  // For the part that ships changes to other Regions and applies theirs.
  Replication& replication();

 private:
  explicit Engine(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace leeward::lab::tables
