// Flow: a job of many waits, written as one function.
//
//   Flow<Status> Restart(Engine& engine) {
//     co_await engine.Stop();
//     co_return co_await engine.Start();
//   }
//
// A Flow runs on its process's event thread only. Start it with Detach(), or co_await it in another
// Flow. A Flow whose wait is dropped (the host went away) is destroyed with all that waits for it:
// nothing leaks.
//
// Never write a lambda, braced aggregate or conditional inside a co_await expression: GCC 12
// destroys such temporaries twice. Make the awaited object in a function or a statement of its own.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/result.h"
#include "base/time.h"
#include "lab/core/service.h"

namespace leeward::lab {

namespace flow_internal {

struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::coroutine_handle<> root;  // the outermost frame: it owns all inner ones
  bool detached = false;

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      PromiseBase& promise = handle.promise();
      if (promise.continuation) return promise.continuation;
      if (promise.detached) handle.destroy();
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_value(T result) { value.emplace(std::move(result)); }
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_void() const noexcept {}
};

// The right to resume a waiting Flow once; dropped unused, it destroys the Flow.
class Ticket {
 public:
  Ticket(std::coroutine_handle<> waiting, std::coroutine_handle<> root)
      : waiting_(waiting), root_(root) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() {
    if (waiting_) root_.destroy();
  }
  void Resume() {
    CHECK_MSG(waiting_, "a wait was answered twice");
    std::exchange(waiting_, nullptr).resume();
  }

 private:
  std::coroutine_handle<> waiting_;
  std::coroutine_handle<> root_;
};

}  // namespace flow_internal

template <typename T = void>
class [[nodiscard]] Flow {
 public:
  using promise_type = flow_internal::Promise<T>;

  Flow(std::coroutine_handle<promise_type> handle)
      : handle_(handle) {}  // NOLINT: made by the compiler
  Flow(Flow&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  ~Flow() {
    if (handle_) handle_.destroy();
  }

  // Runs on by itself from here.
  void Detach() && {
    auto handle = std::exchange(handle_, nullptr);
    handle.promise().detached = true;
    handle.promise().root = handle;
    handle.resume();
  }

  bool await_ready() const noexcept { return false; }
  template <typename Outer>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Outer> outer) noexcept {
    handle_.promise().continuation = outer;
    handle_.promise().root = outer.promise().root;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// One wait for a callback: `start` is given the function that ends the wait, to be called exactly
// once.
template <typename T>
class Await {
 public:
  using Done = std::function<void(T)>;
  explicit Await(std::function<void(Done)> start) : start_(std::move(start)) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    auto ticket = std::make_shared<flow_internal::Ticket>(handle, handle.promise().root);
    std::optional<T>* slot = &value_;
    // The Flow, and this object in it, may be gone before `start` returns.
    auto start = std::move(start_);
    start([ticket = std::move(ticket), slot](T value) {
      slot->emplace(std::move(value));
      ticket->Resume();
    });
  }
  T await_resume() { return std::move(*value_); }

 private:
  std::function<void(Done)> start_;
  std::optional<T> value_;
};

struct Nothing {};

inline Await<Nothing> Sleep(Host& host, base::Duration delay) {
  return Await<Nothing>([&host, delay](Await<Nothing>::Done done) {
    host.After(delay, [done = std::move(done)] { done({}); });
  });
}

// Runs `work` on a worker thread.
template <typename T>
Await<T> Offload(Host& host, std::function<T()> work) {
  return Await<T>([&host, work = std::move(work)](typename Await<T>::Done done) {
    auto result = std::make_shared<std::optional<T>>();
    host.RunBlocking([work, result] { result->emplace(work()); },
                     [done = std::move(done), result] { done(std::move(**result)); });
  });
}

}  // namespace leeward::lab
