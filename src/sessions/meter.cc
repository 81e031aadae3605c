#include "sessions/meter.h"

#include <fmt/format.h>

#include "base/check.h"

namespace leeward::sessions {
namespace {

// Upper bounds in seconds; the last bucket has none.
constexpr std::array<double, 12> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                            0.01,   0.025,   0.05,   0.1,   0.5,    2};
constexpr std::array<std::string_view, 3> kClassNames = {"ok", "refused", "failed"};

}  // namespace

std::string_view Name(Operation operation) {
  switch (operation) {
    case Operation::kCreate:
      return "create";
    case Operation::kRead:
      return "read";
    case Operation::kTouch:
      return "touch";
    case Operation::kChange:
      return "change";
    case Operation::kRevoke:
      return "revoke";
    case Operation::kOther:
      return "other";
  }
  CHECK_NEVER("an operation");
}

void Meter::Count(Operation operation, int status, base::Duration took) {
  Series& series = series_[static_cast<std::size_t>(operation)];
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && base::Seconds(took) > kBounds[bucket]) ++bucket;
  constexpr auto kOrder = std::memory_order_relaxed;
  series.buckets[bucket].fetch_add(1, kOrder);
  series.classes[status < 400 ? 0 : status < 500 ? 1 : 2].fetch_add(1, kOrder);
  series.nanos.fetch_add(static_cast<std::uint64_t>(took.count()), kOrder);
}

std::string Meter::Text() const {
  std::string counts = "# TYPE leeward_session_requests_total counter\n";
  std::string times = "# TYPE leeward_session_request_seconds histogram\n";
  for (std::size_t i = 0; i < kOperations; ++i) {
    const Series& series = series_[i];
    const std::string_view name = Name(static_cast<Operation>(i));
    for (std::size_t c = 0; c < kClasses; ++c) {
      counts +=
          fmt::format("leeward_session_requests_total{{operation=\"{}\",outcome=\"{}\"}} {}\n",
                      name, kClassNames[c], series.classes[c].load());
    }
    std::uint64_t sum = 0;
    for (std::size_t b = 0; b < kBuckets; ++b) {
      sum += series.buckets[b].load();
      const std::string bound = b < kBounds.size() ? fmt::format("{}", kBounds[b]) : "+Inf";
      times +=
          fmt::format("leeward_session_request_seconds_bucket{{operation=\"{}\",le=\"{}\"}} {}\n",
                      name, bound, sum);
    }
    times += fmt::format("leeward_session_request_seconds_sum{{operation=\"{}\"}} {}\n", name,
                         static_cast<double>(series.nanos.load()) / 1e9);
    times +=
        fmt::format("leeward_session_request_seconds_count{{operation=\"{}\"}} {}\n", name, sum);
  }
  return counts + times;
}

}  // namespace leeward::sessions
