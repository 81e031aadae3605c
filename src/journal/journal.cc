#include "journal/journal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "journal/mirror.h"
#include "journal/record.h"
#include "model/event_json.h"

namespace leeward::journal {
namespace {

using model::Event;

base::Error Explain(base::Error error, const std::string& path) {
  if (error.code() == base::ErrorCode::kExhausted) {
    return base::Exhausted("journal: " + error.message() +
                           "; nothing is begun that it cannot hold: make room there, then run the "
                           "same command again");
  }
  if (error.code() != base::ErrorCode::kCorrupt) return std::move(error).Context("journal " + path);
  return base::Corrupt("journal " + path + ": " + error.message() +
                       "; nothing was changed: keep a copy, then move the file away to start a new "
                       "journal, or restore it");
}

base::Result<Event> EventOf(std::uint64_t number, std::string_view payload) {
  ASSIGN_OR_RETURN(Event event, model::EventFromJson(payload));
  if (event.sequence != number) {
    return base::Corrupt("its event has number " + std::to_string(event.sequence));
  }
  return event;
}

using Visit = std::function<void(const Record& record, Event event)>;

// Walks the bytes; what is to be done with each record may be nothing.
base::Result<Summary> Check(std::string_view bytes, const Visit& visit = {}) {
  base::Result<Walk> walk = WalkRecords(bytes, [&](const Record& record) -> base::Status {
    ASSIGN_OR_RETURN(Event event, EventOf(record.number, record.payload));
    if (visit) visit(record, std::move(event));
    return base::Ok();
  });
  if (!walk.ok()) return std::move(walk).error();
  Summary summary;
  summary.records = walk->records;
  summary.last_hash = base::HexEncode(base::AsView(walk->last));
  summary.bytes = walk->whole_bytes;
  summary.torn_bytes = bytes.size() - walk->whole_bytes;
  return summary;
}

Visit Into(std::vector<Event>* events) {
  return [events](const Record&, Event event) { events->push_back(std::move(event)); };
}

}  // namespace

base::Result<Journal::Opened> Journal::Open(ports::Files& files, const std::string& path) {
  base::Result<std::unique_ptr<ports::AppendFile>> file = files.OpenAppend(path);
  if (!file.ok()) return Explain(std::move(file).error(), path);
  base::Result<std::string> bytes = files.Read(path, kMaxFileBytes);
  if (!bytes.ok()) return Explain(std::move(bytes).error(), path);
  std::vector<Event> events;
  base::Result<Summary> summary = Check(*bytes, Into(&events));
  if (!summary.ok()) return Explain(std::move(summary).error(), path);

  const std::uint64_t cut = summary->torn_bytes;
  std::unique_ptr<Journal> journal(new Journal(path, *std::move(file), *summary));
  base::Status ready = journal->Prepare();
  if (!ready.ok()) return Explain(std::move(ready).error(), path);
  return Opened{std::move(journal), std::move(events), cut};
}

base::Status Journal::Prepare() {
  if (summary_.torn_bytes > 0) {
    RETURN_IF_ERROR(file_->Truncate(summary_.bytes));
    summary_.torn_bytes = 0;
    RETURN_IF_ERROR(file_->Sync());
  }
  if (summary_.bytes > 0) return base::Ok();
  const std::string header = FileHeader();
  RETURN_IF_ERROR(Write(header));
  summary_.bytes = header.size();
  return base::Ok();
}

base::Status Journal::Write(std::string_view bytes) {
  base::Status written = file_->Append(bytes);
  if (written.ok()) written = file_->Sync();
  if (written.ok()) return written;
  // What got through must not be taken for a record later, nor be followed by another one.
  const bool taken_back = file_->Truncate(summary_.bytes).ok() && file_->Sync().ok();
  broken_ = !taken_back;
  return written;
}

base::Result<std::vector<Event>> Journal::Append(std::vector<Event> events) {
  if (broken_) {
    return base::WrongState(
        "journal " + path_ +
        ": an earlier write failed and could not be taken back; free space and start again");
  }
  if (events.empty()) return events;
  if (mirror_ != nullptr) {
    for (std::size_t i = 0; i < events.size(); ++i) events[i].sequence = summary_.records + 1 + i;
    RETURN_IF_ERROR(mirror_->Put(events));
  }
  std::string bytes;
  base::Result<std::string> digest = base::HexDecode(summary_.last_hash);
  CHECK(digest.ok() && digest->size() == base::Sha256Digest{}.size());
  base::Sha256Digest last{};
  std::copy(digest->begin(), digest->end(), last.begin());
  std::uint64_t number = summary_.records;
  for (Event& event : events) {
    event.sequence = ++number;
    const std::string payload = ToJson(event);
    if (payload.size() > kMaxPayloadBytes) {
      return base::Exhausted("journal " + path_ + ": an event of " +
                             std::to_string(payload.size()) + " bytes is over the limit of " +
                             std::to_string(kMaxPayloadBytes));
    }
    const std::string record = FrameRecord(last, payload);
    last = base::Sha256(record);
    bytes += record;
  }
  if (summary_.bytes + bytes.size() > kMaxFileBytes) {
    return base::Exhausted("journal " + path_ + " is at its limit of " +
                           std::to_string(kMaxFileBytes >> 20) +
                           " MiB; move the file away to start a new one");
  }
  if (base::Status written = Write(bytes); !written.ok())
    return Explain(std::move(written).error(), path_);
  summary_.records = number;
  summary_.bytes += bytes.size();
  summary_.last_hash = base::HexEncode(base::AsView(last));
  if (mirror_ != nullptr) mirror_->Settle();
  return events;
}

base::Result<Contents> Read(ports::Files& files, const std::string& path) {
  base::Result<std::string> bytes = files.Read(path, kMaxFileBytes);
  if (!bytes.ok()) return Explain(std::move(bytes).error(), path);
  Contents contents;
  base::Result<Summary> summary = Check(*bytes, Into(&contents.events));
  if (!summary.ok()) return Explain(std::move(summary).error(), path);
  contents.summary = *summary;
  return contents;
}

base::Result<Summary> Verify(ports::Files& files, const std::string& path) {
  base::Result<std::string> bytes = files.Read(path, kMaxFileBytes);
  if (!bytes.ok()) return Explain(std::move(bytes).error(), path);
  base::Result<Summary> summary = Check(*bytes);
  if (!summary.ok()) return Explain(std::move(summary).error(), path);
  return summary;
}

base::Result<Placed> Find(ports::Files& files, const std::string& path, const std::string& hash) {
  base::Result<std::string> bytes = files.Read(path, kMaxFileBytes);
  if (!bytes.ok()) return Explain(std::move(bytes).error(), path);
  Placed placed;
  if (hash == base::HexEncode(base::AsView(base::Sha256(FileHeader())))) placed.record = 0;
  base::Result<Summary> summary = Check(*bytes, [&](const Record& record, const Event&) {
    if (base::HexEncode(base::AsView(record.hash)) == hash) placed.record = record.number;
  });
  if (!summary.ok()) return Explain(std::move(summary).error(), path);
  placed.summary = *std::move(summary);
  return placed;
}

}  // namespace leeward::journal
