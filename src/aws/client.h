// Client: every modelled AWS operation, by name. Blocking, safe to call from several threads.
//
//   ASSIGN_OR_RETURN(auto client, aws::Client::Create(ports, settings));
//   ASSIGN_OR_RETURN(Value answer, client->Call("rds", "DescribeDBInstances", input, {.region =
//   "us-west-2"}));
//
// Nothing here knows what an operation is for. Errors carry the wire code in service_code():
//   kUnreachable  no answer: DNS, connect, TLS, reset or time-out. What a lost Region looks like
//   kThrottled    still throttled after the last attempt
//   kService      the service said that it is broken (5xx)
//   kDenied       credentials missing, wrong, expired or not allowed
//   kNotFound, kAlready, kWrongState   by the wire code's family
//   kInvalid      every other refusal, and input that does not fit the model (nothing was sent)
//   kCancelled    Ports::pause said stop
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "ports/files.h"
#include "ports/http.h"
#include "ports/random.h"
#include "shapes/value.h"

namespace leeward::aws {

// The outside world; everything outlives the client.
struct Ports {
  ports::HttpTransport* transport = nullptr;
  const ports::Clock* clock = nullptr;
  ports::Random* random = nullptr;  // used under the client's own lock
  ports::Files* files = nullptr;
  // Waits that long, or less when asked to stop: then it returns false. Tests turn a manual clock
  // here.
  std::function<bool(base::Duration)> pause;
};

using Environment = std::map<std::string, std::string>;

struct Settings {
  Environment environment;                  // AWS_* variables, HOME
  std::string profile;                      // empty: AWS_PROFILE, else "default"
  std::string region;                       // empty: AWS_REGION, AWS_DEFAULT_REGION, the profile's
  std::optional<std::string> endpoint_url;  // over AWS_ENDPOINT_URL and the profile's
};

struct CallOptions {
  std::string region;                       // empty: the configured one
  std::optional<std::string> endpoint_url;  // over everything configured; ARC's cluster endpoints
  base::Duration deadline =
      base::Duration(10'000'000'000);  // whole call with all attempts; never outlived
  base::Duration connect_timeout =
      base::Duration(1'000'000'000);  // one attempt, to a connection with TLS
  base::Duration attempt_timeout = base::Duration(5'000'000'000);  // one attempt, to the last byte
  int max_attempts = 3;                                            // 1..10; the first counts
  std::string source_address;  // local address to call from; empty: the system's choice
  // Of a presigned URL: what its query says besides, where the model does not know it.
  std::vector<std::pair<std::string, std::string>> also;
};

struct WaitOptions {
  base::Duration deadline = base::Duration(600'000'000'000);  // whole wait
  std::optional<base::Duration> delay;                        // between looks; empty: the model's
};

class Client {
 public:
  virtual ~Client() = default;

  // Reads the shared configuration files; makes no call. kInvalid when they or the settings are
  // malformed.
  static base::Result<std::unique_ptr<Client>> Create(const Ports& ports, Settings settings);

  // One operation. `service` is a folder name of aws_models ("rds"). Idempotency tokens that the
  // input leaves out are filled in. Input that does not fit the model is kInvalid and nothing is
  // sent.
  virtual base::Result<shapes::Value> Call(std::string_view service, std::string_view operation,
                                           const shapes::Value& input,
                                           const CallOptions& options) = 0;

  // The operation's pages merged into one answer (result lists joined, the rest from the first
  // page). The deadline is for all pages; more than 1,000 pages is kExhausted.
  virtual base::Result<shapes::Value> Paginate(std::string_view service, std::string_view operation,
                                               const shapes::Value& input,
                                               const CallOptions& options) = 0;

  // Looks until the model's waiter ("DBInstanceAvailable") is satisfied; the answer that satisfied
  // it, absent when an error did. kWrongState when it can no longer be, kUnreachable when its
  // deadline passes without it.
  virtual base::Result<shapes::Value> WaitUntil(std::string_view service, std::string_view waiter,
                                                const shapes::Value& input,
                                                const CallOptions& options,
                                                const WaitOptions& wait) = 0;

  // A URL that carries the call and its signature in its query (query and ec2 protocols, GET).
  virtual base::Result<std::string> Presign(std::string_view service, std::string_view operation,
                                            const shapes::Value& input, const CallOptions& options,
                                            base::Duration valid_for) = 0;

  // Where a call would go: "https://rds.us-west-2.amazonaws.com". For plans and messages.
  virtual base::Result<std::string> EndpointFor(std::string_view service,
                                                const CallOptions& options) const = 0;

  // The configured Region; empty when there is none.
  virtual std::string_view region() const = 0;

  // Fetches credentials if there are none yet: kDenied in one line that says where they were looked
  // for.
  virtual base::Status CheckCredentials() = 0;
};

}  // namespace leeward::aws
