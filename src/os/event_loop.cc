#include "os/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace leeward::os {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

struct SignalWatch {
  SignalWatch(asio::io_context& context, std::function<void(int)> callback)
      : set(context), then(std::move(callback)) {}

  asio::signal_set set;
  std::function<void(int)> then;

  void Wait() {
    set.async_wait([this](const ErrorCode& error, int signal) {
      if (error) return;
      then(signal);
      Wait();
    });
  }
};

}  // namespace

struct EventLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  std::map<TimerId, std::shared_ptr<asio::steady_timer>> timers;
  TimerId next_timer = 1;
  std::vector<std::unique_ptr<SignalWatch>> signals;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::Run() {
  impl_->context.run();
  impl_->context.restart();  // afterwards, so that a stop asked for before Run is not forgotten
}

void EventLoop::Stop() { impl_->context.stop(); }

void EventLoop::Post(std::function<void()> then) { asio::post(impl_->context, std::move(then)); }

EventLoop::TimerId EventLoop::After(base::Duration delay, std::function<void()> then) {
  const TimerId id = impl_->next_timer++;
  auto timer = std::make_shared<asio::steady_timer>(impl_->context, delay);
  impl_->timers.emplace(id, timer);
  timer->async_wait([this, id, then = std::move(then)](const ErrorCode& error) {
    if (error || impl_->timers.erase(id) == 0) return;
    then();
  });
  return id;
}

void EventLoop::Cancel(TimerId timer) { impl_->timers.erase(timer); }

void EventLoop::OnSignals(const std::vector<int>& signals, std::function<void(int)> then) {
  auto watch = std::make_unique<SignalWatch>(impl_->context, std::move(then));
  for (const int signal : signals) watch->set.add(signal);
  watch->Wait();
  impl_->signals.push_back(std::move(watch));
}

struct Descriptor::Impl {
  explicit Impl(asio::io_context& context, int value) : descriptor(context, value) {}
  asio::posix::stream_descriptor descriptor;
  bool open = true;
};

Descriptor::Descriptor(EventLoop& loop, int descriptor)
    : impl_(std::make_shared<Impl>(loop.impl().context, descriptor)) {
  impl_->descriptor.non_blocking(true);
}

Descriptor::~Descriptor() {
  impl_->open = false;
  ErrorCode ignored;  // nothing to do about a failing close
  impl_->descriptor.close(ignored);
}

int Descriptor::get() const { return impl_->descriptor.native_handle(); }

void Descriptor::OnReadable(std::function<void()> then) {
  impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                               [impl = impl_, then = std::move(then)](const ErrorCode& error) {
                                 if (!error && impl->open) then();
                               });
}

void Descriptor::OnWritable(std::function<void()> then) {
  impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                               [impl = impl_, then = std::move(then)](const ErrorCode& error) {
                                 if (!error && impl->open) then();
                               });
}

struct WorkerPool::Impl {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  std::vector<std::thread> threads;
  std::size_t max_threads = 1;
  std::size_t idle = 0;
  bool stopping = false;

  void Work() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      --idle;
      if (queue.empty()) return;
      auto work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }
};

WorkerPool::WorkerPool(std::size_t max_threads) : impl_(std::make_unique<Impl>()) {
  impl_->max_threads = max_threads;
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void WorkerPool::Run(std::function<void()> work) {
  const std::lock_guard lock(impl_->mutex);
  impl_->queue.push_back(std::move(work));
  if (impl_->idle < impl_->queue.size() && impl_->threads.size() < impl_->max_threads) {
    impl_->threads.emplace_back([this] { impl_->Work(); });
  }
  impl_->wake.notify_one();
}

}  // namespace leeward::os
