#include "lab/services/rds_binlog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <system_error>

#include "base/check.h"

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kOffsetBits = 40;
constexpr std::uint64_t kOffsetMask = (1ULL << kOffsetBits) - 1;
constexpr std::string_view kMagic =
    "\xfe"
    "bin";

std::uint32_t NumberOf(std::uint64_t position) {
  return static_cast<std::uint32_t>(position >> kOffsetBits);
}

std::string NameOf(std::uint32_t file) { return fmt::format("{}.{:06}", kBinlogName, file); }

class BinlogFiles : public LogFiles {
 public:
  std::string File(const LogPlace& place) const override {
    return NameOf(NumberOf(place.position));
  }
  std::uint64_t Begin(std::uint64_t position) const override { return position & ~kOffsetMask; }

  // A file that the log has gone on from is as long as it will ever be.
  base::Result<LogPiece> Read(const fs::path& directory, const LogPlace& from, std::uint64_t to,
                              std::size_t most) const override {
    if (to <= from.position) return LogPiece{"", from.position};
    const fs::path path = directory / File(from);
    const std::uint64_t offset = from.position & kOffsetMask;
    std::uint64_t end = to & kOffsetMask;
    if (NumberOf(to) != NumberOf(from.position)) {
      std::error_code error;
      end = fs::file_size(path, error);
      if (error) return base::ServiceBroken("cannot read " + path.string());
      if (end <= offset) return LogPiece{"", BinlogPosition(NumberOf(from.position) + 1, 0)};
    }
    const std::size_t size = std::min<std::uint64_t>(most, end - offset);
    ASSIGN_OR_RETURN(std::string bytes, ReadAt(path, offset, size));
    return LogPiece{std::move(bytes), from.position + size};
  }

  base::Status Write(const fs::path& directory, const LogPlace& from,
                     std::string_view bytes) const override {
    return WriteAt(directory / File(from), from.position & kOffsetMask, bytes);
  }
};

// Of an event, as it lies in the file: what every one begins with, and of those that matter what
// follows.
constexpr std::size_t kHeader = 19;
constexpr std::size_t kStampAt = 0;
constexpr std::size_t kTypeAt = 4;
constexpr std::size_t kServerAt = 5;
constexpr std::size_t kLengthAt = 9;
constexpr std::size_t kSequenceAt = kHeader;
constexpr std::size_t kDomainAt = kHeader + 8;
constexpr std::size_t kFlagsAt = kHeader + 12;
constexpr std::size_t kGtidSize = kHeader + 13;
constexpr std::size_t kDatabaseLengthAt = kHeader + 8;
constexpr std::size_t kStatusLengthAt = kHeader + 11;
constexpr std::size_t kQuerySize = kHeader + 13;
constexpr unsigned char kStandalone = 1;  // no COMMIT follows
constexpr std::string_view kEndings[] = {"COMMIT", "ROLLBACK"};

enum class Event : unsigned char {
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kXid = 16,
  kXaPrepare = 38,
  kGtid = 162,
  kCompressedQuery = 165,
};

std::uint64_t NumberAt(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = size; i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return number;
}

struct Gtid {
  std::uint32_t domain = 0;
  std::uint32_t server = 0;
  std::uint64_t sequence = 0;
};

// Walks over the events of one file after the other.
class Replay {
 public:
  explicit Replay(std::optional<base::WallTime> until) : until_(until) {}

  // Whether what follows the file is replayed, too.
  base::Result<bool> Walk(const fs::path& path, std::uint32_t number, std::uint64_t offset) {
    std::ifstream in(path, std::ios::binary);
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (!in || error) return base::ServiceBroken("cannot read " + path.string());
    open_.reset();
    if (size < kMagic.size()) return true;
    if (Take(in, 0, kMagic.size()) != kMagic) return base::Corrupt(path.string() + " is no binlog");
    run_.parts.push_back({number, std::max<std::uint64_t>(offset, kMagic.size())});
    for (std::uint64_t at = run_.parts.back().end; at + kHeader <= size;) {
      const std::string event = Take(in, at, kHeader);
      const std::uint64_t length = NumberAt(event, kLengthAt, 4);
      if (event.size() != kHeader || length < kHeader || at + length > size) break;
      if (!See(in, at, event, at + length)) return false;
      at += length;
    }
    return true;
  }

  BinlogRun Done() {
    for (const auto& [domain, gtid] : last_) {
      run_.gtids += fmt::format("{}{}-{}-{}", run_.gtids.empty() ? "" : ",", gtid.domain,
                                gtid.server, gtid.sequence);
    }
    return std::move(run_);
  }

 private:
  static std::string Take(std::ifstream& in, std::uint64_t at, std::size_t size) {
    std::string bytes(size, '\0');
    in.clear();
    in.seekg(static_cast<std::streamoff>(at));
    in.read(bytes.data(), static_cast<std::streamsize>(size));
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return bytes;
  }

