// Api: the application's HTTP API as a function from request to answer, and that between the
// Regions' services. docs/formats/session-api.md.
#pragma once

#include <string>
#include <string_view>

#include "ports/http.h"
#include "sessions/meter.h"
#include "sessions/peer_message.h"
#include "sessions/sessions.h"

namespace leeward::sessions {

inline constexpr std::size_t kMostApiBody = 128u << 10;
inline constexpr std::size_t kLeastToken = 16;  // characters
inline constexpr char kCredentialHeader[] = "Leeward-Session";

struct ApiRequest {
  std::string_view method, target, authorization, credential, body;
};

// What /healthz and /metrics answer.
class Condition {
 public:
  virtual ~Condition() = default;
  virtual std::string Sickness() const = 0;  // empty: it is well
  virtual std::string MetricsText() const = 0;
};

class Api {
 public:
  // An empty token: whoever reaches the port may ask.
  Api(std::string token, Sessions& sessions, const Condition& condition)
      : token_(std::move(token)), sessions_(sessions), condition_(condition) {}
  // Blocks as long as the sessions do. `operation` is what it turned out to be.
  ports::HttpResponse Answer(const ApiRequest& request, Operation* operation) const;

 private:
  ports::HttpResponse Authorized(const ApiRequest& request, Operation* operation) const;
  ports::HttpResponse OfSession(const ApiRequest& request, Operation* operation) const;
  ports::HttpResponse Create(const ApiRequest& request) const;
  ports::HttpResponse Change(const ApiRequest& request) const;
  ports::HttpResponse Revoke(const ApiRequest& request) const;
  ports::HttpResponse Keys(const ApiRequest& request) const;

  const std::string token_;
  Sessions& sessions_;
  const Condition& condition_;
};

class PeerApi {
 public:
  PeerApi(std::string token, session::DataLimits limits, PeerBackend& backend)
      : token_(std::move(token)), limits_(limits), backend_(backend) {}
  ports::HttpResponse Answer(const ApiRequest& request) const;

 private:
  const std::string token_;
  const session::DataLimits limits_;
  PeerBackend& backend_;
};

// Takes as long for any text of that length, wherever it differs. False for an empty secret.
bool SameSecret(std::string_view secret, std::string_view offered);

}  // namespace leeward::sessions
