// Peers: the session services of the other Regions, as this one speaks to them. One thread each.
//
// A revocation is told at once and until it was answered for. Where sessions are exchanged
// (`sync`), every changed one is sent as it then is; a peer that began anew, or for which too much
// has come together, gets everything.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "sessions/peer_message.h"
#include "sessions/store.h"

namespace leeward::sessions {

struct PeerTerms {
  std::string region, node;    // of this service
  std::string token;           // the bearer token between the services
  std::string source_address;  // local address to speak from; empty: the system's choice
  enum class Exchange { kRevocations, kEverything } exchange = Exchange::kRevocations;
  base::Duration connect{std::chrono::milliseconds(500)};
  base::Duration attempt{std::chrono::seconds(2)};       // one message, to its answer
  base::Duration retry{std::chrono::milliseconds(250)};  // between a failure and the next try
  base::Duration beat{std::chrono::seconds(1)};          // between signs of life
  base::Duration whole{std::chrono::minutes(10)};        // between exchanges of everything
  std::size_t most_waiting = 50'000;                     // sessions, and as many revocations
  session::DataLimits data;
};

enum class Told { kStored, kHeld, kNoAnswer };

struct PeerStatus {
  std::string url, region;  // empty region: it never answered
  bool answers = false;
  std::optional<base::Duration> silence;  // since its last answer
  std::size_t waiting = 0;                // revocations and sessions that it has not got
  std::uint64_t sent = 0, failed = 0, refused = 0, dropped = 0;
  std::string trouble;  // why it last did not answer
};

class PeerLink {
 public:
  // The references outlive the link. `url` is its peer listener: "http://10.1.2.3:7435".
  PeerLink(PeerTerms terms, std::string url, ports::HttpTransport& transport, SessionStore& store,
           const ports::Clock& clock);
  ~PeerLink();
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  // Begins to tell; the ticket is what to wait for.
  struct Ticket {
    std::optional<Told> told;
    std::string region;
  };
  std::shared_ptr<Ticket> Tell(const session::Revocation& revocation);
  Told Await(const std::shared_ptr<Ticket>& ticket, base::MonotonicTime until);
  void Changed(const session::Handle& handle);
  PeerStatus Status() const;

 private:
  struct Telling {
    session::Revocation revocation;
    std::shared_ptr<Ticket> ticket;
  };
  struct Batch {
    PeerMessage message;
    std::vector<Telling> tellings;
    std::vector<session::Handle> changed;
  };
  void Run();
  void BeginWhole();                        // with the lock held
  bool Due(base::MonotonicTime now) const;  // with the lock held
  Batch Gather();                           // with the lock held
  base::Status Load(Batch* batch);
  void PutOff(Batch* batch);
  base::Result<PeerAnswer> Send(const PeerMessage& message);
  void Answered(const Batch& batch, const PeerAnswer& answer);
  void Failed(Batch batch, const base::Error& error);
  void SendBatch(Batch batch);
  // One page of everything, when that is to be sent.
  void SendPage();

  const PeerTerms terms_;
  const std::string url_;
  ports::HttpTransport& transport_;
  SessionStore& store_;
  const ports::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_cv_;
  bool stopping_ = false;
  std::deque<Telling> tellings_;
  std::set<session::Handle> changed_;
  bool whole_ = false;  // everything is to be sent, or is being
  std::string cursor_;  // up to here it was
  std::uint64_t whole_number_ = 0;
  std::string peer_node_;  // that answered last
  base::MonotonicTime not_before_{}, next_beat_{}, next_whole_{}, last_answer_{};
  PeerStatus status_;
  std::thread thread_;  // the last member: it uses the others
};

class Peers {
 public:
  static constexpr std::size_t kMost = 4;

  Peers(const PeerTerms& terms, const std::vector<std::string>& urls,
        ports::HttpTransport& transport, SessionStore& store, const ports::Clock& clock);
  // Tells all at once and waits for them, at most until `until`. Without peers: nothing.
  struct Outcome {
    Told told = Told::kNoAnswer;
    std::string region;
  };
  std::vector<Outcome> Tell(const session::Revocation& revocation, base::MonotonicTime until);
  void Changed(const session::Handle& handle);
  std::vector<PeerStatus> Status() const;

 private:
  std::vector<std::unique_ptr<PeerLink>> links_;
};

}  // namespace leeward::sessions
