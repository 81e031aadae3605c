// Api: the daemon's HTTP API as a function from request to answer. docs/formats/api.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/http.h"
#include "serve/status.h"

namespace leeward::serve {

// What a person may ask for with a start.
struct Order {
  std::optional<base::Duration> accept_loss;
  std::string override_fence;  // "NAME: REASON"; empty: none
};

// One person's agreement to what an execution waits for.
struct Approval {
  std::string by, reason;
  std::string execution;  // that it is for; empty: whatever asks now
};

// The applications that are served. All calls but Approve are quick.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::vector<Status> All() const = 0;
  // kNotFound where there is no such application, in each of these.
  virtual base::Result<Status> StatusOf(const std::string& application) const = 0;
  // The plan that a failover would carry out now, as JSON. kWrongState: there is none.
  virtual base::Result<std::string> Plan(const std::string& application) const = 0;
  // kWrongState: not now, and why.
  virtual base::Status Start(const std::string& application, const Order& order) = 0;
  virtual base::Status Abort(const std::string& application) = 0;
  // What was approved, with the approval in it. kNotFound too where nothing asks, or another
  // execution; kAlready, kWrongState: as decide::Approve. Ends within a few seconds.
  virtual base::Result<decide::ApprovalRequest> Approve(const std::string& application,
                                                        const Approval& approval) = 0;
  // Why this process should be taken for sick; empty: it is well.
  virtual std::string Sickness() const = 0;
};

struct ApiRequest {
  std::string_view method, target, authorization, body;
};

inline constexpr std::size_t kMinToken = 16;  // characters
inline constexpr std::size_t kMaxApiBody = 4096;

class Api {
 public:
  // An empty token: nothing under /v1 is served.
  Api(std::string token, Backend& backend) : token_(std::move(token)), backend_(backend) {}
  ports::HttpResponse Answer(const ApiRequest& request) const;

 private:
  ports::HttpResponse Authorized(const ApiRequest& request) const;
  ports::HttpResponse OfApplication(const ApiRequest& request, const std::string& application,
                                    std::string_view verb) const;
  ports::HttpResponse Start(const std::string& application, std::string_view body) const;
  ports::HttpResponse Approve(const std::string& application, std::string_view body) const;

  const std::string token_;
  Backend& backend_;
};

// Takes as long for any text of that length, wherever it differs.
bool SameSecret(std::string_view secret, std::string_view offered);

}  // namespace leeward::serve