  // False when the replay ends before it.
  bool See(std::ifstream& in, std::uint64_t at, const std::string& event, std::uint64_t end) {
    const auto type = static_cast<Event>(event[kTypeAt]);
    if (type == Event::kGtid) {
      if (open_) Close(at);  // another one follows it
      const base::WallTime stamp{
          std::chrono::seconds(static_cast<std::int64_t>(NumberAt(event, kStampAt, 4)))};
      if (until_ && stamp >= *until_) return false;
      Open(Take(in, at, kGtidSize));
      return true;
    }
    if (!open_) {
      run_.parts.back().end = end;
      return true;
    }
    if (type == Event::kRotate || type == Event::kStop || Ends(in, at, type, end)) Close(end);
    return true;
  }

  void Open(const std::string& event) {
    if (event.size() != kGtidSize) return;
    open_ = Gtid{static_cast<std::uint32_t>(NumberAt(event, kDomainAt, 4)),
                 static_cast<std::uint32_t>(NumberAt(event, kServerAt, 4)),
                 NumberAt(event, kSequenceAt, 8)};
    standalone_ = (static_cast<unsigned char>(event[kFlagsAt]) & kStandalone) != 0;
  }

  void Close(std::uint64_t at) {
    last_[open_->domain] = *open_;
    open_.reset();
    run_.parts.back().end = at;
  }

  bool Ends(std::ifstream& in, std::uint64_t at, Event type, std::uint64_t end) const {
    if (type == Event::kXid || type == Event::kXaPrepare) return true;
    if (type != Event::kQuery && type != Event::kCompressedQuery) return false;
    if (standalone_) return true;
    const std::string head = Take(in, at, kQuerySize);
    if (head.size() != kQuerySize) return false;
    const std::uint64_t text = at + kQuerySize + NumberAt(head, kStatusLengthAt, 2) +
                               NumberAt(head, kDatabaseLengthAt, 1) + 1;
    return std::any_of(std::begin(kEndings), std::end(kEndings), [&](std::string_view ending) {
      return text + ending.size() <= end && Take(in, text, ending.size()) == ending;
    });
  }

  std::optional<base::WallTime> until_;
  std::optional<Gtid> open_;  // the transaction whose events are being walked over
  bool standalone_ = false;
  std::map<std::uint32_t, Gtid> last_;  // by domain
  BinlogRun run_;
};

}  // namespace

const LogFiles& MariaDbLog() {
  static const BinlogFiles kFiles;
  return kFiles;
}

std::uint64_t BinlogPosition(std::uint32_t file, std::uint64_t offset) {
  CHECK_MSG(offset <= kOffsetMask, "a binlog of more than a terabyte");
  return static_cast<std::uint64_t>(file) << kOffsetBits | offset;
}

std::optional<std::uint32_t> BinlogNumber(std::string_view file) {
  if (!file.starts_with(kBinlogName)) return std::nullopt;
  file.remove_prefix(kBinlogName.size());
  if (!file.starts_with('.')) return std::nullopt;
  file.remove_prefix(1);
  std::uint32_t number = 0;
  const auto read = std::from_chars(file.data(), file.data() + file.size(), number);
  if (read.ec != std::errc() || read.ptr != file.data() + file.size()) return std::nullopt;
  return number;
}

base::Result<BinlogRun> PlanReplay(const fs::path& directory, std::uint64_t from,
                                   std::optional<base::WallTime> until) {
  Replay replay(until);
  std::uint64_t offset = from & kOffsetMask;
  std::error_code ignored;
  for (std::uint32_t file = NumberOf(from);; ++file, offset = 0) {
    const fs::path path = directory / NameOf(file);
    if (file != NumberOf(from) && !fs::exists(path, ignored)) break;
    ASSIGN_OR_RETURN(const bool goes_on, replay.Walk(path, file, offset));
    if (!goes_on) break;
  }
  return replay.Done();
}

base::Result<LaidBinlog> LayOutReplay(const BinlogRun& run, const fs::path& directory,
                                      const fs::path& into, std::string_view name) {
  LaidBinlog laid;
  laid.gtids = run.gtids;
  const std::string list = fmt::format("{}.index", name);
  std::ofstream index(into / list, std::ios::trunc);
  std::error_code error;
  for (const BinlogPart& part : run.parts) {
    const std::string file = fmt::format("{}.{:06}", name, laid.files.size() + 1);
    fs::copy_file(directory / NameOf(part.file), into / file, fs::copy_options::overwrite_existing,
                  error);
    if (!error) fs::resize_file(into / file, part.end, error);
    if (error) return base::Exhausted(fmt::format("cannot write {}: {}", file, error.message()));
    index << "./" << file << "\n";
    laid.files.push_back(file);
  }
  index.close();
  if (!index) return base::Exhausted("cannot write the list of the logs to replay");
  laid.files.push_back(list);
  return laid;
}

BinlogPlace BinlogPlaceIn(const fs::path& file) {
  std::ifstream in(file);
  BinlogPlace place;
  std::string log;
  std::uint64_t offset = 0;
  in >> log >> offset;
  const std::optional<std::uint32_t> number = BinlogNumber(log);
  if (in && number) place.position = BinlogPosition(*number, offset);
  in >> place.gtids;
  return place;
}

}  // namespace leeward::lab::rds
