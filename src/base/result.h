// Result<T>: a value, or the Error that stood in its way. No exception crosses a room.
//
//   Result<Journal> Open(path);
//   ASSIGN_OR_RETURN(Journal journal, Open(path));
//   RETURN_IF_ERROR(journal.Append(record));
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace leeward::base {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // The value. CHECKs that there is one.
  T& value() & {
    CHECK_MSG(ok(), error_text());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK_MSG(ok(), error_text());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK_MSG(ok(), error_text());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // The error. CHECKs that there is one.
  const Error& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  const char* error_text() const { return ok() ? "" : std::get<1>(state_).message().c_str(); }
  std::variant<T, Error> state_;
};

// Result<void>: done, or the Error. Status is the same type by another name.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;
inline Status Ok() { return {}; }

}  // namespace leeward::base

#define LEEWARD_CONCAT_(a, b) a##b
#define LEEWARD_CONCAT(a, b) LEEWARD_CONCAT_(a, b)

#define RETURN_IF_ERROR(expression)                                       \
  do {                                                                    \
    auto leeward_status_ = (expression);                                  \
    if (!leeward_status_.ok()) return std::move(leeward_status_).error(); \
  } while (false)

// The declaration cannot be in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ASSIGN_OR_RETURN(declaration, expression)                        \
  auto LEEWARD_CONCAT(leeward_result_, __LINE__) = (expression);         \
  if (!LEEWARD_CONCAT(leeward_result_, __LINE__).ok())                   \
    return std::move(LEEWARD_CONCAT(leeward_result_, __LINE__)).error(); \
  declaration = std::move(LEEWARD_CONCAT(leeward_result_, __LINE__)).value()
// NOLINTEND(bugprone-macro-parentheses)
