#include "journal/mirror.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "model/event_json.h"

namespace leeward::journal {
namespace {

using base::ErrorCode;
using model::Event;
using model::EventKind;

constexpr base::Duration kTryAgain = std::chrono::milliseconds(200);
constexpr std::size_t kListed = 32;  // chunks at once, to remove them
constexpr int kMaxRounds = 40;

std::string ChunkText(std::string_view previous, std::string_view body) {
  return std::string(previous) + "\n" + std::string(body);
}

// A move's; what protects an application is begun anew by anybody.
bool IsMove(const Event& start) { return start.Field("action") != "protect"; }

bool IsOver(std::string_view outcome) {
  return outcome == "done" || outcome == "refused" || outcome == "abandoned";
}

bool MayPass(ErrorCode code) {
  return code == ErrorCode::kUnreachable || code == ErrorCode::kService ||
         code == ErrorCode::kThrottled;
}

}  // namespace

Mirror::Mirror(ports::SharedStore& store, const ports::Clock& clock, Options options)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      key_(MirrorKey(options_.application)) {
  CHECK(options_.pause != nullptr);
}

std::string Mirror::ChunkKey(const model::ExecutionId& execution, const std::string& hash) const {
  return key_ + "/" + execution.str() + "/" + hash;
}

base::Error Mirror::Broken(const std::string& what) const {
  std::string text = "the mirror of execution " + head_.execution.str() + " under " + key_;
  text += " is broken: " + what;
  text += "; nothing of it is used: remove that key and start the controller again that has ";
  text += "the journal (" + head_.writer + "), which brings it there anew";
  return base::Corrupt(text);
}

base::Result<std::optional<MirrorHead>> Mirror::Look() {
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry, store_.Get(key_, Call()));
  head_ = MirrorHead();
  revision_ = entry ? entry->revision : ports::kAbsent;
  if (!entry) return std::optional<MirrorHead>();
  base::Result<MirrorHead> head = HeadFromText(entry->value);
  if (!head.ok()) return Broken(head.error().message());
  head_ = *std::move(head);
  return std::optional(head_);
}

base::Result<std::vector<Event>> Mirror::Fetch() {
  if (head_.cut()) return std::vector<Event>();
  if (head_.chunks > kMaxMirrorChunks) return Broken("it has too many chunks");
  std::vector<std::string> bodies = {head_.body};
  std::string hash = head_.previous;
  for (std::uint64_t left = head_.chunks; left > 0; --left) {
    ASSIGN_OR_RETURN(const auto entry, store_.Get(ChunkKey(head_.execution, hash), Call()));
    const std::string number = "chunk " + std::to_string(left);
    if (!entry) return Broken(number + " is missing");
    if (base::Sha256Hex(entry->value) != hash)
      return Broken(number + " does not have the hash that the one behind it names");
    const std::size_t end = entry->value.find('\n');
    if (end == std::string::npos || (left == 1) != (end == 0))
      return Broken(number + " does not link to the one before it");
    hash = entry->value.substr(0, end);
    bodies.push_back(entry->value.substr(end + 1));
  }
  std::string lines;
  for (auto body = bodies.rbegin(); body != bodies.rend(); ++body) lines += *body;
  std::vector<Event> events;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    const std::string number = "record " + std::to_string(events.size() + 1);
    if (end == std::string::npos) return Broken(number + " is cut short");
    base::Result<Event> event = model::EventFromJson(std::string_view(lines).substr(at, end - at));
    if (!event.ok()) return Broken(number + ": " + event.error().message());
    events.push_back(*std::move(event));
    at = end + 1;
  }
  if (events.size() == head_.records) return events;
  return Broken("it has " + std::to_string(events.size()) + " records and names " +
                std::to_string(head_.records));
}

bool Mirror::Opens(const Event& event) const {
  return event.kind == EventKind::kExecutionStarted && IsMove(event);
}

void Mirror::Add(MirrorHead* head, const Event& event) const {
  head->body += model::ToJson(event) + "\n";
  ++head->records;
  if (event.kind != EventKind::kExecutionFinished) return;
  const std::string outcome(event.Field("outcome"));
  head->outcome = IsOver(outcome) ? outcome : "";
}

base::Status Mirror::Put(std::vector<Event>& events) {
  MirrorHead head = head_;
  for (Event& event : events) {
    if (Opens(event)) {
      event.fields[kMirroredField] = "yes";
      head = MirrorHead();
      head.execution = event.execution;
      head.action = std::string(event.Field("action"));
      head.actor = std::string(event.Field("actor"));
      for (const Event& verdict : verdicts_) Add(&head, verdict);
      verdicts_.clear();
      Add(&head, event);
    } else if (event.kind == EventKind::kVerdict && event.execution.empty()) {
      if (verdicts_.size() < kMaxMirroredVerdicts) verdicts_.push_back(event);
    } else if (!event.execution.empty() && event.execution == head_.execution && head_.over()) {
      return base::Cancelled("execution " + event.execution.str() + " was ended by " +
                             head_.writer + ": " + head_.outcome + "; it is not gone on with here");
    } else if (!event.execution.empty() && event.execution == head.execution) {
      Add(&head, event);
    }
  }
  if (head == head_) return base::Ok();
  head.writer = options_.writer;
  RETURN_IF_ERROR(Roll(&head));
  const bool replaces = !head_.execution.empty() && head.execution != head_.execution;
  const MirrorHead before = head_;
  if (replaces && before.over()) (void)RemoveChunks(before);
  RETURN_IF_ERROR(Swap(head));
  if (replaces && !before.over()) (void)RemoveChunks(before);
  return base::Ok();
}

