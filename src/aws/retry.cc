#include "aws/retry.h"

#include <algorithm>

namespace leeward::aws {
namespace {

using namespace std::chrono_literals;

constexpr int kCapacity = 500;
constexpr int kCost = 5;
constexpr int kNoAnswerCost = 10;
constexpr int kRefund = 1;  // for a first attempt that worked
constexpr std::size_t kMaxEndpoints = 1024;
constexpr base::Duration kTransientBase = 100ms;
constexpr base::Duration kThrottleBase = 500ms;
constexpr base::Duration kLongest = 20s;
constexpr int kMaxDoublings = 10;

}  // namespace

int RetryTokens::Acquire(const std::string& endpoint, RetryReason reason) {
  const int cost = reason == RetryReason::kNoAnswer ? kNoAnswerCost : kCost;
  const std::lock_guard lock(mutex_);
  if (left_.size() >= kMaxEndpoints) left_.clear();
  const auto entry = left_.try_emplace(endpoint, kCapacity).first;
  if (entry->second < cost) return 0;
  entry->second -= cost;
  return cost;
}

void RetryTokens::Succeeded(const std::string& endpoint, int acquired) {
  const std::lock_guard lock(mutex_);
  const auto entry = left_.find(endpoint);
  if (entry == left_.end()) return;
  entry->second = std::min(kCapacity, entry->second + std::max(acquired, kRefund));
}

base::Duration Backoff(int retry, RetryReason reason, ports::Random& random) {
  const base::Duration base = reason == RetryReason::kThrottle ? kThrottleBase : kTransientBase;
  const base::Duration ceiling =
      std::min(kLongest, base * (1 << std::clamp(retry - 1, 0, kMaxDoublings)));
  return std::chrono::duration_cast<base::Duration>(ceiling * random.Unit());
}

}  // namespace leeward::aws
