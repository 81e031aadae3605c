#include "sim/lease.h"

#include <sstream>

namespace leeward::sim {

std::string ToText(const LeaseRecord& record) {
  return std::to_string(record.epoch) + " " + std::to_string(Index(record.holder)) + " " +
         std::to_string(record.renewals) + " " + (record.released ? "1" : "0");
}

LeaseRecord LeaseFromText(const std::string& text) {
  LeaseRecord record;
  int holder = 0, released = 0;
  std::istringstream(text) >> record.epoch >> holder >> record.renewals >> released;
  record.holder = static_cast<Place>(holder);
  record.released = released != 0;
  return record;
}

bool Taker::Saw(std::uint64_t revision, const LeaseRecord& record, base::MonotonicTime now) {
  if (revision_ != revision) {
    revision_ = revision;
    first_seen_ = now;
  }
  return record.released || now - first_seen_ >= terms_.TakenAfter();
}

}  // namespace leeward::sim
