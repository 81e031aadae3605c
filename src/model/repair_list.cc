#include "model/repair_list.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"

namespace leeward::model {
namespace {

using RepairJson = nlohmann::ordered_json;

constexpr int kRepairListVersion = 1;

std::string Dump(const RepairJson& json) {
  return json.dump(-1, ' ', false, RepairJson::error_handler_t::replace);
}

RepairJson InstantJson(const std::optional<base::WallTime>& at) {
  return at ? RepairJson(base::FormatIso8601(*at)) : RepairJson(nullptr);
}

// Throws what `json.at` throws; whoever calls it turns that into an error.
std::optional<base::WallTime> InstantOf(const RepairJson& json) {
  if (json.is_null()) return std::nullopt;
  const auto at = base::ParseIso8601(json.get<std::string>());
  return at.ok() ? std::optional(*at) : std::nullopt;
}

RepairJson JsonOf(const ReferenceCounts& counts) {
  return {
      {"name", counts.name},       {"from", counts.from.str()},       {"to", counts.to.str()},
      {"rows", counts.rows},       {"nameless", counts.nameless},     {"there", counts.there},
      {"missing", counts.missing}, {"unverified", counts.unverified}, {"beyond", counts.beyond},
      {"listed", counts.listed},   {"complete", counts.complete},     {"problem", counts.problem}};
}

ReferenceCounts CountsOf(const RepairJson& json) {
  ReferenceCounts counts;
  counts.name = json.at("name").get<std::string>();
  counts.from = ComponentName(json.at("from").get<std::string>());
  counts.to = ComponentName(json.at("to").get<std::string>());
  counts.rows = json.at("rows").get<std::int64_t>();
  counts.nameless = json.at("nameless").get<std::int64_t>();
  counts.there = json.at("there").get<std::int64_t>();
  counts.missing = json.at("missing").get<std::int64_t>();
  counts.unverified = json.at("unverified").get<std::int64_t>();
  counts.beyond = json.at("beyond").get<std::int64_t>();
  counts.listed = json.at("listed").get<std::int64_t>();
  counts.complete = json.at("complete").get<bool>();
  counts.problem = json.at("problem").get<std::string>();
  return counts;
}

RepairJson JsonOf(const RepairEntry& entry) {
  RepairJson row = RepairJson::object();
  for (const auto& [column, value] : entry.row)
    row[column] = value ? RepairJson(*value) : RepairJson(nullptr);
  return {
      {"reference", entry.reference}, {"from", entry.from.str()},   {"to", entry.to.str()},
      {"names", entry.names},         {"found", Name(entry.found)}, {"place", Name(entry.place)},
      {"at", InstantJson(entry.at)},  {"why", entry.why},           {"row", std::move(row)}};
}

template <typename Word>
Word WordOf(const RepairJson& json, std::initializer_list<Word> words) {
  const std::string text = json.get<std::string>();
  for (const Word word : words) {
    if (Name(word) == text) return word;
  }
  throw std::invalid_argument("unknown word '" + text + "'");
}

RepairEntry EntryOf(const RepairJson& json) {
  RepairEntry entry;
  entry.reference = json.at("reference").get<std::string>();
  entry.from = ComponentName(json.at("from").get<std::string>());
  entry.to = ComponentName(json.at("to").get<std::string>());
  entry.names = json.at("names").get<std::string>();
  entry.found = WordOf(json.at("found"), {Named::kThere, Named::kMissing, Named::kUnverified});
  entry.place =
      WordOf(json.at("place"), {Place::kBefore, Place::kBeyond, Place::kAfter, Place::kUnknown});
  entry.at = InstantOf(json.at("at"));
  entry.why = json.at("why").get<std::string>();
  for (const auto& [column, value] : json.at("row").items()) {
    entry.row[column] =
        value.is_null() ? std::nullopt : std::optional(value.template get<std::string>());
  }
  return entry;
}

RepairJson HeadOf(const RepairList& list) {
  RepairJson head{{"leeward_repair_list", kRepairListVersion},
                  {"application", list.application.str()},
                  {"execution", list.execution.str()},
                  {"line", InstantJson(list.line.at)},
                  {"line_of", list.line.store.str()}};
  head["points"] = RepairJson::object();
  for (const RecoveryPoint& point : list.line.points)
    head["points"][point.store.str()] = InstantJson(point.at);
  head["references"] = RepairJson::array();
  for (const ReferenceCounts& counts : list.references)
    head["references"].push_back(JsonOf(counts));
  head["entries"] = list.entries.size();
  return head;
}

// How many entries it says that there are.
std::size_t ReadHead(const RepairJson& head, RepairList* list) {
  if (head.at("leeward_repair_list") != kRepairListVersion)
    throw std::invalid_argument("it is of another version");
  list->application = ApplicationName(head.at("application").get<std::string>());
  list->execution = ExecutionId(head.at("execution").get<std::string>());
  for (const auto& [store, at] : head.at("points").items())
    list->line.points.push_back({ComponentName(store), InstantOf(at)});
  list->line.at = InstantOf(head.at("line"));
  list->line.store = ComponentName(head.at("line_of").get<std::string>());
  for (const RepairJson& one : head.at("references")) list->references.push_back(CountsOf(one));
  return head.at("entries").get<std::size_t>();
}

}  // namespace

std::string_view Name(Named found) {
  switch (found) {
    case Named::kThere:
      return "there";
    case Named::kMissing:
      return "missing";
    case Named::kUnverified:
      return "unverified";
  }
  CHECK_NEVER("Named outside its enum");
}

std::string_view Name(Place place) {
  switch (place) {
    case Place::kBefore:
      return "before";
    case Place::kBeyond:
      return "beyond";
    case Place::kAfter:
      return "after";
    case Place::kUnknown:
      return "unknown";
  }
  CHECK_NEVER("Place outside its enum");
}

std::string ToJson(const RepairEntry& entry) { return Dump(JsonOf(entry)); }

base::Result<RepairEntry> RepairEntryFromJson(std::string_view text) {
  try {
    return EntryOf(RepairJson::parse(text));
  } catch (const std::exception& error) {
    return base::Corrupt(std::string("an entry of a repair list cannot be read: ") + error.what());
  }
}

std::string ToJson(const ReferenceCounts& counts) { return Dump(JsonOf(counts)); }

base::Result<ReferenceCounts> ReferenceCountsFromJson(std::string_view text) {
  try {
    return CountsOf(RepairJson::parse(text));
  } catch (const std::exception& error) {
    return base::Corrupt(std::string("the counts of a reference cannot be read: ") + error.what());
  }
}

std::string ToJsonLines(const RepairList& list) {
  std::string text = Dump(HeadOf(list)) + "\n";
  for (const RepairEntry& entry : list.entries) text += ToJson(entry) + "\n";
  return text;
}

base::Result<RepairList> RepairListFromJsonLines(std::string_view text) {
  RepairList list;
  std::size_t number = 0, expected = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++number;
    try {
      const RepairJson json = RepairJson::parse(text.substr(0, end));
      if (number == 1) {
        expected = ReadHead(json, &list);
      } else {
        list.entries.push_back(EntryOf(json));
      }
    } catch (const std::exception& error) {
      return base::Corrupt("line " + std::to_string(number) +
                           " of the repair list cannot be read: " + error.what());
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (number == 0 || list.entries.size() != expected) {
    return base::Corrupt("the repair list has " + std::to_string(list.entries.size()) +
                         " entries and says that there are " + std::to_string(expected));
  }
  return list;
}

}  // namespace leeward::model
