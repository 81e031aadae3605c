// Outcome<T>: a value, or the error that AWS would answer. base::Result is for what goes wrong with
// us; an Outcome goes out on the wire.
//
// It has the members that ASSIGN_OR_RETURN and RETURN_IF_ERROR (base/result.h) use, so both work
// with it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/result.h"
#include "lab/core/service.h"

namespace leeward::lab::items {

template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Outcome(ApiError error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // The value. CHECKs that there is one.
  T& value() & {
    CHECK_MSG(ok(), text());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK_MSG(ok(), text());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK_MSG(ok(), text());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // The error. CHECKs that there is one.
  const ApiError& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  ApiError&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  const char* text() const { return ok() ? "" : std::get<1>(state_).message.c_str(); }
  std::variant<T, ApiError> state_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(ApiError error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const ApiError& error() const& {
    CHECK(!ok());
    return *error_;
  }
  ApiError&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<ApiError> error_;
};
using Verdict = Outcome<void>;

// 400 ValidationException and SerializationException. On the wire DynamoDB puts them in two name
// spaces (com.amazon.coral.validate#, com.amazon.coral.service#); `code` is the bare name.
ApiError ValidationError(std::string message);
ApiError SerializationError(std::string message);
// ValidationException "One or more parameter values were invalid: " + `what`.
ApiError InvalidParameter(std::string what);

}  // namespace leeward::lab::items
