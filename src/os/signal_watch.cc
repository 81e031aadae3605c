#include "os/signal_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

#include "base/check.h"

namespace leeward::os {
namespace {

constexpr std::size_t kMaxWatches = 64;  // at once, in one process
constexpr int kSignals = 64;

// What the handler may touch: the writing ends of the watches' pipes, and which signals each is
// for.
struct Slot {
  std::atomic<int> writer{-1};
  std::atomic<std::uint64_t> signals{0};
};
std::array<Slot, kMaxWatches> slots;

std::uint64_t Bit(int signal) { return std::uint64_t{1} << (signal % kSignals); }

void Handle(int signal) {
  const int saved = errno;
  for (const Slot& slot : slots) {
    if ((slot.signals & Bit(signal)) == 0) continue;
    const auto byte = static_cast<char>(signal);
    // A full pipe has plenty to say already.
    [[maybe_unused]] const ssize_t ignored = write(slot.writer, &byte, 1);
  }
  errno = saved;
}

void SetHandler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  CHECK(sigaction(signal, &action, nullptr) == 0);
}

std::mutex& Mutex() {
  static std::mutex mutex;
  return mutex;
}

bool IsWatched(int signal) {
  for (const Slot& slot : slots) {
    if ((slot.signals & Bit(signal)) != 0) return true;
  }
  return false;
}

}  // namespace

void MakeNonBlocking(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

SignalWatch::SignalWatch(EventLoop& loop, std::vector<int> signals, std::function<void(int)> then)
    : signals_(std::move(signals)), then_(std::move(then)) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  reader_ = std::make_unique<Descriptor>(loop, ends[0]);
  writer_ = ends[1];
  Wait();
  const std::lock_guard lock(Mutex());
  while (slot_ < slots.size() && slots[slot_].writer >= 0) ++slot_;
  CHECK(slot_ < slots.size());
  slots[slot_].writer = writer_;
  std::uint64_t bits = 0;
  for (const int signal : signals_) bits |= Bit(signal);
  slots[slot_].signals = bits;
  for (const int signal : signals_) SetHandler(signal, Handle);
}

SignalWatch::~SignalWatch() {
  const std::lock_guard lock(Mutex());
  slots[slot_].signals = 0;
  slots[slot_].writer = -1;
  for (const int signal : signals_) {
    if (!IsWatched(signal)) SetHandler(signal, SIG_DFL);
  }
  close(writer_);
}

void SignalWatch::Wait() {
  reader_->OnReadable([this] { Read(); });
}

void SignalWatch::Read() {
  char byte = 0;
  const bool got = read(reader_->get(), &byte, 1) == 1;
  Wait();
  if (got) then_(byte);
}

}  // namespace leeward::os
