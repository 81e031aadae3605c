// Transfers: many HTTP exchanges at once in one thread, over kept connections.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"

namespace leeward::probe {

struct TransferRequest {
  std::string method = "GET";
  std::string url;
  std::string body;       // sent as application/json when not empty
  std::string address;    // literal to connect to, whatever the URL's host says
  std::uint64_t tag = 0;  // given back with the outcome
};

struct TransferOutcome {
  std::uint64_t tag = 0;
  int status = 0;       // 0: no answer
  std::string address;  // that was asked
  std::string failure;  // why there was no answer; empty when there was one
};

// Used by one thread, except Wake.
class Transfers {
 public:
  struct Limits {
    base::Duration connect = std::chrono::seconds(1);
    base::Duration total = std::chrono::seconds(2);
    std::size_t kept_connections = 64;
    std::string source_address;  // empty: the system's choice
  };
  explicit Transfers(Limits limits);
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void Begin(TransferRequest request);
  std::size_t outstanding() const;
  // Waits for something to happen, at most `wait`, and hands out what has ended.
  void Poll(base::Duration wait, const std::function<void(const TransferOutcome&)>& ended);
  // Ends a Poll of another thread early.
  void Wake();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leeward::probe
