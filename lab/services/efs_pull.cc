#include "lab/services/efs_pull.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/ask_region.h"

namespace leeward::lab::efs {

using shapes::Value;

Flow<base::Result<Value>> Pull::Ask(std::string operation, Value input) {
  for (const auto& [name, value] : order_.ask.members()) input.Set(name, value);
  const Answer answer =
      co_await AskRegion(host_, order_.region, order_.service, operation, input, limits_.call);
  if (cancelled_) co_return base::Cancelled("the copy was ended");
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    if (TimedOut(answer)) co_return base::Unreachable(error->message);
    co_return base::ServiceBroken(error->message);
  }
  co_return std::get<Value>(answer);
}

Flow<base::Status> Pull::Work(std::function<base::Status()> work) {
  if (cancelled_) co_return base::Cancelled("the copy was ended");
  if (order_.allowed) {
    base::Status allowed = order_.allowed();
    if (!allowed.ok()) co_return allowed;
  }
  working_ = true;
  const base::Status done = co_await Offload<base::Status>(host_, std::move(work));
  working_ = false;
  if (!cancelled_) co_return done;
  if (const auto idle = std::exchange(idle_, nullptr)) idle();
  co_return base::Cancelled("the copy was ended");
}

void Pull::Cancel(std::function<void()> idle) {
  cancelled_ = true;
  if (working_) {
    idle_ = std::move(idle);
  } else {
    idle();
  }
}

// Files are brought before more directories are looked at, so that what waits stays bounded.
Flow<Pull::Outcome> Pull::Run() {
  directories_.push_back({"", {}});
  base::Status status;
  while (status.ok() && (!directories_.empty() || !files_.empty())) {
    if (files_.empty()) {
      status = co_await Directories();
    } else {
      status = co_await Files();
    }
  }
  if (status.ok()) status = co_await End();
  outcome_.status = status;
  co_return outcome_;
}

Flow<base::Status> Pull::Directories() {
  Value::List asked;
  for (const Directory& directory : directories_) {
    if (asked.size() == limits_.directories) break;
    Value one = Value::Struct({{"Path", base::PercentEncode(directory.path, "/")}});
    if (!directory.told.empty()) {
      one.Set("After", base::PercentEncode(directory.told.back().name));
    }
    asked.push_back(std::move(one));
  }
  Value input = Value::Struct();
  input.Set("Directories", Value(std::move(asked)));
  const std::string operation = "ListTree";
  const base::Result<Value> answer = co_await Ask(operation, input);
  if (!answer.ok()) co_return answer.error();
  std::function<base::Status()> work = [this, &answer] { return TakeListings(*answer); };
  const base::Status taken = co_await Work(std::move(work));
  co_return taken;
}

base::Status Pull::TakeListings(const Value& answer) {
  for (const Value& listing : answer.Items("Listings")) RETURN_IF_ERROR(TakeListing(listing));
  return base::Ok();
}

// Of the first directory that waits, for listings come in the order they were asked for.
base::Status Pull::TakeListing(const Value& listing) {
  ASSIGN_OR_RETURN(const std::string path, base::PercentDecode(listing.String("Path")));
  if (directories_.empty() || directories_.front().path != path) {
    return base::Corrupt("the source told of a directory that it was not asked for");
  }
  Directory& directory = directories_.front();
  if (listing.Flag("Gone", false)) {
    directories_.pop_front();
    return base::Ok();
  }
  for (const Value& told : listing.Items("Entries")) {
    ASSIGN_OR_RETURN(Entry entry, EntryOf(told));
    directory.told.push_back(std::move(entry));
  }
  if (listing.Flag("More", false)) return base::Ok();
  ASSIGN_OR_RETURN(Entry self, EntryOf(listing.Sub("Self")));
  Directory whole = std::move(directory);
  directories_.pop_front();
  if (order_.wanted) {
    std::erase_if(whole.told, [&](const Entry& entry) {
      const std::string shown = "/" + Below(whole.path, entry.name);
      const bool leads = entry.kind == Entry::Kind::kDirectory && order_.leads(shown);
      return !leads && !order_.wanted(shown);
    });
  }
  ASSIGN_OR_RETURN(const std::vector<Entry> to_bring, copy_->TakeDirectory(whole.path, whole.told));
  for (const Entry& entry : to_bring) files_.push_back({Below(whole.path, entry.name), entry});
  for (const Entry& entry : whole.told) Remember(Below(whole.path, entry.name), entry);
  seen_.push_back({whole.path, std::move(self)});
  return base::Ok();
}

