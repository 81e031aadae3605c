#include "probe/canary.h"

#include <utility>

#include "probe/database.h"

namespace leeward::probe {

CanaryWriter::CanaryWriter(PostgresAddress address, std::string observer, Options options,
                           const Resolver& resolver, const ports::Clock& clock)
    : address_(std::move(address)),
      observer_(std::move(observer)),
      options_(options),
      resolver_(resolver),
      clock_(clock),
      thread_([this] { Run(); }) {}

CanaryWriter::~CanaryWriter() { Stop(); }

void CanaryWriter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

CanaryWriter::Counts CanaryWriter::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool CanaryWriter::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void CanaryWriter::Run() {
  bool go_on = true;
  while (go_on) {
    base::Status written = Write();
    std::unique_lock lock(mutex_);
    ++(written.ok() ? counts_.written : counts_.failed);
    counts_.last_error = written.ok() ? "" : written.error().message();
    const base::Duration into_slot = clock_.Now().since_epoch % options_.every;
    stop_changed_.wait_for(lock, options_.every - into_slot, [this] { return stop_; });
    go_on = !stop_;
  }
}

base::Status CanaryWriter::Write() {
  const base::MonotonicTime deadline = clock_.Monotonic() + options_.timeout;
  if (session_ && session_->broken()) session_.reset();
  if (!session_) {
    ASSIGN_OR_RETURN(session_, PostgresSession::Open(address_, resolver_, deadline, clock_,
                                                     [this] { return stopping(); }));
  }
  // The stamp is read before the write is sent: it must not be younger than what it vouches for.
  base::Status written =
      probe::WriteCanary(*session_, {observer_, ++sequence_, clock_.Now()}, deadline);
  if (!written.ok()) session_.reset();
  return written;
}

}  // namespace leeward::probe
