// FakeAws: AWS answered by functions a test writes, one an operation. What no function answers is
// an error that names it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aws/client.h"

namespace leeward::steps::testing {

struct SeenCall {
  std::string operation;  // "rds:PromoteReadReplica"
  shapes::Value input;
  aws::CallOptions options;
};

class FakeAws : public aws::Client {
 public:
  using Answer = std::function<base::Result<shapes::Value>(const SeenCall& call)>;
  // Asked before each answer, when there is one: what it refuses is not done.
  std::function<base::Status(const SeenCall& call)> gate;

  void On(const std::string& operation, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[operation] = std::move(answer);
  }
  // The calls of an operation so far; all when it is empty.
  std::vector<SeenCall> Calls(const std::string& operation = "") const {
    const std::lock_guard lock(mutex_);
    std::vector<SeenCall> found;
    for (const SeenCall& call : calls_) {
      if (operation.empty() || call.operation == operation) found.push_back(call);
    }
    return found;
  }
  void ForgetCalls() {
    const std::lock_guard lock(mutex_);
    calls_.clear();
  }

  base::Result<shapes::Value> Call(std::string_view service, std::string_view operation,
                                   const shapes::Value& input,
                                   const aws::CallOptions& options) override {
    const SeenCall call{std::string(service) + ":" + std::string(operation), input, options};
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
      const auto found = answers_.find(call.operation);
      if (found != answers_.end()) answer = found->second;
    }
    if (gate) RETURN_IF_ERROR(gate(call));
    if (!answer) return base::Invalid("the test has no answer to " + call.operation);
    return answer(call);
  }
  base::Result<shapes::Value> Paginate(std::string_view service, std::string_view operation,
                                       const shapes::Value& input,
                                       const aws::CallOptions& options) override {
    return Call(service, operation, input, options);
  }
  base::Result<shapes::Value> WaitUntil(std::string_view, std::string_view waiter,
                                        const shapes::Value&, const aws::CallOptions&,
                                        const aws::WaitOptions&) override {
    return base::Invalid("the test has no waiter " + std::string(waiter));
  }
  base::Result<std::string> Presign(std::string_view, std::string_view operation,
                                    const shapes::Value&, const aws::CallOptions&,
                                    base::Duration) override {
    return base::Invalid("the test presigns no " + std::string(operation));
  }
  base::Result<std::string> EndpointFor(std::string_view service,
                                        const aws::CallOptions&) const override {
    return std::string(service);
  }
  std::string_view region() const override { return "us-west-2"; }
  base::Status CheckCredentials() override { return base::Ok(); }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::vector<SeenCall> calls_;
};

}  // namespace leeward::steps::testing
