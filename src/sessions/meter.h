// Meter: what was asked of this service and how long it took, for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace leeward::sessions {

enum class Operation { kCreate, kRead, kTouch, kChange, kRevoke, kOther };
inline constexpr std::size_t kOperations = 6;
std::string_view Name(Operation operation);

class Meter {
 public:
  void Count(Operation operation, int status, base::Duration took);
  // leeward_session_requests_total{operation,status} and
  // leeward_session_request_seconds{operation} in Prometheus's text format.
  std::string Text() const;

 private:
  static constexpr std::size_t kBuckets = 13;
  static constexpr std::size_t kClasses = 3;  // below 400, 4xx, 5xx
  struct Series {
    std::array<std::atomic<std::uint64_t>, kBuckets> buckets{};
    std::array<std::atomic<std::uint64_t>, kClasses> classes{};
    std::atomic<std::uint64_t> nanos{0};
  };
  std::array<Series, kOperations> series_;
};

}  // namespace leeward::sessions
