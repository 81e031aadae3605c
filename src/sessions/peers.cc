#include "sessions/peers.h"

#include <fmt/format.h>

#include <algorithm>

#include "session/record_json.h"

namespace leeward::sessions {
namespace {

constexpr std::size_t kRevocationsAtOnce = 200;
constexpr std::size_t kSessionsAtOnce = 100;
constexpr std::size_t kBytesAtOnce = 1u << 20;
constexpr base::Duration kStoreTime = std::chrono::seconds(1);

std::size_t BytesOf(const session::Held& held) {
  std::size_t bytes = 256;
  if (!held.session) return bytes;
  for (const auto& [name, field] : held.session->fields)
    bytes += 128 + name.size() + (field.value ? field.value->size() : 0);
  return bytes;
}

bool Among(const std::vector<session::Handle>& handles, const session::Handle& handle) {
  return std::find(handles.begin(), handles.end(), handle) != handles.end();
}

}  // namespace

PeerLink::PeerLink(PeerTerms terms, std::string url, ports::HttpTransport& transport,
                   SessionStore& store, const ports::Clock& clock)
    : terms_(std::move(terms)),
      url_(std::move(url)),
      transport_(transport),
      store_(store),
      clock_(clock) {
  status_.url = url_;
  status_.trouble = "it was not asked yet";
  thread_ = std::thread([this] { Run(); });
}

PeerLink::~PeerLink() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_cv_.notify_all();
  thread_.join();
}

void PeerLink::BeginWhole() {
  whole_ = true;
  cursor_.clear();
  ++whole_number_;
  next_whole_ = clock_.Monotonic() + terms_.whole;
}

std::shared_ptr<PeerLink::Ticket> PeerLink::Tell(const session::Revocation& revocation) {
  auto ticket = std::make_shared<Ticket>();
  const std::lock_guard lock(mutex_);
  if (tellings_.size() >= terms_.most_waiting) {
    // The oldest has waited longest for a peer that does not answer; the stores carry it.
    tellings_.pop_front();
    ++status_.dropped;
    if (terms_.exchange == PeerTerms::Exchange::kEverything) BeginWhole();
  }
  tellings_.push_back({revocation, ticket});
  // While it is known not to answer nobody waits for it.
  if (!status_.answers && status_.failed > 0) ticket->told = Told::kNoAnswer;
  changed_cv_.notify_all();
  return ticket;
}

Told PeerLink::Await(const std::shared_ptr<Ticket>& ticket, base::MonotonicTime until) {
  std::unique_lock lock(mutex_);
  while (!ticket->told && !stopping_) {
    const base::Duration left = until - clock_.Monotonic();
    if (left <= base::Duration{0}) break;
    changed_cv_.wait_for(lock, left);
  }
  return ticket->told.value_or(Told::kNoAnswer);
}

void PeerLink::Changed(const session::Handle& handle) {
  if (terms_.exchange != PeerTerms::Exchange::kEverything) return;
  const std::lock_guard lock(mutex_);
  if (changed_.size() >= terms_.most_waiting) {
    changed_.clear();
    BeginWhole();
  } else {
    changed_.insert(handle);
  }
  changed_cv_.notify_all();
}

PeerStatus PeerLink::Status() const {
  const std::lock_guard lock(mutex_);
  PeerStatus status = status_;
  status.waiting = tellings_.size() + changed_.size();
  if (!status.region.empty()) status.silence = clock_.Monotonic() - last_answer_;
  return status;
}

bool PeerLink::Due(base::MonotonicTime now) const {
  if (now < not_before_) return false;
  return !tellings_.empty() || !changed_.empty() || whole_ || now >= next_beat_;
}

void PeerLink::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const base::MonotonicTime now = clock_.Monotonic();
    if (!Due(now)) {
      changed_cv_.wait_for(lock, (now < not_before_ ? not_before_ : next_beat_) - now);
      continue;
    }
    Batch batch = Gather();
    lock.unlock();
    SendBatch(std::move(batch));
    SendPage();
    lock.lock();
  }
}

void PeerLink::SendBatch(Batch batch) {
  if (!Load(&batch).ok()) PutOff(&batch);
  const base::Result<PeerAnswer> answer = Send(batch.message);
  if (answer.ok()) {
    Answered(batch, *answer);
  } else {
    Failed(std::move(batch), answer.error());
  }
}

PeerLink::Batch PeerLink::Gather() {
  Batch batch;
  batch.message.region = terms_.region;
  batch.message.node = terms_.node;
  while (!tellings_.empty() && batch.tellings.size() < kRevocationsAtOnce) {
    batch.message.revocations.push_back(tellings_.front().revocation);
    batch.tellings.push_back(std::move(tellings_.front()));
    tellings_.pop_front();
  }
  while (!changed_.empty() && batch.changed.size() < kSessionsAtOnce)
    batch.changed.push_back(std::move(changed_.extract(changed_.begin()).value()));
  next_beat_ = clock_.Monotonic() + terms_.beat;
  return batch;
}

// What changed again meanwhile is sent as it is now; both changes need one message.
base::Status PeerLink::Load(Batch* batch) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < batch->changed.size(); ++i) {
    if (bytes >= kBytesAtOnce) {
      const std::lock_guard lock(mutex_);
      changed_.insert(batch->changed.begin() + static_cast<std::ptrdiff_t>(i),
                      batch->changed.end());
      batch->changed.resize(i);
      break;
    }
    ASSIGN_OR_RETURN(Stored stored, store_.Read(batch->changed[i], ReadFor::kLook,
                                                clock_.Monotonic() + kStoreTime));
    if (!stored.held.session && !stored.held.revocation) continue;
    bytes += BytesOf(stored.held);
    batch->message.entries.push_back(std::move(stored.held));
  }
  return base::Ok();
}

