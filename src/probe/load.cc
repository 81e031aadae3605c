#include "probe/load.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "probe/http.h"

namespace leeward::probe {
namespace {

// A transfer's tag is a write's sequence; reads have this bit.
constexpr std::uint64_t kReadTag = 1ULL << 63;
constexpr std::size_t kRecent = 256;
constexpr std::size_t kMaxAddresses = 1024;
// The longest sleep of the sending thread, so that it notices Stop and expired waiters.
constexpr base::Duration kMaxSleep = std::chrono::milliseconds(20);

std::string FillId(std::string text, const std::string& id) {
  static constexpr std::string_view kPlace = "{id}";
  for (std::size_t at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, at)) {
    text.replace(at, kPlace.size(), id);
    at += id.size();
  }
  return text;
}

TransferRequest ReadRequest(const Load::Options& options, std::uint64_t sequence) {
  const model::Workload& workload = options.workload;
  return {.method = workload.read_method,
          .url = workload.url + FillId(workload.read_path, WriteId(options.run, sequence)),
          .body = "",
          .address = "",
          .tag = sequence};
}

Transfers::Limits TransferLimits(const Load::Options& options) {
  return {.connect = options.connect_timeout,
          .total = options.total_timeout,
          .kept_connections = 64,
          .source_address = options.source_address};
}

base::Duration Gap(double rate) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(1.0 / rate));
}

}  // namespace

std::string WriteId(std::string_view run, std::uint64_t sequence) {
  return std::string(run) + "-" + std::to_string(sequence);
}

base::Result<std::unique_ptr<Load>> Load::Create(Options options, const Resolver& resolver,
                                                 const ports::Clock& clock, ports::Random& random) {
  if (options.workload.rate <= 0)
    return base::Invalid("the workload has no rate: write rate: 200/s");
  ASSIGN_OR_RETURN(const UrlHost host, HostOf(options.workload.url));
  return std::unique_ptr<Load>(new Load(std::move(options), host.host, resolver, clock, random));
}

Load::Load(Options options, std::string host, const Resolver& resolver, const ports::Clock& clock,
           ports::Random& random)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      transfers_(TransferLimits(options_)),
      name_(std::move(host), options_.total_timeout, resolver, clock,
            [this] { transfers_.Wake(); }) {}

Load::~Load() { Stop(); }

void Load::Start() {
  CHECK(!thread_.joinable());
  next_write_ = clock_.Monotonic();
  thread_ = std::thread([this] { Run(); });
}

void Load::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  transfers_.Wake();
  if (thread_.joinable()) thread_.join();
}

bool Load::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_ || writes_.size() >= options_.max_writes;
}

void Load::Run() {
  const auto ended = [this](const TransferOutcome& outcome) { Ended(outcome); };
  while (true) {
    const base::MonotonicTime now = clock_.Monotonic();
    const bool stop = stopping();
    if (!stop) SendDue(now);
    ReleaseWaiting(now);
    if (stop && waiting_.empty() && transfers_.outstanding() == 0) return;
    const base::Duration until_next =
        stop ? kMaxSleep : std::max(next_write_ - clock_.Monotonic(), base::Duration::zero());
    // curl waits in whole milliseconds: rounding up keeps the thread from spinning through the last
    // one.
    transfers_.Poll(std::min<base::Duration>(
                        std::chrono::ceil<std::chrono::milliseconds>(until_next), kMaxSleep),
                    ended);
  }
}

void Load::SendDue(base::MonotonicTime now) {
  const base::Duration gap = Gap(options_.workload.rate);
  while (next_write_ <= now) {
    next_write_ = next_write_ + gap;
    SendWrite();
    reads_owed_ += options_.reads_per_write;
    for (; reads_owed_ >= 1; reads_owed_ -= 1) SendRead();
  }
}

