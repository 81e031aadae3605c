#include "observe/reader.h"

#include <algorithm>

namespace leeward::observe {
namespace {

constexpr base::Duration kShortestLook = std::chrono::milliseconds(50);
constexpr base::Duration kLongestLook = std::chrono::seconds(1);
constexpr base::Duration kCall = std::chrono::seconds(1);
constexpr int kLooksAProbe = 5;  // looks at the store in the time between two probes
constexpr std::size_t kMaxEntries = 64;

}  // namespace

Reader::Reader(const model::Application& application, ports::SharedStore& store,
               const ports::Clock& clock)
    : prefix_(KeyPrefix(application.name)),
      every_(std::clamp(application.detection.probe_every / kLooksAProbe, kShortestLook,
                        kLongestLook)),
      store_(store),
      clock_(clock),
      ledger_(application) {}

base::Status Reader::Poll() {
  ASSIGN_OR_RETURN(const std::vector<ports::SharedEntry> entries,
                   store_.List(prefix_, kMaxEntries, clock_.Monotonic() + kCall));
  ledger_.Take(entries, clock_.Monotonic());
  return base::Ok();
}

}  // namespace leeward::observe
