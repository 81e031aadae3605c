// Bytes on their way: each is due a delay after it was sent, in order, as many at once as the limit
// allows.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace leeward::lab {

class DelayQueue {
 public:
  enum class End { kFinished, kReset };  // orderly end of the stream; broken connection

  explicit DelayQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Room for more; a full queue is how a slow receiver holds its sender back.
  std::size_t Room() const { return bytes_ >= max_bytes_ ? 0 : max_bytes_ - bytes_; }
  // `bytes_per_second` 0: no limit.
  void Push(std::string bytes, base::MonotonicTime now, base::Duration delay,
            double bytes_per_second);
  void PushEnd(End end, base::MonotonicTime now, base::Duration delay);

  bool empty() const { return chunks_.empty(); }
  // When the first chunk is due.
  std::optional<base::MonotonicTime> NextDue() const;
  // The first chunk's bytes when due; empty when nothing is, or when its turn is an end.
  std::string_view Due(base::MonotonicTime now) const;
  std::optional<End> DueEnd(base::MonotonicTime now) const;
  // Takes `count` bytes off the front.
  void Consume(std::size_t count);
  void ConsumeEnd();
  void Clear();

 private:
  struct Chunk {
    base::MonotonicTime due;
    std::string bytes;
    std::size_t taken = 0;
    std::optional<End> end;
  };

  base::MonotonicTime InOrder(base::MonotonicTime due);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  base::MonotonicTime line_free_;  // when the line has sent what it was given
  base::MonotonicTime last_due_;
  std::deque<Chunk> chunks_;
};

}  // namespace leeward::lab