void Load::SendWrite() {
  const bool full = transfers_.outstanding() + waiting_.size() >= options_.max_outstanding;
  const model::Workload& workload = options_.workload;
  std::uint64_t sequence = 0;
  {
    const std::lock_guard lock(mutex_);
    sequence = writes_.size();
    WriteRecord& record = writes_.emplace_back();
    record.sequence = sequence;
    record.sent = clock_.Now();
    if (full) {
      record.fate = WriteFate::kNotSent;
      record.ended = record.sent;
      ++counts_.not_sent;
      return;
    }
    ++counts_.outstanding;
  }
  const std::string id = WriteId(options_.run, sequence);
  Submit({.method = workload.write_method,
          .url = workload.url + FillId(workload.write_path, id),
          .body = FillId(options_.write_body, id),
          .address = "",
          .tag = sequence});
}

void Load::SendRead() {
  if (transfers_.outstanding() + waiting_.size() >= options_.max_outstanding) return;
  std::uint64_t sequence = 0;
  {
    const std::lock_guard lock(mutex_);
    if (recent_.empty()) return;
    sequence = recent_[random_.Below(recent_.size())];
  }
  TransferRequest request = ReadRequest(options_, sequence);
  request.tag |= kReadTag;
  Submit(std::move(request));
}

void Load::Submit(TransferRequest request) {
  if (const auto address = name_.Address()) {
    request.address = *address;
    transfers_.Begin(std::move(request));
    return;
  }
  waiting_.push_back({std::move(request), clock_.Monotonic() + options_.total_timeout});
}

void Load::ReleaseWaiting(base::MonotonicTime now) {
  if (waiting_.empty()) return;
  const auto address = name_.Address();
  while (!waiting_.empty() && (address || waiting_.front().until <= now)) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (address) {
      next.request.address = *address;
      transfers_.Begin(std::move(next.request));
    } else {
      Ended({.tag = next.request.tag, .status = 0, .address = "", .failure = "name not resolved"});
    }
  }
}

void Load::Ended(const TransferOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  if ((outcome.tag & kReadTag) != 0) {
    ReadEnded(outcome);
  } else {
    WriteEnded(outcome);
  }
}

void Load::WriteEnded(const TransferOutcome& outcome) {
  WriteRecord& record = writes_[outcome.tag];
  record.ended = clock_.Now();
  record.status = static_cast<std::int16_t>(outcome.status);
  record.address = AddressIndex(outcome.address);
  --counts_.outstanding;
  if (outcome.status == 0) {
    record.fate = WriteFate::kUnanswered;
    ++counts_.unanswered;
  } else if (outcome.status / 100 != 2) {
    record.fate = WriteFate::kRefused;
    ++counts_.refused;
  } else {
    record.fate = WriteFate::kAcknowledged;
    ++counts_.acknowledged;
    if (recent_.size() < kRecent) {
      recent_.push_back(outcome.tag);
    } else {
      recent_[recent_next_++ % kRecent] = outcome.tag;
    }
  }
}

void Load::ReadEnded(const TransferOutcome& outcome) {
  if (outcome.status / 100 == 2) {
    ++counts_.reads_found;
  } else if (outcome.status == 404 || outcome.status == 410) {
    ++counts_.reads_missing;
  } else {
    ++counts_.reads_failed;
  }
}

std::uint16_t Load::AddressIndex(const std::string& address) {
  const auto found = std::find(addresses_.begin(), addresses_.end(), address);
  if (found != addresses_.end()) return static_cast<std::uint16_t>(found - addresses_.begin());
  // Past the limit the last entry stands for all others.
  if (addresses_.size() < kMaxAddresses) addresses_.push_back(address);
  return static_cast<std::uint16_t>(addresses_.size() - 1);
}

LoadCounts Load::counts() const {
  const std::lock_guard lock(mutex_);
  LoadCounts counts = counts_;
  counts.name_failures = name_.failures();
  return counts;
}

std::vector<WriteRecord> Load::Writes() const {
  const std::lock_guard lock(mutex_);
  return {writes_.begin(), writes_.end()};
}

std::vector<std::string> Load::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

