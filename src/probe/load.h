// Load: a drill's workload, sent as a client of the application would send it.
//
// Open loop: writes leave at their rate whether or not earlier ones were answered, so an outage is
// felt as clients feel it. Every write has an id of its own and every acknowledgement is kept, so
// that each can be looked for afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "ports/clock.h"
#include "ports/random.h"
#include "probe/dns.h"
#include "probe/name_cache.h"
#include "probe/transfers.h"

namespace leeward::probe {

enum class WriteFate : std::uint8_t {
  kOutstanding,
  kAcknowledged,  // 2xx
  kRefused,       // another answer
  kUnanswered,    // no answer: it may or may not have been done
  kNotSent,       // kept back by max_outstanding; never left
};

struct WriteRecord {
  std::uint64_t sequence = 0;
  base::WallTime sent;   // when the client began, name look-up included
  base::WallTime ended;  // answer or failure; the epoch while outstanding
  WriteFate fate = WriteFate::kOutstanding;
  std::int16_t status = 0;    // HTTP
  std::uint16_t address = 0;  // index into Load::addresses(): who was asked
};

struct LoadCounts {
  std::uint64_t acknowledged = 0, refused = 0, unanswered = 0, not_sent = 0, outstanding = 0;
  std::uint64_t reads_found = 0, reads_missing = 0, reads_failed = 0;
  std::uint64_t name_failures = 0;  // DNS look-ups without an address
};

class Load {
 public:
  struct Options {
    model::Workload workload;
    std::string run;  // ids are "<run>-<sequence>"; unique between runs
    // "{id}" is replaced by the write's id, here as in the workload's paths.
    std::string write_body = R"({"id":"{id}"})";
    double reads_per_write = 0.1;
    base::Duration connect_timeout = std::chrono::seconds(1);
    base::Duration total_timeout = std::chrono::seconds(2);
    std::size_t max_outstanding = 2048;  // requests without an answer; what is above is not sent
    std::size_t max_writes = 4'000'000;  // records kept; the load ends by itself when it gets there
    std::string source_address;          // empty: the system's choice
  };

  // kInvalid when the workload has no usable URL or rate. The references outlive the load.
  static base::Result<std::unique_ptr<Load>> Create(Options options, const Resolver& resolver,
                                                    const ports::Clock& clock,
                                                    ports::Random& random);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void Start();
  // Sends no more, waits for what is outstanding (at most total_timeout) and ends the thread.
  void Stop();

  // From any thread, also while it runs.
  LoadCounts counts() const;
  std::vector<WriteRecord> Writes() const;
  std::vector<std::string> addresses() const;
  std::string IdOf(std::uint64_t sequence) const;
  // The first acknowledgement that came at or after `since` from one of `addresses`.
  std::optional<WriteRecord> FirstAcknowledged(base::WallTime since,
                                               const std::vector<std::string>& by) const;
  // The last acknowledgement that came before `until`.
  std::optional<WriteRecord> LastAcknowledged(base::WallTime until) const;

 private:
  struct Waiting {  // for the name's address
    TransferRequest request;
    base::MonotonicTime until;
  };
  Load(Options options, std::string host, const Resolver& resolver, const ports::Clock& clock,
       ports::Random& random);
  void Run();
  void SendDue(base::MonotonicTime now);
  void SendWrite();
  void SendRead();
  void Submit(TransferRequest request);
  void ReleaseWaiting(base::MonotonicTime now);
  void Ended(const TransferOutcome& outcome);
  void WriteEnded(const TransferOutcome& outcome);
  void ReadEnded(const TransferOutcome& outcome);
  std::uint16_t AddressIndex(const std::string& address);
  bool stopping() const;

  const Options options_;
  const ports::Clock& clock_;
  ports::Random& random_;
  Transfers transfers_;
  NameCache name_;
  std::deque<Waiting> waiting_;
  base::MonotonicTime next_write_;
  double reads_owed_ = 0;

  mutable std::mutex mutex_;
  std::deque<WriteRecord> writes_;     // index is the sequence
  std::vector<std::uint64_t> recent_;  // acknowledged ones, for reads; a ring
  std::size_t recent_next_ = 0;
  std::vector<std::string> addresses_;
  LoadCounts counts_;
  bool stop_ = false;
  std::thread thread_;
};

// What a look for every given id through the application found.
struct ReadBack {
  std::uint64_t found = 0;
  std::vector<std::uint64_t> missing;  // 404 or 410: the application says it is not there
  std::vector<std::uint64_t> unknown;  // no clear answer within the tries
};
struct ReadBackOptions {
  std::size_t concurrency = 16;
  int tries = 4;  // of one id, when the answer is neither yes nor no
};
// Reads every sequence through the application at its name. kUnreachable when the name has no
// address; ids that were not reached by the deadline are unknown, never found.
base::Result<ReadBack> ReadBackAll(const Load::Options& load,
                                   const std::vector<std::uint64_t>& sequences,
                                   const ReadBackOptions& options, const Resolver& resolver,
                                   base::MonotonicTime deadline, const ports::Clock& clock);

// The id of a run's write, as Load gives it.
std::string WriteId(std::string_view run, std::uint64_t sequence);

}  // namespace leeward::probe
