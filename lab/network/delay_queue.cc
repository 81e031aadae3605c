#include "lab/network/delay_queue.h"

#include <algorithm>

#include "base/check.h"

namespace leeward::lab {

base::MonotonicTime DelayQueue::InOrder(base::MonotonicTime due) {
  // A delay that shrank does not let later bytes overtake.
  last_due_ = std::max(last_due_, due);
  return last_due_;
}

void DelayQueue::Push(std::string bytes, base::MonotonicTime now, base::Duration delay,
                      double bytes_per_second) {
  base::MonotonicTime sent = now;
  if (bytes_per_second > 0) {
    const double seconds = static_cast<double>(bytes.size()) / bytes_per_second;
    line_free_ =
        std::max(line_free_, now) + base::Duration(static_cast<std::int64_t>(seconds * 1e9));
    sent = line_free_;
  }
  bytes_ += bytes.size();
  chunks_.push_back({InOrder(sent + delay), std::move(bytes), 0, std::nullopt});
}

void DelayQueue::PushEnd(End end, base::MonotonicTime now, base::Duration delay) {
  chunks_.push_back({InOrder(now + delay), "", 0, end});
}

std::optional<base::MonotonicTime> DelayQueue::NextDue() const {
  if (chunks_.empty()) return std::nullopt;
  return chunks_.front().due;
}

std::string_view DelayQueue::Due(base::MonotonicTime now) const {
  if (chunks_.empty() || chunks_.front().due > now || chunks_.front().end) return {};
  return std::string_view(chunks_.front().bytes).substr(chunks_.front().taken);
}

std::optional<DelayQueue::End> DelayQueue::DueEnd(base::MonotonicTime now) const {
  if (chunks_.empty() || chunks_.front().due > now) return std::nullopt;
  return chunks_.front().end;
}

void DelayQueue::Consume(std::size_t count) {
  CHECK(!chunks_.empty());
  Chunk& chunk = chunks_.front();
  chunk.taken += count;
  bytes_ -= count;
  CHECK(chunk.taken <= chunk.bytes.size());
  if (chunk.taken == chunk.bytes.size()) chunks_.pop_front();
}

void DelayQueue::ConsumeEnd() {
  CHECK(!chunks_.empty() && chunks_.front().end);
  chunks_.pop_front();
}

void DelayQueue::Clear() {
  chunks_.clear();
  bytes_ = 0;
}

}  // namespace leeward::lab
