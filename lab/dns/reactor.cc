#include "lab/dns/reactor.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "lab/dns/sockets.h"
#include "os/clock.h"

namespace leeward::lab {
namespace {

constexpr int kEventsAtOnce = 64;

}  // namespace

struct Reactor::State {
  Fd epoll;
  Fd wake;
  std::thread thread;

  std::mutex mutex;  // guards the two below
  std::vector<Task> posted;
  bool stopping = false;

  // The thread's own.
  std::unordered_map<int, std::shared_ptr<FdHandler>> handlers;
  os::SystemClock clock;
  std::map<std::pair<base::MonotonicTime, TimerId>, Task> timers;
  std::unordered_map<TimerId, base::MonotonicTime> due;
  TimerId next_timer = 1;

  void Loop();
  bool RunPosted();
  void RunTimers();
  int WaitMillis() const;
  void Dispatch(const epoll_event& event);
};

// False once the reactor is to stop.
bool Reactor::State::RunPosted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    tasks.swap(posted);
  }
  for (const Task& task : tasks) task();
  return true;
}

void Reactor::State::RunTimers() {
  const base::MonotonicTime now = clock.Monotonic();
  while (!timers.empty() && timers.begin()->first.first <= now) {
    const auto node = timers.extract(timers.begin());
    due.erase(node.key().second);
    node.mapped()();
  }
}

int Reactor::State::WaitMillis() const {
  if (timers.empty()) return -1;
  const auto left = timers.begin()->first.first - clock.Monotonic();
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return millis < 0 ? 0 : static_cast<int>(std::min<long>(millis, 60'000));
}

void Reactor::State::Dispatch(const epoll_event& event) {
  if (event.data.fd == wake.get()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake.get(), &count, sizeof count);
    return;
  }
  const auto found = handlers.find(event.data.fd);
  if (found == handlers.end()) return;  // unwatched by an earlier handler of this round
  const std::shared_ptr<FdHandler> keep = found->second;  // it may unwatch itself
  (*keep)(event.events);
}

void Reactor::State::Loop() {
  std::array<epoll_event, kEventsAtOnce> events;
  while (RunPosted()) {
    RunTimers();
    const int count = epoll_wait(epoll.get(), events.data(), kEventsAtOnce, WaitMillis());
    for (int i = 0; i < count; ++i) Dispatch(events[static_cast<std::size_t>(i)]);
  }
}

base::Result<std::unique_ptr<Reactor>> Reactor::Start() {
  auto state = std::make_unique<State>();
  state->epoll = Fd(epoll_create1(EPOLL_CLOEXEC));
  state->wake = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!state->epoll.valid() || !state->wake.valid()) {
    return base::Exhausted(fmt::format("cannot make an event loop: {}", std::strerror(errno)));
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = state->wake.get();
  epoll_ctl(state->epoll.get(), EPOLL_CTL_ADD, state->wake.get(), &event);
  State* const raw = state.get();
  state->thread = std::thread([raw] { raw->Loop(); });
  return std::unique_ptr<Reactor>(new Reactor(std::move(state)));
}

Reactor::Reactor(std::unique_ptr<State> state) : state_(std::move(state)) {}

Reactor::~Reactor() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t sent = write(state_->wake.get(), &one, sizeof one);
  state_->thread.join();
}

void Reactor::Post(Task task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t sent = write(state_->wake.get(), &one, sizeof one);
}

void Reactor::Run(const Task& task) {
  CHECK(std::this_thread::get_id() != state_->thread.get_id());
  std::mutex mutex;
  std::condition_variable done;
  bool ran = false;
  Post([&] {
    task();
    const std::lock_guard lock(mutex);
    ran = true;
    done.notify_one();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return ran; });
}

void Reactor::Watch(int fd, std::uint32_t epoll_events, FdHandler handler) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.fd = fd;
  CHECK(epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  state_->handlers[fd] = std::make_shared<FdHandler>(std::move(handler));
}

void Reactor::Modify(int fd, std::uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.fd = fd;
  CHECK(epoll_ctl(state_->epoll.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Reactor::Unwatch(int fd) {
  if (state_->handlers.erase(fd) == 0) return;
  epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Reactor::TimerId Reactor::After(base::Duration delay, Task task) {
  const TimerId id = state_->next_timer++;
  const base::MonotonicTime when = state_->clock.Monotonic() + delay;
  state_->timers.emplace(std::pair(when, id), std::move(task));
  state_->due.emplace(id, when);
  return id;
}

void Reactor::Cancel(TimerId timer) {
  const auto found = state_->due.find(timer);
  if (found == state_->due.end()) return;
  state_->timers.erase({found->second, timer});
  state_->due.erase(found);
}

}  // namespace leeward::lab
