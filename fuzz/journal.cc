// A journal's file as it is found after a crash, or after somebody wrote into it.
//
// First line "file": the rest is the file. Else each line is a record's content, framed and linked
// as it belongs, so that the fuzzer need not guess digests; "cut N" as the first line takes N bytes
// off the end and "damage N" turns a bit of the byte N. Behind "mirror" stands a mirror's head in
// the shared store, without the line of its hash.
#include "journal/journal.h"

#include <charconv>

#include "base/bytes.h"
#include "base/check.h"
#include "fuzz/input.h"
#include "journal/mirror.h"
#include "journal/record.h"
#include "ports/testing/memory_files.h"
#include "ports/testing/memory_store.h"

namespace leeward::fuzz {
namespace {

constexpr const char* kPath = "/journal";

std::string Framed(std::string_view lines) {
  std::string bytes = journal::FileHeader();
  base::Sha256Digest last = base::Sha256(bytes);
  while (!lines.empty()) {
    const std::string_view payload = TakeLine(lines);
    if (payload.empty()) continue;
    const std::string record = journal::FrameRecord(last, payload);
    last = base::Sha256(record);
    bytes += record;
  }
  return bytes;
}

std::string FileOf(std::string_view input) {
  std::string_view how = TakeLine(input);
  const std::string_view verb = TakeWord(how);
  if (verb == "file") return std::string(input);
  std::string bytes = Framed(input);
  std::size_t number = 0;
  std::from_chars(how.data(), how.data() + how.size(), number);
  number %= bytes.size();
  if (verb == "cut") bytes.resize(bytes.size() - number);
  if (verb == "damage") bytes[number] = static_cast<char>(bytes[number] ^ 1);
  return bytes;
}

// Opening must agree with reading, lose nothing that was whole, and leave a journal that goes on.
void OpenAndGoOn(ports::testing::MemoryFiles& files, const journal::Contents& before) {
  auto opened = journal::Journal::Open(files, kPath);
  CHECK(opened.ok() && opened->events.size() == before.events.size());
  CHECK(opened->cut_bytes == before.summary.torn_bytes);
  CHECK(opened->journal->Append({model::Event{}}).ok());
  opened->journal.reset();
  const auto after = journal::Read(files, kPath);
  CHECK(after.ok() && after->summary.torn_bytes == 0);
  CHECK(after->events.size() == before.events.size() + 1);
}

// A head that is read is written as one that is read the same; its records are events or refused.
void ReadMirror(std::string_view rest) {
  const std::string text = "sum " + base::Sha256Hex(rest) + "\n" + std::string(rest);
  ports::testing::MemoryStore store;
  const model::ApplicationName application("shop");
  const std::string key = journal::MirrorKey(application);
  store.entries[key] = {key, text, 1};
  ports::ManualClock clock{base::WallTime{}};
  journal::Mirror mirror(
      store, clock,
      {.application = application, .writer = "w", .pause = [](base::Duration) { return false; }});
  const auto head = mirror.Look();
  if (!head.ok()) return;
  const std::string written = journal::ToText(**head);
  const auto again = journal::HeadFromText(written);
  CHECK(again.ok() && journal::ToText(*again) == written);
  const auto events = mirror.Fetch();
  if (events.ok() && !(*head)->cut()) CHECK(events->size() == (*head)->records);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (std::string_view rest = View(data, size); TakeLine(rest) == "mirror") {
    ReadMirror(rest);
    return 0;
  }
  ports::testing::MemoryFiles files;
  const std::string bytes = FileOf(View(data, size));
  files.Put(kPath, bytes);
  const auto contents = journal::Read(files, kPath);
  CHECK(journal::Verify(files, kPath).ok() == contents.ok());
  if (contents.ok()) {
    OpenAndGoOn(files, *contents);
  } else {
    CHECK(!journal::Journal::Open(files, kPath).ok());
    CHECK(files.Bytes(kPath) == bytes);  // what is corrupt is left as it is
  }
  return 0;
}

}  // namespace leeward::fuzz
