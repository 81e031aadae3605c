#include <fmt/format.h>

#include <algorithm>

#include "aws/client_impl.h"
#include "aws/jmespath.h"

namespace leeward::aws {
namespace {

using shapes::Value;
using shapes::Waiter;
using shapes::WaiterAcceptor;

const Waiter* FindWaiter(const shapes::Model& model, std::string_view name) {
  for (const Waiter& waiter : model.waiters) {
    if (waiter.name == name) return &waiter;
  }
  return nullptr;
}

std::string TextOf(const Value& value) {
  if (value.is_string()) return value.str();
  if (value.is_bool()) return value.boolean() ? "true" : "false";
  return value.is_int() ? std::to_string(value.integer()) : "";
}

bool MatchesPath(const WaiterAcceptor& acceptor, const Value& answer) {
  const base::Result<Value> found = SearchPath(acceptor.argument, answer);
  if (!found.ok()) return false;
  const auto is_expected = [&](const Value& value) { return TextOf(value) == acceptor.expected; };
  if (acceptor.matcher == "path") return is_expected(*found);
  if (!found->is_list() || found->list().empty()) return false;
  const Value::List& items = found->list();
  return acceptor.matcher == "pathAll" ? std::all_of(items.begin(), items.end(), is_expected)
                                       : std::any_of(items.begin(), items.end(), is_expected);
}

// The wire code or the shape's name: models use either. A bare "true"/"false" asks for any error or
// none.
bool MatchesError(const WaiterAcceptor& acceptor, const shapes::Operation& operation,
                  const base::Error& error) {
  if (acceptor.expected == "true") return true;
  if (error.service_code() == acceptor.expected) return true;
  for (const shapes::Shape* shape : operation.errors) {
    const bool named = shape->name == acceptor.expected;
    if (named && shape->error != nullptr && shape->error->code == error.service_code()) return true;
  }
  return false;
}

bool Matches(const WaiterAcceptor& acceptor, const shapes::Operation& operation,
             const base::Result<Value>& look) {
  if (acceptor.matcher == "error") {
    if (look.ok()) return acceptor.expected == "false";
    return MatchesError(acceptor, operation, look.error());
  }
  if (acceptor.matcher == "status") {
    return look.ok() && std::to_string(operation.success_status) == acceptor.expected;
  }
  return look.ok() && MatchesPath(acceptor, *look);
}

// The state of the first acceptor that fits; empty when none does.
std::string_view StateOf(const Waiter& waiter, const shapes::Operation& operation,
                         const base::Result<Value>& look) {
  for (const WaiterAcceptor& acceptor : waiter.acceptors) {
    if (Matches(acceptor, operation, look)) return acceptor.state;
  }
  return "";
}

// Errors that may pass by themselves while somebody waits.
bool MayPass(const base::Error& error) {
  return error.code() == base::ErrorCode::kUnreachable ||
         error.code() == base::ErrorCode::kThrottled || error.code() == base::ErrorCode::kService;
}

}  // namespace

base::Result<Value> ClientImpl::WaitUntil(std::string_view service, std::string_view waiter_name,
                                          const Value& input, const CallOptions& options,
                                          const WaitOptions& wait) {
  const shapes::Model* model = shapes::FindModel(service);
  const Waiter* waiter = model == nullptr ? nullptr : FindWaiter(*model, waiter_name);
  if (waiter == nullptr)
    return base::Invalid(fmt::format("{} has no waiter '{}'", service, waiter_name));
  const shapes::Operation& operation = *model->FindOperation(waiter->operation);
  const base::MonotonicTime until = ports_.clock->Monotonic() + wait.deadline;
  const base::Duration delay = wait.delay.value_or(std::chrono::seconds(waiter->delay_seconds));
  const std::string what = fmt::format("{} {}", service, waiter_name);
  for (;;) {
    CallOptions look_options = options;
    look_options.deadline = std::min(options.deadline, until - ports_.clock->Monotonic());
    base::Result<Value> look = Call(service, waiter->operation, input, look_options);
    const std::string_view state = StateOf(*waiter, operation, look);
    if (state == "success") return look.ok() ? std::move(look) : base::Result<Value>(Value());
    if (state == "failure")
      return base::WrongState(fmt::format("{}: it can no longer come about", what));
    if (!look.ok() && state != "retry" && !MayPass(look.error()))
      return std::move(look).error().Context(what);
    if (ports_.clock->Monotonic() + delay >= until) {
      const std::string last = look.ok() ? "" : ": " + look.error().message();
      return base::Unreachable(
          fmt::format("{}: not so after {}{}", what, base::HumanDuration(wait.deadline), last));
    }
    if (!ports_.pause(delay))
      return base::Cancelled(fmt::format("{}: stopped while waiting", what));
  }
}

}  // namespace leeward::aws