// The own store does not answer, which the peer has no part in: sessions wait for it, revocations
// and the sign of life need none.
void PeerLink::PutOff(Batch* batch) {
  const std::lock_guard lock(mutex_);
  for (session::Handle& handle : batch->changed) changed_.insert(std::move(handle));
  batch->changed.clear();
  batch->message.entries.clear();
  not_before_ = clock_.Monotonic() + terms_.retry;
}

base::Result<PeerAnswer> PeerLink::Send(const PeerMessage& message) {
  ports::HttpRequest request;
  request.method = "POST";
  request.url = url_ + kExchangePath;
  request.headers = {{"Content-Type", "application/json"},
                     {"Authorization", "Bearer " + terms_.token}};
  request.body = ToJson(message);
  ports::HttpLimits limits;
  limits.connect = terms_.connect;
  limits.total = terms_.attempt;
  limits.max_body = kMostMessageBytes;
  limits.source_address = terms_.source_address;
  ASSIGN_OR_RETURN(const ports::HttpResponse response, transport_.Send(request, limits));
  if (response.status == 401)
    return base::Denied(url_ + " does not know this service's secret; give both the same");
  if (response.status != 200)
    return base::ServiceBroken(fmt::format("{} answered {}", url_, response.status));
  return PeerAnswerFromJson(response.body);
}

void PeerLink::Answered(const Batch& batch, const PeerAnswer& answer) {
  const std::lock_guard lock(mutex_);
  const base::MonotonicTime now = clock_.Monotonic();
  const bool everything = terms_.exchange == PeerTerms::Exchange::kEverything;
  if (everything && (answer.node != peer_node_ || now >= next_whole_)) BeginWhole();
  peer_node_ = answer.node;
  last_answer_ = now;
  ++status_.sent;
  status_.region = answer.region;
  status_.answers = true;
  status_.trouble.clear();
  bool again = !answer.refused.empty();
  for (const Telling& telling : batch.tellings) {
    const session::Handle& handle = telling.revocation.handle;
    telling.ticket->region = answer.region;
    telling.ticket->told = Among(answer.stored, handle) ? Told::kStored
                           : Among(answer.held, handle) ? Told::kHeld
                                                        : Told::kNoAnswer;
    if (*telling.ticket->told != Told::kNoAnswer) continue;
    tellings_.push_back(telling);
    again = true;
  }
  for (const session::Handle& handle : answer.refused) changed_.insert(handle);
  status_.refused += answer.refused.size();
  if (again) not_before_ = now + terms_.retry;
  changed_cv_.notify_all();
}

void PeerLink::Failed(Batch batch, const base::Error& error) {
  const std::lock_guard lock(mutex_);
  for (Telling& telling : batch.tellings) {
    telling.ticket->told = Told::kNoAnswer;
    telling.ticket = std::make_shared<Ticket>();
  }
  tellings_.insert(tellings_.begin(), std::make_move_iterator(batch.tellings.begin()),
                   std::make_move_iterator(batch.tellings.end()));
  for (session::Handle& handle : batch.changed) changed_.insert(std::move(handle));
  ++status_.failed;
  status_.answers = false;
  status_.trouble = error.message();
  not_before_ = clock_.Monotonic() + terms_.retry;
  changed_cv_.notify_all();
}

void PeerLink::SendPage() {
  std::string from;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!whole_ || !status_.answers) return;
    from = cursor_;
    number = whole_number_;
  }
  const base::Result<Page> page =
      store_.List(from, kSessionsAtOnce, clock_.Monotonic() + kStoreTime);
  Batch batch;
  batch.message.region = terms_.region;
  batch.message.node = terms_.node;
  if (!page.ok()) return PutOff(&batch);
  std::size_t begin = 0;
  do {  // in parts: a page may be larger than a message
    batch.message.entries.clear();
    std::size_t bytes = 0;
    while (begin < page->entries.size() && bytes < kBytesAtOnce) {
      bytes += BytesOf(page->entries[begin]);
      batch.message.entries.push_back(page->entries[begin++]);
    }
    const base::Result<PeerAnswer> answer = Send(batch.message);
    if (!answer.ok()) return Failed(std::move(batch), answer.error());
    Answered(batch, *answer);
  } while (begin < page->entries.size());
  const std::lock_guard lock(mutex_);
  if (number != whole_number_) return;  // it began anew meanwhile
  cursor_ = page->next;
  whole_ = !cursor_.empty();
}

Peers::Peers(const PeerTerms& terms, const std::vector<std::string>& urls,
             ports::HttpTransport& transport, SessionStore& store, const ports::Clock& clock) {
  for (const std::string& url : urls)
    links_.push_back(std::make_unique<PeerLink>(terms, url, transport, store, clock));
}

std::vector<Peers::Outcome> Peers::Tell(const session::Revocation& revocation,
                                        base::MonotonicTime until) {
  std::vector<std::shared_ptr<PeerLink::Ticket>> tickets;
  for (const auto& link : links_) tickets.push_back(link->Tell(revocation));
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const Told told = links_[i]->Await(tickets[i], until);
    outcomes.push_back({told, links_[i]->Status().region});
  }
  return outcomes;
}

void Peers::Changed(const session::Handle& handle) {
  for (const auto& link : links_) link->Changed(handle);
}

std::vector<PeerStatus> Peers::Status() const {
  std::vector<PeerStatus> all;
  for (const auto& link : links_) all.push_back(link->Status());
  return all;
}

}  // namespace leeward::sessions
