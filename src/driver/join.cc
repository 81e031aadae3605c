#include "driver/join.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "execute/execute.h"
#include "model/names.h"

namespace leeward::driver {
namespace {

using base::Result;
using base::Status;
using journal::MirrorHead;
using model::Event;
using model::EventKind;

std::vector<Event> Of(const std::vector<Event>& events, const model::ExecutionId& execution) {
  std::vector<Event> found;
  std::copy_if(events.begin(), events.end(), std::back_inserter(found),
               [&](const Event& event) { return event.execution == execution; });
  return found;
}

// Each journal gives a record a number of its own.
bool Same(const Event& one, const Event& other) {
  return one.at == other.at && one.kind == other.kind && one.step == other.step &&
         one.fields == other.fields;
}

// The start of the journal's move that can be gone on with.
const Event* OpenStart(const std::vector<Event>& events) {
  const auto unfinished = execute::FindUnfinished(events);
  if (!unfinished) return nullptr;
  const Event* start = nullptr;
  for (const Event& event : events) {
    if (event.kind == EventKind::kExecutionStarted && event.execution == unfinished->execution)
      start = &event;
  }
  if (start == nullptr) return nullptr;
  const bool is_move = start->Field("action") != model::Name(model::Action::kProtect);
  return is_move ? start : nullptr;
}

Event Note(base::WallTime now, const std::string& text) {
  Event event;
  event.at = now;
  event.kind = EventKind::kNote;
  event.fields["text"] = text;
  return event;
}

class Joining {
 public:
  Joining(journal::Journal::Opened& opened, journal::Mirror& mirror, base::WallTime now)
      : opened_(opened), mirror_(mirror), now_(now) {}

  Result<std::string> Run() {
    ASSIGN_OR_RETURN(const std::optional<MirrorHead> head, mirror_.Look());
    std::string told;
    if (head && !head->over()) {
      ASSIGN_OR_RETURN(told, WithOpen(*head));
    } else if (head) {
      ASSIGN_OR_RETURN(told, WithOver(*head));
    } else if (const Event* start = OpenStart(opened_.events)) {
      if (IsMirrored(*start)) RETURN_IF_ERROR(Upload(start->execution, 0));
    }
    opened_.journal->MirrorTo(mirror_);
    return told;
  }

 private:
  static bool IsMirrored(const Event& start) {
    return start.Field(journal::kMirroredField) == "yes";
  }

  // The two histories of the head's execution, one the beginning of the other.
  struct Both {
    std::vector<Event> theirs;        // with the verdicts before its start
    std::size_t ours = 0, there = 0;  // records of the execution, here and in the store
  };

  Result<Both> Compare(const MirrorHead& head) {
    Both both;
    ASSIGN_OR_RETURN(both.theirs, mirror_.Fetch());
    const std::vector<Event> ours = Of(opened_.events, head.execution);
    const std::vector<Event> same = Of(both.theirs, head.execution);
    both.ours = ours.size();
    both.there = same.size();
    for (std::size_t i = 0; i < std::min(both.ours, both.there); ++i) {
      if (Same(ours[i], same[i])) continue;
      return base::Corrupt("journal " + opened_.journal->path() + " and the mirror of execution " +
                           head.execution.str() + " in the store differ from its record " +
                           std::to_string(i + 1) + " on; " + head.writer +
                           " wrote the mirror: end the move there");
    }
    return both;
  }

  Result<std::string> WithOpen(const MirrorHead& head) {
    ASSIGN_OR_RETURN(Both both, Compare(head));
    if (both.ours > both.there) {
      RETURN_IF_ERROR(Upload(head.execution, both.there));
      return std::string();
    }
    std::string told;
    if (const Event* start = OpenStart(opened_.events);
        start != nullptr && start->execution != head.execution) {
      if (!IsMirrored(*start)) {
        return base::WrongState("execution " + start->execution.str() +
                                " has not ended in this journal, and " + head.writer + " began " +
                                head.execution.str() +
                                " since; give one of them up (`leeward abandon`)");
      }
      ASSIGN_OR_RETURN(told, End(start->execution, head));
    }
    if (both.there == both.ours) return told;
    return TakeOver(head, std::move(both));
  }

  // Appends what the journal lacks.
  Result<std::string> TakeOver(const MirrorHead& head, Both both) {
    const auto missing = static_cast<std::ptrdiff_t>(both.there - both.ours);
    std::vector<Event> records(both.ours == 0 ? both.theirs.begin() : both.theirs.end() - missing,
                               both.theirs.end());
    std::string told = std::to_string(records.size()) + " records of the " + head.action + " " +
                       head.execution.str() + " that " + head.writer +
                       " wrote were fetched from the store";
    records.insert(records.begin(), Note(now_, told));
    RETURN_IF_ERROR(Append(std::move(records)));
    return told;
  }

  Result<std::string> WithOver(const MirrorHead& head) {
    const Event* start = OpenStart(opened_.events);
    if (start == nullptr || !IsMirrored(*start)) return std::string();
    if (head.execution == start->execution && !head.cut()) {
      // Whoever wrote the end had no room for it in its file, and the records are still there.
      // Where they are half removed, what the head says is all there is.
      Result<Both> both = Compare(head);
      if (both.ok() && both->there > both->ours) {
        ASSIGN_OR_RETURN(std::string told, TakeOver(head, *std::move(both)));
        mirror_.Settle();
        return told;
      }
    }
    return End(start->execution, head);
  }

  // The journal's execution is over: by what the head says of it, or because another was begun.
  Result<std::string> End(const model::ExecutionId& execution, const MirrorHead& head) {
    const bool known = head.execution == execution;
    const std::string told =
        known ? "execution " + execution.str() + " was gone on with by " + head.writer +
                    " and is " + head.outcome + "; how is in that one's journal"
              : "execution " + execution.str() + " was gone on with elsewhere and is over; " +
                    head.writer + " has begun " + head.execution.str() + " since";
    Event event;
    event.at = now_;
    event.kind = EventKind::kExecutionFinished;
    event.execution = execution;
    event.fields = {{"outcome", known ? head.outcome
                                      : std::string(execute::Name(execute::Outcome::kAbandoned))},
                    {"actor", head.writer},
                    {"reason", told}};
    RETURN_IF_ERROR(Append({std::move(event)}));
    return told;
  }

  // What this journal alone has, written while the store was vouched for or lost.
  Status Upload(const model::ExecutionId& execution, std::size_t from) {
    std::vector<Event> records = Of(opened_.events, execution);
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(from));
    RETURN_IF_ERROR(mirror_.Put(records));
    mirror_.Settle();
    return base::Ok();
  }

  Status Append(std::vector<Event> records) {
    ASSIGN_OR_RETURN(std::vector<Event> written, opened_.journal->Append(std::move(records)));
    opened_.events.insert(opened_.events.end(), std::make_move_iterator(written.begin()),
                          std::make_move_iterator(written.end()));
    return base::Ok();
  }

  journal::Journal::Opened& opened_;
  journal::Mirror& mirror_;
  const base::WallTime now_;
};

}  // namespace

Result<std::string> Join(journal::Journal::Opened& opened, journal::Mirror& mirror,
                         base::WallTime now) {
  return Joining(opened, mirror, now).Run();
}

}  // namespace leeward::driver
