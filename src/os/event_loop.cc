#include "os/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "os/clock.h"
#include "os/signal_watch.h"

namespace leeward::os {
namespace {

constexpr int kEventsPerWake = 128;
constexpr std::uint32_t kGone = EPOLLERR | EPOLLHUP;  // reported whether asked for or not

}  // namespace

// A descriptor's place in the loop. What was asked for once stays asked for in the kernel until an
// event comes that nobody wants any more: a connection that reads again and again costs no further
// system call.
struct Descriptor::Impl {
  std::shared_ptr<EventLoop::Impl> loop;
  int descriptor = -1;
  bool open = true;
  bool registered = false;
  std::uint32_t interest = 0;
  std::function<void()> readable;
  std::function<void()> writable;

  void Want(std::uint32_t wanted);
  void Forget();
  void Happen(std::uint32_t events);
};

struct EventLoop::Impl {
  using TimerKey = std::pair<base::MonotonicTime, TimerId>;

  Impl() {
    CHECK(epoll >= 0 && wake >= 0 && timer >= 0);
    for (const int descriptor : {wake, timer}) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = descriptor == wake ? &wake : &timer;
      CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0);
    }
  }
  ~Impl() {
    for (const int descriptor : {epoll, wake, timer}) close(descriptor);
  }

  void Wake() const {
    const std::uint64_t one = 1;
    while (write(wake, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  void Drain(int descriptor) const {
    std::uint64_t ignored = 0;
    while (read(descriptor, &ignored, sizeof ignored) < 0 && errno == EINTR) {
    }
  }
  bool RunPosted();
  void RunTimers();
  void SetTimer();
  void WaitAndDispatch(int timeout);

  const SystemClock clock;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

  std::mutex mutex;
  std::deque<std::function<void()>> posted;  // guarded by it
  bool sleeping = false;                     // guarded by it: a Post has to wake the loop
  std::atomic<bool> stopped = false;

  std::map<TimerKey, std::function<void()>> timers;
  std::unordered_map<TimerId, base::MonotonicTime> due;
  TimerId next_timer = 1;
  base::MonotonicTime timer_set{base::Duration::max()};  // what the kernel's timer waits for

  bool dispatching = false;
  std::vector<std::shared_ptr<Descriptor::Impl>> closed;  // kept until no event can name them
  std::vector<std::unique_ptr<SignalWatch>> signals;
};

// At most what was there at the start, so that those who post again do not keep the rest waiting.
bool EventLoop::Impl::RunPosted() {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex);
    count = posted.size();
  }
  for (; count > 0 && !stopped; --count) {
    std::function<void()> then;
    {
      const std::lock_guard lock(mutex);
      then = std::move(posted.front());
      posted.pop_front();
    }
    then();
  }
  const std::lock_guard lock(mutex);
  sleeping = posted.empty() && !stopped;
  return !sleeping;
}

void EventLoop::Impl::RunTimers() {
  if (timers.empty()) return;
  const base::MonotonicTime now = clock.Monotonic();
  while (!stopped && !timers.empty() && timers.begin()->first.first <= now) {
    auto node = timers.extract(timers.begin());
    due.erase(node.key().second);
    node.mapped()();
  }
}

// Only ever earlier: a wake too many costs less than a system call for each timer that was
// cancelled.
void EventLoop::Impl::SetTimer() {
  if (timers.empty() || timers.begin()->first.first >= timer_set) return;
  timer_set = timers.begin()->first.first;
  const std::int64_t at = std::max<std::int64_t>(1, timer_set.since_epoch.count());
  constexpr std::int64_t kSecond = 1'000'000'000;
  itimerspec spec{};
  spec.it_value.tv_sec = at / kSecond;
  spec.it_value.tv_nsec = at % kSecond;
  CHECK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
}

void EventLoop::Impl::WaitAndDispatch(int timeout) {
  std::array<epoll_event, kEventsPerWake> events;
  const int count = epoll_wait(epoll, events.data(), kEventsPerWake, timeout);
  CHECK(count >= 0 || errno == EINTR);
  {
    const std::lock_guard lock(mutex);
    sleeping = false;
  }
  dispatching = true;
  for (int i = 0; i < count && !stopped; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &wake) {
      Drain(wake);
    } else if (event.data.ptr == &timer) {
      Drain(timer);
      timer_set = {base::Duration::max()};
    } else {
      static_cast<Descriptor::Impl*>(event.data.ptr)->Happen(event.events);
    }
  }
  dispatching = false;
  closed.clear();
}

