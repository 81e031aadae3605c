// Workload: mixed session traffic as an application's clients make it, every session remembered,
// and the verdict on them afterwards: what survived, what was lost, and whether the revoked stayed
// so. For drills and measurements.
//
//   Workload load(options, {{"us-east-1", url_a, ""}, {"us-west-2", url_b, ""}}, transport, clock,
//   random);
//   load.Start();                    // at the first place
//   ...the Region is lost...
//   load.Use(1);                     // as traffic moves
//   load.Stop();
//   Verdict verdict = load.Verify(1, Workload::Which::kOfOtherPlaces, deadline);
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "os/event_loop.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "ports/random.h"
#include "sessions/meter.h"

namespace leeward::sessions {

// A Region's session service.
struct ServicePlace {
  std::string region, url;  // "http://127.0.0.1:7434"
  std::string token;        // of the application; empty: none
};

struct WorkloadOptions {
  double rate = 500;  // operations per second, open loop
  // Shares of 100; the rest are reads.
  int creates = 20, touches = 15, changes = 15, revokes = 5;
  std::size_t threads = 64;             // requests at once; what is above is not sent
  std::size_t most_sessions = 200'000;  // then no more are made
  std::size_t data_bytes = 200;         // of a field that each session has besides its counter
  base::Duration connect{std::chrono::milliseconds(300)};
  base::Duration timeout{std::chrono::seconds(1)};
  std::string source_address;  // empty: the system's choice
};

struct OperationCounts {
  std::uint64_t done = 0;        // 2xx
  std::uint64_t refused = 0;     // 4xx
  std::uint64_t failed = 0;      // 5xx
  std::uint64_t unanswered = 0;  // nothing: it may or may not have been done
};

struct WorkloadCounts {
  std::map<Operation, OperationCounts> of;
  std::uint64_t not_sent = 0;
  std::uint64_t live_refused = 0;    // a live session that a service denied while traffic ran
  std::uint64_t revoked_served = 0;  // a session read as live after its revocation was acknowledged
  std::uint64_t stale_reads = 0;     // without the session's last acknowledged change
};

// Of sessions whose making was acknowledged and of which no revocation was asked for.
struct Verdict {
  std::uint64_t live = 0, survived = 0;
  std::uint64_t lost = 0;                     // unknown or expired there
  std::optional<base::WallTime> oldest_lost;  // when the first of them was acknowledged
  std::uint64_t unknown = 0;                  // no clear answer in the time
  std::uint64_t stale = 0;  // of the survived: without the last acknowledged change
  // Of sessions whose revocation was acknowledged.
  std::uint64_t revoked = 0, still_revoked = 0, revoked_unknown = 0;
  std::uint64_t back_alive = 0;        // although it was acknowledged as "everywhere" or "held"
  std::uint64_t back_alive_local = 0;  // acknowledged as "local"
  // Revocations without an answer: either way is right.
  std::uint64_t undecided = 0;

  // Of the live sessions that could be looked at; absent when there were none.
  std::optional<double> SurvivedShare() const;
  bool RevokedStayed() const { return back_alive == 0; }
};
std::string ToJson(const Verdict& verdict);  // one object, on one line
std::string ToJson(const WorkloadCounts& counts);

class Workload {
 public:
  // The references outlive it.
  Workload(WorkloadOptions options, std::vector<ServicePlace> places,
           ports::HttpTransport& transport, const ports::Clock& clock, ports::Random& random);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void Start();
  // From now on requests go to that place.
  void Use(std::size_t place);
  // Sends no more and waits for what is outstanding.
  void Stop();
  WorkloadCounts counts() const;
  std::size_t remembered() const;
  // Looks for the remembered sessions at that place: all, or those that were made at other ones,
  // with the revocations that were acknowledged there. After Stop.
  enum class Which : std::uint8_t { kAll, kOfOtherPlaces };
  Verdict Verify(std::size_t place, Which which, base::MonotonicTime deadline);

 private:
  enum class Fate : std::uint8_t { kLive, kRevoking, kRevoked };
  struct Known {
    std::string credential;
    base::WallTime made;             // acknowledged
    std::uint64_t acknowledged = 0;  // the newest counter that was acknowledged
    std::uint64_t tried = 0;
    Fate fate = Fate::kLive;
    bool local = false;                       // its revocation was acknowledged as "local"
    std::size_t made_at = 0, revoked_at = 0;  // places that acknowledged it
    bool busy = false;
  };
  struct Asking {
    Operation operation = Operation::kRead;
    Known* known = nullptr;  // none: kCreate
    std::size_t place = 0;
  };
  void Run();
  void SendOne();
  Operation Draw();
  // A live session that nobody else uses, or none.
  Known* Pick();
  void Do(Operation operation, Known* known);
  ports::HttpRequest RequestFor(const Asking& asking);
  void TakeIn(const Asking& asking, const base::Result<ports::HttpResponse>& response);
  void Learn(const Asking& asking, const ports::HttpResponse& response);
  // Whether its fate was decided at that place, whatever became of the others.
  static bool IsOf(const Known& known, std::size_t place);
  void Judge(const Known& known, base::MonotonicTime deadline, Verdict* verdict);
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request);

  const WorkloadOptions options_;
  const std::vector<ServicePlace> places_;
  ports::HttpTransport& transport_;
  const ports::Clock& clock_;
  ports::Random& random_;
  std::atomic<std::size_t> place_{0};
  std::atomic<std::size_t> outstanding_{0};
  mutable std::mutex mutex_;
  std::deque<Known> known_;  // never moved
  WorkloadCounts counts_;
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
  std::unique_ptr<os::WorkerPool> pool_;
};

}  // namespace leeward::sessions
