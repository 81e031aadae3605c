#include "cli/signals.h"

#include <signal.h>
#include <time.h>

namespace leeward::cli {
namespace {

constexpr long kLookNanos = 50'000'000;  // between looks for the end of this object

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is an error to tell of, as a full disk is
  thread_ = std::thread([this] { Listen(); });
}

StopSignals::~StopSignals() {
  closing_.request_stop();
  thread_.join();
}

void StopSignals::Listen() {
  const sigset_t set = Watched();
  const timespec wait{0, kLookNanos};
  while (!closing_.stop_requested()) {
    const int number = sigtimedwait(&set, nullptr, &wait);
    if (number <= 0) continue;
    if (source_.stop_requested()) {
      pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
      raise(number);
    }
    source_.request_stop();
  }
}

}  // namespace leeward::cli
