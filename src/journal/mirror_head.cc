#include "journal/mirror_head.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/bytes.h"

namespace leeward::journal {
namespace {

constexpr std::string_view kMagic = "leeward-mirror 1\n";
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kMaxText = 256;

// One line of the header has no line's end in it.
std::string OneLine(std::string text) {
  text.resize(std::min(text.size(), kMaxText));
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

base::Error Wrong(const std::string& what) { return base::Corrupt("its head " + what); }

bool ReadNumber(std::string_view text, std::uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc{} && end == text.data() + text.size();
}

// The value of the line "name value" at the front of `rest`, which is then behind it.
bool TakeLine(std::string_view* rest, std::string_view name, std::string_view* value) {
  const std::size_t end = rest->find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view line = rest->substr(0, end);
  if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ' ')
    return false;
  *value = line.substr(name.size() + 1);
  rest->remove_prefix(end + 1);
  return true;
}

bool TakeText(std::string_view* rest, std::string_view name, std::string* value) {
  std::string_view found;
  if (!TakeLine(rest, name, &found)) return false;
  *value = std::string(found);
  return true;
}

// Everything that the sum is taken over.
std::string Summed(const MirrorHead& head) {
  std::string text(kMagic);
  const std::array<std::pair<const char*, std::string>, 8> lines = {{
      {"execution", head.execution.str()},
      {"action", head.action},
      {"actor", OneLine(head.actor)},
      {"writer", OneLine(head.writer)},
      {"outcome", head.outcome},
      {"records", std::to_string(head.records)},
      {"chunks", std::to_string(head.chunks)},
      {"previous", head.previous},
  }};
  for (const auto& [name, value] : lines) text += std::string(name) + " " + value + "\n";
  return text + head.body;
}

}  // namespace

std::string ToText(const MirrorHead& head) {
  const std::string summed = Summed(head);
  return "sum " + base::Sha256Hex(summed) + "\n" + summed;
}

base::Result<MirrorHead> HeadFromText(std::string_view text) {
  std::string_view sum;
  if (!TakeLine(&text, "sum", &sum)) return Wrong("is not one that this program writes");
  if (base::Sha256Hex(text) != sum) return Wrong("does not have the hash that it names");
  if (!text.starts_with(kMagic)) return Wrong("is of another version");
  text.remove_prefix(kMagic.size());
  MirrorHead head;
  std::string execution, records, chunks;
  const bool whole =
      TakeText(&text, "execution", &execution) && TakeText(&text, "action", &head.action) &&
      TakeText(&text, "actor", &head.actor) && TakeText(&text, "writer", &head.writer) &&
      TakeText(&text, "outcome", &head.outcome) && TakeText(&text, "records", &records) &&
      TakeText(&text, "chunks", &chunks) && TakeText(&text, "previous", &head.previous) &&
      ReadNumber(records, &head.records) && ReadNumber(chunks, &head.chunks);
  if (!whole || execution.empty()) return Wrong("lacks a line");
  const bool linked = head.previous.size() == (head.chunks > 0 ? kHashDigits : 0);
  if (!linked) return Wrong("does not name the chunk before it");
  head.execution = model::ExecutionId(execution);
  head.body = std::string(text);
  return head;
}

std::string MirrorKey(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/journal";
}

}  // namespace leeward::journal