std::string Load::IdOf(std::uint64_t sequence) const { return WriteId(options_.run, sequence); }

std::optional<WriteRecord> Load::FirstAcknowledged(base::WallTime since,
                                                   const std::vector<std::string>& by) const {
  const std::lock_guard lock(mutex_);
  std::optional<WriteRecord> first;
  // No write that ended after `since` was sent earlier than one total time-out before it.
  const base::WallTime earliest = since - options_.total_timeout - options_.total_timeout;
  for (auto record = writes_.rbegin(); record != writes_.rend() && record->sent >= earliest;
       ++record) {
    if (record->fate != WriteFate::kAcknowledged || record->ended < since) continue;
    if (std::find(by.begin(), by.end(), addresses_[record->address]) == by.end()) continue;
    if (!first || record->ended < first->ended) first = *record;
  }
  return first;
}

std::optional<WriteRecord> Load::LastAcknowledged(base::WallTime until) const {
  const std::lock_guard lock(mutex_);
  std::optional<WriteRecord> last;
  for (const WriteRecord& record : writes_) {
    if (record.fate != WriteFate::kAcknowledged || record.ended >= until) continue;
    if (!last || last->ended < record.ended) last = record;
  }
  return last;
}

namespace {

// The closed loop behind ReadBackAll.
class BackReader {
 public:
  BackReader(const Load::Options& load, const ReadBackOptions& options, std::string address)
      : load_(load),
        options_(options),
        address_(std::move(address)),
        transfers_(TransferLimits(load)) {}

  ReadBack Run(const std::vector<std::uint64_t>& sequences, base::MonotonicTime deadline,
               const ports::Clock& clock) {
    for (const std::uint64_t sequence : sequences) queue_.push_back({sequence, options_.tries});
    while ((!queue_.empty() || !running_.empty()) && clock.Monotonic() < deadline) {
      while (!queue_.empty() && running_.size() < options_.concurrency) Begin();
      transfers_.Poll(kMaxSleep, [this](const TransferOutcome& outcome) { Ended(outcome); });
    }
    for (const Try& left : queue_) result_.unknown.push_back(left.sequence);
    for (const auto& [sequence, tries] : running_) result_.unknown.push_back(sequence);
    return std::move(result_);
  }

 private:
  struct Try {
    std::uint64_t sequence;
    int left;
  };

  void Begin() {
    const Try next = queue_.front();
    queue_.pop_front();
    running_[next.sequence] = next.left - 1;
    TransferRequest request = ReadRequest(load_, next.sequence);
    request.address = address_;
    transfers_.Begin(std::move(request));
  }

  void Ended(const TransferOutcome& outcome) {
    const auto running = running_.find(outcome.tag);
    CHECK(running != running_.end());
    const int left = running->second;
    running_.erase(running);
    if (outcome.status / 100 == 2) {
      ++result_.found;
    } else if (outcome.status == 404 || outcome.status == 410) {
      result_.missing.push_back(outcome.tag);
    } else if (left > 0) {
      queue_.push_back({outcome.tag, left});
    } else {
      result_.unknown.push_back(outcome.tag);
    }
  }

  const Load::Options& load_;
  const ReadBackOptions options_;
  const std::string address_;
  Transfers transfers_;
  std::deque<Try> queue_;
  std::map<std::uint64_t, int> running_;
  ReadBack result_;
};

}  // namespace

base::Result<ReadBack> ReadBackAll(const Load::Options& load,
                                   const std::vector<std::uint64_t>& sequences,
                                   const ReadBackOptions& options, const Resolver& resolver,
                                   base::MonotonicTime deadline, const ports::Clock& clock) {
  ASSIGN_OR_RETURN(const UrlHost host, HostOf(load.workload.url));
  ASSIGN_OR_RETURN(const DnsAnswer answer, resolver.Resolve(host.host, deadline));
  BackReader reader(load, options, answer.addresses.front());
  return reader.Run(sequences, deadline, clock);
}

}  // namespace leeward::probe
