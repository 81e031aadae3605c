// The source's side of a copy: what is in its directories, and in its files.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/efs_pull.h"
#include "lab/services/efs_tree_files.h"

namespace leeward::lab::efs {

using shapes::Value;

namespace {

constexpr std::string_view kKinds = "fdl";  // of Entry::Kind, in its order

ApiError Trouble(const base::Error& error) {
  return {"TreeTrouble", "the source: " + error.message(), 500, {}};
}

// Where in the tree a path of the caller's is.
base::Result<std::string> PlaceOf(const ServedTree& served, std::string_view asked) {
  ASSIGN_OR_RETURN(const std::string path, base::PercentDecode(asked));
  if (!IsPlainPath(path)) return base::Invalid("no path in a tree");
  return Below(served.inside, path);
}

// What an entry takes of the room in an answer: names may be long.
std::size_t Weight(const Entry& entry) {
  constexpr std::size_t kUsualName = 64;
  return 1 + (entry.name.size() + entry.target.size()) / kUsualName;
}

base::Result<Value> ListOne(const ServedTree& served, const Value& asked, std::size_t& room) {
  const std::filesystem::path& tree = served.root;
  ASSIGN_OR_RETURN(const std::string path, PlaceOf(served, asked.String("Path")));
  ASSIGN_OR_RETURN(const std::string after, base::PercentDecode(asked.String("After")));
  Value listing = Value::Struct({{"Path", asked.String("Path")}});
  // Itself first: what changes meanwhile makes it look older than it is, and is seen again.
  const auto self = Look(tree, path);
  const auto entries = self.ok() ? ListDirectory(tree, path) : self.error();
  if (!entries.ok()) {
    if (entries.error().code() != base::ErrorCode::kNotFound || path == served.inside) {
      return entries.error();
    }
    return listing.Set("Gone", true);
  }
  Value::List told;
  bool more = false;
  for (const Entry& entry : *entries) {
    if (!after.empty() && entry.name <= after) continue;
    if (room == 0) {
      more = true;
      break;
    }
    told.push_back(ToValue(entry));
    room -= std::min(room, Weight(entry));
  }
  return listing.Set("Self", ToValue(*self))
      .Set("Entries", Value(std::move(told)))
      .Set("More", more);
}

Answer ListTree(const ServedTree& served, const PullLimits& limits, const Value& input) {
  Value::List listings;
  std::size_t room = limits.entries;
  for (const Value& asked : input.Items("Directories")) {
    if (room == 0) break;
    auto listing = ListOne(served, asked, room);
    if (!listing.ok()) return Trouble(listing.error());
    listings.push_back(std::move(*listing));
  }
  return Value::Struct({{"Listings", Value(std::move(listings))}});
}

// Adds the parts of one file that there is room for; false when it has to wait for the rest.
base::Result<bool> ReadOne(const ServedTree& served, const Value& asked, std::size_t& room,
                           Value::List& pieces) {
  PieceAsked wanted;
  ASSIGN_OR_RETURN(wanted.path, PlaceOf(served, asked.String("Path")));
  wanted.offset = asked.Int("Offset");
  wanted.reading = asked.Flag("Loose", false) ? Reading::kLoose : Reading::kStrict;
  for (;;) {
    Value told = Value::Struct({{"Path", asked.String("Path")}});
    wanted.most = room;
    auto piece = ReadPiece(served.root, wanted);
    if (!piece.ok()) {
      const bool gone = piece.error().code() == base::ErrorCode::kNotFound;
      if (!gone && piece.error().code() != base::ErrorCode::kWrongState) {
        return std::move(piece).error();
      }
      pieces.push_back(told.Set(gone ? "Gone" : "Changing", true));
      return gone;
    }
    room -= std::min(room, piece->bytes.size());
    told.Set("Entry", ToValue(piece->entry)).Set("Offset", piece->offset).Set("Next", piece->next);
    const bool last = piece->last();
    wanted.offset = piece->next;
    if (!piece->bytes.empty()) told.Set("Data", Value(shapes::Blob{std::move(piece->bytes)}));
    pieces.push_back(std::move(told));
    if (last || room == 0) return last;
  }
}

Answer ReadTree(const ServedTree& served, const PullLimits& limits, const Value& input) {
  Value::List pieces;
  std::size_t room = limits.bytes;
  for (const Value& asked : input.Items("Files")) {
    if (room == 0) break;
    const auto whole = ReadOne(served, asked, room, pieces);
    if (!whole.ok()) return Trouble(whole.error());
    if (!*whole) break;
  }
  return Value::Struct({{"Pieces", Value(std::move(pieces))}});
}

Answer SumTree(const ServedTree& served, const Value& input) {
  Value::List sums;
  for (const Value& asked : input.Items("Files")) {
    const auto path = PlaceOf(served, asked.str());
    if (!path.ok()) return Trouble(path.error());
    const auto sum = SumOf(served.root, *path);
    if (!sum.ok() && sum.error().code() != base::ErrorCode::kNotFound) return Trouble(sum.error());
    sums.emplace_back(sum.ok() ? *sum : std::string());
  }
  return Value::Struct({{"Sums", Value(std::move(sums))}});
}

Flow<> Answered(Host& host, std::function<Answer()> work, Reply reply) {
  const Answer answer = co_await Offload<Answer>(host, std::move(work));
  reply(answer);
}

}  // namespace

Value ToValue(const Entry& entry) {
  Value value = Value::Struct({{"Name", base::PercentEncode(entry.name)},
                               {"Kind", std::string(1, kKinds[static_cast<int>(entry.kind)])},
                               {"Mode", std::int64_t{entry.mode}},
                               {"Uid", std::int64_t{entry.uid}},
                               {"Gid", std::int64_t{entry.gid}},
                               {"Size", entry.size},
                               {"Atime", entry.accessed},
                               {"Mtime", entry.modified},
                               {"Ctime", entry.changed},
                               {"Inode", static_cast<std::int64_t>(entry.inode)},
                               {"Links", static_cast<std::int64_t>(entry.links)}});
  if (!entry.target.empty()) value.Set("Target", base::PercentEncode(entry.target));
  return value;
}

base::Result<Entry> EntryOf(const Value& value) {
  Entry entry;
  ASSIGN_OR_RETURN(entry.name, base::PercentDecode(value.String("Name")));
  ASSIGN_OR_RETURN(entry.target, base::PercentDecode(value.String("Target")));
  const std::size_t kind = kKinds.find(value.String("Kind", "?"));
  if (kind == std::string_view::npos) return base::Corrupt("a file of no kind");
  entry.kind = static_cast<Entry::Kind>(kind);
  entry.mode = static_cast<std::uint32_t>(value.Int("Mode")) & 07777U;
  entry.uid = static_cast<std::uint32_t>(value.Int("Uid"));
  entry.gid = static_cast<std::uint32_t>(value.Int("Gid"));
  entry.size = value.Int("Size");
  entry.accessed = value.Int("Atime");
  entry.modified = value.Int("Mtime");
  entry.changed = value.Int("Ctime");
  entry.inode = static_cast<std::uint64_t>(value.Int("Inode"));
  entry.links = static_cast<std::uint64_t>(value.Int("Links"));
  return entry;
}

bool ServeTree(Host& host, const PullLimits& limits, const ServedTree& tree,
               std::string_view operation, const Value& input, const Reply& reply) {
  std::function<Answer()> work;
  if (operation == "ListTree") {
    work = [tree, limits, input] { return ListTree(tree, limits, input); };
  } else if (operation == "ReadTree") {
    work = [tree, limits, input] { return ReadTree(tree, limits, input); };
  } else if (operation == "SumTree") {
    work = [tree, input] { return SumTree(tree, input); };
  } else {
    return false;
  }
  Answered(host, std::move(work), reply).Detach();
  return true;
}

}  // namespace leeward::lab::efs
