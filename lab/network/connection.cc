#include "lab/network/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "lab/network/filter.h"
#include "os/socket.h"

namespace leeward::lab {
namespace {

constexpr std::size_t kReadSize = 64 << 10;
constexpr base::Duration kBackendBusy = std::chrono::milliseconds(5);

}  // namespace

Connection::Connection(Carrier& carrier, int client, Parties parties, std::string backend_path,
                       std::string greeting)
    : carrier_(carrier),
      parties_(std::move(parties)),
      backend_path_(std::move(backend_path)),
      greeting_(std::move(greeting)),
      client_(std::make_unique<os::Descriptor>(carrier.loop_, client)),
      up_(carrier.limits_.max_in_flight),
      down_(carrier.limits_.max_in_flight) {
  up_.source = down_.sink = &client_;
  up_.sink = down_.source = &backend_;
  up_.from = down_.to = &parties_.from;
  up_.to = down_.from = &parties_.to;
}

base::Duration Connection::DelayOf(const Flow& flow) const {
  return carrier_.topology_.Delay(*flow.from, *flow.to);
}
bool Connection::Blocked(const Flow& flow) const {
  return killed_ || carrier_.topology_.Blocked(*flow.from, *flow.to);
}

void Connection::Start() {
  const base::Duration there = DelayOf(up_);
  established_ = carrier_.clock_.Monotonic() + there + DelayOf(down_);
  if (!greeting_.empty()) {
    up_.queue.Push(std::exchange(greeting_, {}), carrier_.clock_.Monotonic(), there, 0);
  }
  if (there == base::Duration{0}) {
    ConnectBackend();
  } else {
    carrier_.loop_.After(there, [this, self = weak_from_this()] {
      if (const auto alive = self.lock()) ConnectBackend();
    });
  }
  if (!closed_) WaitReadable(up_);
}

void Connection::ConnectBackend() {
  if (closed_ || killed_ || backend_ != nullptr) return;
  const os::Address address{"", 0, backend_path_};
  const auto socket = os::StartConnect(address);
  if (socket.ok()) {
    backend_ = std::make_unique<os::Descriptor>(carrier_.loop_, *socket);
    WaitReadable(down_);
    Deliver(up_);
    return;
  }
  // A full backlog empties; a backend that is not there refuses.
  const bool busy = socket.error().code() == base::ErrorCode::kExhausted;
  const base::Duration wait = busy ? kBackendBusy : DelayOf(down_);
  carrier_.loop_.After(wait, [this, busy, self = weak_from_this()] {
    const auto alive = self.lock();
    if (alive == nullptr || closed_ || killed_) return;
    busy ? ConnectBackend() : Reset();
  });
}

void Connection::WaitReadable(Flow& flow) {
  if (flow.reading || flow.ended || *flow.source == nullptr || Blocked(flow) ||
      flow.queue.Room() == 0)
    return;
  flow.reading = true;
  (*flow.source)->OnReadable([this, &flow, self = weak_from_this()] {
    const auto alive = self.lock();
    if (alive == nullptr) return;
    flow.reading = false;
    Read(flow);
  });
}

void Connection::Read(Flow& flow) {
  // Silence may have fallen since the wait began.
  if (closed_ || Blocked(flow) || flow.ended) return;
  std::string bytes(std::min(kReadSize, flow.queue.Room()), '\0');
  if (bytes.empty()) return;
  const ssize_t got = recv((*flow.source)->get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return WaitReadable(flow);
  const base::MonotonicTime now = std::max(carrier_.clock_.Monotonic(), established_);
  if (got <= 0) {
    flow.ended = true;
    flow.queue.PushEnd(got == 0 ? DelayQueue::End::kFinished : DelayQueue::End::kReset, now,
                       DelayOf(flow));
  } else {
    bytes.resize(static_cast<std::size_t>(got));
    const bool far = *flow.from != *flow.to && *flow.from != kOutside && *flow.to != kOutside;
    flow.queue.Push(std::move(bytes), now, DelayOf(flow),
                    far ? carrier_.limits_.bytes_per_second : 0);
  }
  Deliver(flow);
  if (!closed_) WaitReadable(flow);
}

void Connection::Deliver(Flow& flow) {
  if (closed_ || flow.writing || *flow.sink == nullptr || Blocked(flow)) return;
  if (!WriteDue(flow) || closed_) return;
  const auto end = flow.queue.DueEnd(carrier_.clock_.Monotonic());
  if (end) {
    flow.queue.ConsumeEnd();
    return DeliverEnd(flow, *end);
  }
  const auto next = flow.queue.NextDue();
  if (!next || flow.timer != 0) return;
  const base::Duration wait = std::max(*next - carrier_.clock_.Monotonic(), base::Duration{0});
  flow.timer = carrier_.loop_.After(wait, [this, &flow, self = weak_from_this()] {
    const auto alive = self.lock();
    if (alive == nullptr) return;
    flow.timer = 0;
    Deliver(flow);
    if (!closed_) WaitReadable(flow);
  });
}

// Its sender hears of it a trip later, unless it has heard the end already.
void Connection::SinkGone(Flow& flow) {
  flow.queue.Clear();
  flow.ended = flow.delivered = true;
  Flow& back = &flow == &up_ ? down_ : up_;
  if (back.delivered) return Reset();
  if (!back.ended) {
    back.ended = true;
    back.queue.PushEnd(DelayQueue::End::kReset, carrier_.clock_.Monotonic(), DelayOf(back));
  }
  Deliver(back);
}

bool Connection::WriteDue(Flow& flow) {
  const base::MonotonicTime now = carrier_.clock_.Monotonic();
  for (std::string_view due = flow.queue.Due(now); !due.empty(); due = flow.queue.Due(now)) {
    const ssize_t sent = send((*flow.sink)->get(), due.data(), due.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      flow.queue.Consume(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      SinkGone(flow);
      return false;
    }
    flow.writing = true;
    (*flow.sink)->OnWritable([this, &flow, self = weak_from_this()] {
      const auto alive = self.lock();
      if (alive == nullptr) return;
      flow.writing = false;
      Deliver(flow);
      if (!closed_) WaitReadable(flow);
    });
    return false;
  }
  return true;
}

void Connection::DeliverEnd(Flow& flow, DelayQueue::End end) {
  flow.delivered = true;
  if (end == DelayQueue::End::kReset) return Reset();
  shutdown((*flow.sink)->get(), SHUT_WR);
  FinishIfDone();
}

void Connection::FinishIfDone() {
  if (!up_.delivered || !down_.delivered) return;
  closed_ = true;
  client_.reset();
  backend_.reset();
  carrier_.Remove(this);
}

void Connection::Reset() {
  if (closed_) return;
  closed_ = true;
  if (client_ != nullptr) {
    DetachFilter(client_->get());
    const linger hard{1, 0};
    setsockopt(client_->get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_.reset();
  }
  backend_.reset();
  carrier_.Remove(this);
}

void Connection::Kill() {
  killed_ = true;
  up_.queue.Clear();
  down_.queue.Clear();
  if (client_ != nullptr && !silenced_) silenced_ = AttachSilence(client_->get()).ok();
}

void Connection::Refresh() {
  if (closed_ || killed_) return;
  // What the client sends reaches nobody: not even an acknowledgement comes back.
  const bool silent = Blocked(up_);
  if (silent != silenced_) {
    if (silent) {
      silenced_ = AttachSilence(client_->get()).ok();
    } else {
      DetachFilter(client_->get());
      silenced_ = false;
    }
  }
  for (Flow* flow : {&up_, &down_}) {
    Deliver(*flow);
    if (closed_) return;
    WaitReadable(*flow);
  }
}

}  // namespace leeward::lab
