// Journal: the append-only, hash-linked log of everything decided, intended and done. Format:
// docs/formats/journal.md. One process writes it at a time (Files::OpenAppend locks); not for
// several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "ports/files.h"

namespace leeward::journal {

class Mirror;

inline constexpr std::uint64_t kMaxFileBytes = 256u << 20;
inline constexpr std::size_t kMaxPayloadBytes = 4u << 20;

// What a whole chain looks like.
struct Summary {
  std::uint64_t records = 0;
  std::string last_hash;    // SHA-256 of the last record, hex; of the header when there is none
  std::uint64_t bytes = 0;  // up to the end of the last whole record
  std::uint64_t torn_bytes = 0;  // of an unfinished last record behind it
};

class Journal {
 public:
  struct Opened;
  // Opens or makes the journal, checks its whole chain, and cuts an unfinished last record.
  // Anything else that does not hold together is kCorrupt and leaves the file as it is.
  // kWrongState: another process has it.
  static base::Result<Opened> Open(ports::Files& files, const std::string& path);

  // Makes the events durable, in order, before it returns; they come back with their sequence
  // numbers. On kExhausted (disk full) nothing of them is left in the file, and later appends may
  // work.
  base::Result<std::vector<model::Event>> Append(std::vector<model::Event> events);

  // From now on what is appended is in the mirror first, and an append that the mirror does not
  // take fails. It outlives the journal.
  void MirrorTo(Mirror& mirror) { mirror_ = &mirror; }

  const Summary& summary() const { return summary_; }
  const std::string& path() const { return path_; }

 private:
  // Cuts a torn tail and writes a missing header.
  base::Status Prepare();
  // Bytes onto the disk, or nothing of them.
  base::Status Write(std::string_view bytes);

  Journal(std::string path, std::unique_ptr<ports::AppendFile> file, Summary summary)
      : path_(std::move(path)), file_(std::move(file)), summary_(std::move(summary)) {}

  std::string path_;
  std::unique_ptr<ports::AppendFile> file_;
  Summary summary_;
  Mirror* mirror_ = nullptr;
  bool broken_ = false;  // an append failed and could not be taken back
};

struct Journal::Opened {
  std::unique_ptr<Journal> journal;
  std::vector<model::Event> events;  // all of them, oldest first
  std::uint64_t cut_bytes = 0;       // of an unfinished last record that was removed
};

// Reads without locking or changing: every event, or kCorrupt with file, record number and offset.
// An unfinished last record is not corrupt; it is counted in `torn_bytes`.
struct Contents {
  Summary summary;
  std::vector<model::Event> events;
};
base::Result<Contents> Read(ports::Files& files, const std::string& path);
// The same without keeping the events.
base::Result<Summary> Verify(ports::Files& files, const std::string& path);

// The same, and which record has that hash (hex, lower case): the one up to which this file is the
// history that somebody quoted. 0: an empty journal's; absent: none has it.
struct Placed {
  Summary summary;
  std::optional<std::uint64_t> record;
};
base::Result<Placed> Find(ports::Files& files, const std::string& path, const std::string& hash);

}  // namespace leeward::journal
