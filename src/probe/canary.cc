#include "probe/canary.h"

#include <utility>

#include "probe/database.h"
#include "probe/mysql_database.h"

namespace leeward::probe {

namespace {

// A session that is opened when there is none, or when the last one is broken.
template <typename Session, typename Address>
base::Result<Session*> ReadySession(std::shared_ptr<std::unique_ptr<Session>> kept,
                                    const Address& address, const Resolver& resolver,
                                    base::MonotonicTime deadline, const ports::Clock& clock,
                                    const Cancelled& cancelled) {
  if (*kept && (*kept)->broken()) kept->reset();
  if (!*kept) {
    ASSIGN_OR_RETURN(*kept, Session::Open(address, resolver, deadline, clock, cancelled));
  }
  return kept->get();
}

// Into a database that WriteCanary knows.
template <typename Session, typename Address>
WriteOne IntoDatabase(Address address, const Resolver& resolver, const ports::Clock& clock) {
  auto kept = std::make_shared<std::unique_ptr<Session>>();
  return [address = std::move(address), &resolver, &clock, kept](
             const Canary& canary, base::MonotonicTime deadline,
             const Cancelled& cancelled) -> base::Status {
    ASSIGN_OR_RETURN(Session * session,
                     ReadySession(kept, address, resolver, deadline, clock, cancelled));
    base::Status written = WriteCanary(*session, canary, deadline);
    if (!written.ok()) kept->reset();
    return written;
  };
}

}  // namespace

WriteOne IntoPostgres(PostgresAddress address, const Resolver& resolver,
                      const ports::Clock& clock) {
  return IntoDatabase<PostgresSession>(std::move(address), resolver, clock);
}

WriteOne IntoMySql(MySqlAddress address, const Resolver& resolver, const ports::Clock& clock) {
  return IntoDatabase<MySqlSession>(std::move(address), resolver, clock);
}

std::string CanaryOf(const std::string& region) { return "canary:" + region; }

WriteOne IntoRedis(RedisAddress address, const std::string& region, const Resolver& resolver,
                   const ports::Clock& clock) {
  auto kept = std::make_shared<std::unique_ptr<RedisSession>>();
  return [address = std::move(address), region, &resolver, &clock, kept](
             const Canary& canary, base::MonotonicTime deadline,
             const Cancelled& cancelled) -> base::Status {
    ASSIGN_OR_RETURN(RedisSession * session,
                     ReadySession(kept, address, resolver, deadline, clock, cancelled));
    base::Status written = PutStamp(*session, CanaryOf(region), canary.stamp, deadline);
    if (!written.ok()) kept->reset();
    return written;
  };
}

CanaryWriter::CanaryWriter(WriteOne write, std::string observer, Options options,
                           const ports::Clock& clock)
    : write_(std::move(write)),
      observer_(std::move(observer)),
      options_(options),
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
  // The stamp is read before the write is sent: it must not be younger than what it vouches for.
  return write_({observer_, ++sequence_, clock_.Now()}, deadline, [this] { return stopping(); });
}

}  // namespace leeward::probe
