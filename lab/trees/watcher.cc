#include "lab/trees/watcher.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <array>

namespace leeward::lab::trees {
namespace {

constexpr std::size_t kMaxNames = 200'000;  // some 20 MB
constexpr std::size_t kReadBuffer = 64 << 10;
constexpr std::uint32_t kMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY |
                                IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK;

}  // namespace

Watcher::Watcher(std::size_t most) : changes_(kMaxNames), most_(most) { Reset(); }

void Watcher::Add(std::string_view path, int directory) {
  if (!usable()) return;
  if (changes_.watches() >= most_ && !changes_.IsWatched(path)) {
    refused_ = ENOSPC;
    return;
  }
  // By the descriptor, so that it is this directory and no other that has come to its path.
  const int watch =
      ::inotify_add_watch(queue_.get(), fmt::format("/proc/self/fd/{}", directory).c_str(), kMask);
  if (watch < 0) {
    refused_ = errno;
    return;
  }
  changes_.Watched(path, watch);
}

void Watcher::Listen() {
  int told = 0;
  if (!queue_.valid() || ::ioctl(queue_.get(), FIONREAD, &told) != 0) return;
  alignas(inotify_event) std::array<char, kReadBuffer> buffer;
  for (ssize_t left = told; left > 0;) {
    const ssize_t got = ::read(queue_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    left -= got;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      const std::string_view name = event->len > 0 ? event->name : std::string_view();
      TakeOff(changes_.Apply({event->wd, event->mask, name}));
    }
  }
}

void Watcher::Reset() {
  changes_.Reset();
  changes_.ForgetExpected();
  // Closing takes every watch off at once, and forgets what was told about them.
  queue_ = Handle(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  refused_ = queue_.valid() ? 0 : errno;
}

void Watcher::TakeOff(const std::vector<int>& watches) {
  // One that its directory has lost already is refused, as it should be.
  for (const int watch : watches) static_cast<void>(::inotify_rm_watch(queue_.get(), watch));
}

}  // namespace leeward::lab::trees