void Pull::Remember(std::string path, const Entry& entry) {
  if (entry.kind == Entry::Kind::kDirectory) {
    directories_.push_back({std::move(path), {}});
    return;
  }
  ++outcome_.listed;
  if (entry.kind == Entry::Kind::kFile && order_.remember == Order::Remember::kAll) {
    outcome_.files.push_back(std::move(path));
  }
}

Flow<base::Status> Pull::Files() {
  Value::List asked;
  for (const File& file : files_) {
    if (asked.size() == limits_.files) break;
    asked.push_back(Value::Struct({{"Path", base::PercentEncode(file.path, "/")},
                                   {"Offset", file.offset},
                                   {"Loose", file.changes >= limits_.changing}}));
  }
  Value input = Value::Struct();
  input.Set("Files", Value(std::move(asked)));
  const std::string operation = "ReadTree";
  const base::Result<Value> answer = co_await Ask(operation, input);
  if (!answer.ok()) co_return answer.error();
  std::function<base::Status()> work = [this, &answer] { return TakePieces(*answer); };
  const base::Status taken = co_await Work(std::move(work));
  const std::int64_t moved = std::exchange(moved_, 0);
  if (taken.ok() && order_.bytes_per_second > 0 && moved > 0) {
    const double seconds =
        static_cast<double>(moved) / static_cast<double>(order_.bytes_per_second);
    co_await Sleep(host_, base::Duration(static_cast<std::int64_t>(seconds * 1e9)));
    if (cancelled_) co_return base::Cancelled("the copy was ended");
  }
  co_return taken;
}

base::Status Pull::TakePieces(const Value& answer) {
  for (const Value& told : answer.Items("Pieces")) {
    ASSIGN_OR_RETURN(const std::string path, base::PercentDecode(told.String("Path")));
    if (files_.empty() || files_.front().path != path) {
      return base::Corrupt("the source sent a file that it was not asked for");
    }
    ASSIGN_OR_RETURN(const bool go_on, TakePiece(files_.front(), told));
    if (!go_on) return base::Ok();
  }
  return base::Ok();
}

void Pull::Again(File& file) {
  copy_->DropFile(file.path);
  file.offset = 0;
  ++file.changes;
}

// False when what else was sent with it is of no use.
base::Result<bool> Pull::TakePiece(File& file, const Value& told) {
  if (told.Flag("Gone", false)) {  // the next pass will not be told of it
    copy_->DropFile(file.path);
    files_.pop_front();
    return true;
  }
  if (told.Flag("Changing", false)) {
    Again(file);
    return false;
  }
  Piece piece;
  ASSIGN_OR_RETURN(piece.entry, EntryOf(told.Sub("Entry")));
  piece.offset = told.Int("Offset");
  piece.next = told.Int("Next");
  if (const Value* data = told.Find("Data")) piece.bytes = data->blob().bytes;
  if (piece.offset < file.offset || piece.next < piece.offset) {
    return base::Corrupt("the source sent a part of a file twice");
  }
  const bool loose = file.changes >= limits_.changing;
  if (file.offset == 0) {
    copy_->DropFile(file.path);
    file.end = piece.entry.size;
  } else if (!loose && !SameContents(file.entry, piece.entry)) {
    Again(file);
    return false;
  }
  // It may grow faster than it is brought.
  const bool more_is_sent = !piece.last();
  if (loose) piece.entry.size = std::min(piece.entry.size, file.end);
  file.entry = piece.entry;
  RETURN_IF_ERROR(copy_->TakePiece(file.path, piece));
  moved_ += static_cast<std::int64_t>(piece.bytes.size());
  file.offset = piece.next;
  if (!piece.last()) return true;
  RETURN_IF_ERROR(copy_->PutFile(file.path, file.entry));
  if (order_.remember == Order::Remember::kBrought) outcome_.files.push_back(file.path);
  files_.pop_front();
  return !more_is_sent;
}

Flow<base::Status> Pull::End() {
  std::function<base::Status()> work = [this]() -> base::Status {
    RETURN_IF_ERROR(copy_->LinkFiles());
    for (auto seen = seen_.rbegin(); seen != seen_.rend(); ++seen) {
      RETURN_IF_ERROR(copy_->FinishDirectory(seen->path, seen->entry));
    }
    return base::Ok();
  };
  const base::Status ended = co_await Work(std::move(work));
  co_return ended;
}

}  // namespace leeward::lab::efs