base::Status Mirror::Roll(MirrorHead* head) {
  while (head->body.size() > kMirrorChunk) {
    if (head->chunks >= kMaxMirrorChunks) {
      return base::Exhausted("the mirror of execution " + head->execution.str() + " is full (" +
                             std::to_string(kMaxMirrorChunks * kMirrorChunk >> 20) +
                             " MiB); nothing more is begun");
    }
    const std::string text =
        ChunkText(head->previous, std::string_view(head->body).substr(0, kMirrorChunk));
    const std::string hash = base::Sha256Hex(text);
    RETURN_IF_ERROR(PutChunk(ChunkKey(head->execution, hash), text));
    head->previous = hash;
    head->body.erase(0, kMirrorChunk);
    ++head->chunks;
  }
  return base::Ok();
}

// Its name is its content's hash: one that is there already is the same one, or is damaged.
base::Status Mirror::PutChunk(const std::string& key, std::string_view value) {
  const base::MonotonicTime end = clock_.Monotonic() + options_.patience;
  while (true) {
    const auto found = store_.Get(key, Call());
    if (found.ok() && *found && (*found)->value == value) return base::Ok();
    base::Status put = base::Ok();
    if (!found.ok()) {
      put = found.error();
    } else {
      const std::uint64_t revision = *found ? (*found)->revision : ports::kAbsent;
      const auto written = store_.Put(key, value, revision, Call());
      if (!written.ok()) put = written.error();
    }
    if (put.ok()) return put;
    const ErrorCode code = put.error().code();
    const bool again = MayPass(code) || code == ErrorCode::kWrongState;
    if (!again || clock_.Monotonic() >= end) return put;
    if (!options_.pause(kTryAgain)) return base::Cancelled("stopped on request");
  }
}

base::Status Mirror::Swap(const MirrorHead& head) {
  const std::string text = ToText(head);
  const base::MonotonicTime end = clock_.Monotonic() + options_.patience;
  while (true) {
    const auto put = store_.Put(key_, text, revision_, Call());
    if (put.ok()) {
      revision_ = *put;
      head_ = head;
      return base::Ok();
    }
    base::Status resolved = Resolve(text, put.error());
    if (resolved.ok()) {
      head_ = head;
      return resolved;
    }
    if (!MayPass(resolved.error().code())) return resolved;
    if (clock_.Monotonic() >= end) {
      return base::Unreachable("the store does not take the journal's mirror (" +
                               resolved.error().message() + "); nothing is begun that it lacks");
    }
    if (!options_.pause(kTryAgain)) return base::Cancelled("stopped on request");
  }
}

// After a put that was refused or not answered: Ok when it happened all the same; kUnreachable when
// it may be tried again.
base::Status Mirror::Resolve(const std::string& text, const base::Error& error) {
  if (error.code() != ErrorCode::kWrongState && !MayPass(error.code())) return error;
  const auto entry = store_.Get(key_, Call());
  if (!entry.ok()) return entry.error();
  const std::uint64_t found = *entry ? (*entry)->revision : ports::kAbsent;
  if (*entry && (*entry)->value == text) {
    revision_ = found;
    return base::Ok();
  }
  if (found == revision_) return base::Unreachable(error.message());
  const base::Result<MirrorHead> other =
      *entry ? HeadFromText((*entry)->value) : base::Result<MirrorHead>(base::Corrupt("gone"));
  if (!other.ok()) return Broken("it was changed while this process wrote it");
  if (other->execution != head_.execution) {
    return base::Cancelled("execution " + other->execution.str() + " was begun by " +
                           other->writer + " meanwhile; nothing more is begun here");
  }
  return base::Cancelled(other->writer + " went on with execution " + other->execution.str() +
                         "; nothing more is begun here");
}

base::Status Mirror::RemoveChunks(const MirrorHead& head) {
  const std::string prefix = ChunkKey(head.execution, "");
  for (int round = 0; round < kMaxRounds; ++round) {
    ASSIGN_OR_RETURN(const auto entries, store_.List(prefix, kListed, Call()));
    if (entries.empty()) return base::Ok();
    for (const ports::SharedEntry& entry : entries)
      RETURN_IF_ERROR(store_.Remove(entry.key, entry.revision, Call()));
  }
  return base::Exhausted("more chunks than an execution may have");
}

void Mirror::Settle() {
  if (!head_.over() || head_.cut()) return;
  if (!RemoveChunks(head_).ok()) return;
  MirrorHead head = head_;
  head.chunks = 0;
  head.previous.clear();
  head.body.clear();
  const auto put = store_.Put(key_, ToText(head), revision_, Call());
  if (!put.ok()) return;
  revision_ = *put;
  head_ = std::move(head);
}

}  // namespace leeward::journal
