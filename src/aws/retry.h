// Standard retries: a bucket of tokens for each endpoint, and exponential back-off with full
// jitter.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/time.h"
#include "ports/random.h"

namespace leeward::aws {

enum class RetryReason { kTransient, kThrottle, kNoAnswer };

// A dead endpoint uses up its own tokens, never those of the others. Safe from several threads.
class RetryTokens {
 public:
  // Tokens for one more attempt at `endpoint`; 0 when it has used them up.
  int Acquire(const std::string& endpoint, RetryReason reason);
  // An attempt worked; `acquired` is what was paid for it.
  void Succeeded(const std::string& endpoint, int acquired);

 private:
  std::mutex mutex_;
  std::map<std::string, int> left_;
};

// `retry` counts from 1.
base::Duration Backoff(int retry, RetryReason reason, ports::Random& random);

}  // namespace leeward::aws
