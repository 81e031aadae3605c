#include <fmt/format.h>

#include "aws/client_impl.h"
#include "aws/jmespath.h"

namespace leeward::aws {
namespace {

using shapes::Pagination;
using shapes::Value;

constexpr int kMaxPages = 1000;

const Pagination* FindPagination(const shapes::Model& model, std::string_view operation) {
  for (const Pagination& pagination : model.paginations) {
    if (pagination.operation == operation) return &pagination;
  }
  return nullptr;
}

// Appends the page's result lists to `merged`.
void Merge(const Pagination& pagination, Value& merged, Value page) {
  for (const std::string_view key : pagination.result_keys) {
    Value* more = page.Find(key);
    if (more == nullptr || !more->is_list()) continue;
    Value* kept = merged.Find(key);
    if (kept == nullptr) {
      merged.Set(key, std::move(*more));
    } else if (kept->is_list()) {
      for (Value& item : more->list()) kept->list().push_back(std::move(item));
    }
  }
}

// Puts the next page's tokens into `input`; absent when this page was the last one.
base::Result<bool> Advance(const Pagination& pagination, const Value& page, Value& input) {
  if (!pagination.more_results.empty() && !page.Flag(pagination.more_results, false)) return false;
  bool any = false;
  for (std::size_t i = 0; i < pagination.input_tokens.size() && i < pagination.output_tokens.size();
       ++i) {
    ASSIGN_OR_RETURN(Value token, SearchPath(pagination.output_tokens[i], page));
    input.Erase(pagination.input_tokens[i]);
    if (token.is_null() || (token.is_string() && token.str().empty())) continue;
    input.Set(pagination.input_tokens[i], std::move(token));
    any = true;
  }
  return any;
}

}  // namespace

base::Result<Value> ClientImpl::Paginate(std::string_view service, std::string_view operation,
                                         const Value& input, const CallOptions& options) {
  const shapes::Model* model = shapes::FindModel(service);
  const Pagination* pagination = model == nullptr ? nullptr : FindPagination(*model, operation);
  // An operation without pages has all of its answer in the first.
  if (pagination == nullptr) return Call(service, operation, input, options);
  const base::MonotonicTime until = ports_.clock->Monotonic() + options.deadline;
  Value next = input.is_null() ? Value::Struct() : input;
  Value merged;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    CallOptions left = options;
    left.deadline = until - ports_.clock->Monotonic();
    const Value asked = next;
    ASSIGN_OR_RETURN(Value page, Call(service, operation, next, left));
    ASSIGN_OR_RETURN(const bool more, Advance(*pagination, page, next));
    if (merged.is_null()) {
      merged = std::move(page);
    } else {
      Merge(*pagination, merged, std::move(page));
    }
    if (!more) {
      // What said "go on from here" means nothing once all is here.
      for (const std::string_view token : pagination->output_tokens) merged.Erase(token);
      return merged;
    }
    if (next == asked) {
      return base::ServiceBroken(
          fmt::format("{} {} answers the same page again", service, operation));
    }
  }
  return base::Exhausted(
      fmt::format("{} {} has more than {} pages", service, operation, kMaxPages));
}

}  // namespace leeward::aws