EventLoop::EventLoop() : impl_(std::make_shared<Impl>()) {}

EventLoop::~EventLoop() {
  // What they hold may hold descriptors, and those the loop.
  impl_->timers.clear();
  impl_->signals.clear();
  const std::lock_guard lock(impl_->mutex);
  impl_->posted.clear();
}

void EventLoop::Run() {
  Impl& loop = *impl_;
  while (!loop.stopped) {
    loop.RunTimers();
    const bool more = loop.RunPosted();
    if (loop.stopped) break;
    loop.SetTimer();
    loop.WaitAndDispatch(more ? 0 : -1);
  }
  loop.stopped = false;  // afterwards, so that a stop asked for before Run is not forgotten
}

void EventLoop::Stop() {
  impl_->stopped = true;
  impl_->Wake();
}

void EventLoop::Post(std::function<void()> then) {
  bool wake = false;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->posted.push_back(std::move(then));
    wake = std::exchange(impl_->sleeping, false);
  }
  if (wake) impl_->Wake();
}

EventLoop::TimerId EventLoop::After(base::Duration delay, std::function<void()> then) {
  const TimerId id = impl_->next_timer++;
  const base::MonotonicTime at = impl_->clock.Monotonic() + delay;
  impl_->timers.emplace(Impl::TimerKey{at, id}, std::move(then));
  impl_->due.emplace(id, at);
  return id;
}

void EventLoop::Cancel(TimerId timer) {
  const auto found = impl_->due.find(timer);
  if (found == impl_->due.end()) return;
  // Out of the map first: what it held may cancel others when it goes.
  const auto node = impl_->timers.extract(Impl::TimerKey{found->second, timer});
  impl_->due.erase(found);
}

void EventLoop::OnSignals(const std::vector<int>& signals, std::function<void(int)> then) {
  impl_->signals.push_back(std::make_unique<SignalWatch>(*this, signals, std::move(then)));
}

void Descriptor::Impl::Want(std::uint32_t wanted) {
  if (registered && interest == wanted) return;
  epoll_event event{};
  event.events = interest = wanted;
  event.data.ptr = this;
  const int operation = registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  registered = true;
  CHECK(epoll_ctl(loop->epoll, operation, descriptor, &event) == 0);
}

void Descriptor::Impl::Forget() {
  if (registered) epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, nullptr);
  registered = false;
  interest = 0;
}

void Descriptor::Impl::Happen(std::uint32_t events) {
  const bool gone = (events & kGone) != 0;
  bool wanted = false;
  if ((gone || (events & EPOLLOUT) != 0) && open && writable) {
    wanted = true;
    std::exchange(writable, nullptr)();
  }
  if ((gone || (events & EPOLLIN) != 0) && open && readable) {
    wanted = true;
    std::exchange(readable, nullptr)();
  }
  if (!open || !registered) return;
  // A socket has room to write nearly always, so that wish ends at once; the wish to read ends when
  // nobody takes what came.
  std::uint32_t keep = interest;
  if (!writable) keep &= ~static_cast<std::uint32_t>(EPOLLOUT);
  if (!wanted && !readable) keep &= ~static_cast<std::uint32_t>(EPOLLIN);
  if (gone && !readable && !writable) return Forget();
  if (keep != interest) Want(keep);
}

Descriptor::Descriptor(EventLoop& loop, int descriptor) : impl_(std::make_shared<Impl>()) {
  impl_->loop = loop.shared_impl();
  impl_->descriptor = descriptor;
  MakeNonBlocking(descriptor);
}

Descriptor::~Descriptor() {
  impl_->open = false;
  impl_->Forget();
  close(impl_->descriptor);
  // Destroyed here, not with the last reference: they may hold what holds this.
  const auto readable = std::exchange(impl_->readable, nullptr);
  const auto writable = std::exchange(impl_->writable, nullptr);
  if (impl_->loop->dispatching) impl_->loop->closed.push_back(impl_);
}

int Descriptor::get() const { return impl_->descriptor; }

void Descriptor::OnReadable(std::function<void()> then) {
  impl_->readable = std::move(then);
  impl_->Want(impl_->interest | EPOLLIN);
}

void Descriptor::OnWritable(std::function<void()> then) {
  impl_->writable = std::move(then);
  impl_->Want(impl_->interest | EPOLLOUT);
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
