#include "journal/record.h"

#include <algorithm>

#include "base/check.h"
#include "journal/journal.h"

namespace leeward::journal {
namespace {

constexpr std::string_view kMagic = "LEEWARDJ";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFileHeaderBytes = 16;
constexpr std::size_t kPreviousAt = 4, kHeaderSumAt = 36, kPayloadSumAt = 40;

void PutU32(std::string* out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    out->push_back(static_cast<char>(value >> shift & 0xff));
}

std::uint32_t GetU32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}

// Where the run of NUL bytes at the end begins; the size when there is none.
std::size_t NulRun(std::string_view bytes) {
  const std::size_t last = bytes.find_last_not_of('\0');
  return last == std::string_view::npos ? 0 : last + 1;
}

base::Error Wrong(const Walk& walk, const std::string& what) {
  return base::Corrupt("record " + std::to_string(walk.records + 1) + " at offset " +
                       std::to_string(walk.whole_bytes) + ": " + what);
}

enum class Header { kWhole, kToWrite };

base::Result<Header> CheckFileHeader(std::string_view bytes) {
  const std::string expected = FileHeader();
  if (bytes.size() < kFileHeaderBytes) {
    const bool begins_like_it = expected.compare(0, bytes.size(), bytes) == 0;
    if (begins_like_it || NulRun(bytes) == 0) return Header::kToWrite;
  }
  if (bytes.size() < kFileHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    if (NulRun(bytes) == 0) return Header::kToWrite;
    return base::Corrupt("offset 0: this is not a Leeward journal");
  }
  if (const std::uint32_t version = GetU32(bytes, kMagic.size()); version != kVersion) {
    return base::Corrupt("offset 8: version " + std::to_string(version) +
                         " is not one this program reads (" + std::to_string(kVersion) + ")");
  }
  if (GetU32(bytes, 12) != 0) return base::Corrupt("offset 12: the header is damaged");
  return Header::kWhole;
}

// The payload of the record at the front of `rest`; empty when that record is torn.
base::Result<std::string_view> TakePayload(std::string_view rest, const Walk& walk) {
  if (rest.size() < kRecordHeaderBytes) return std::string_view{};
  const std::size_t nul_run = NulRun(rest);
  const bool ends_in_nul = nul_run < rest.size();
  if (GetU32(rest, kHeaderSumAt) != base::Crc32c(rest.substr(0, kHeaderSumAt))) {
    if (ends_in_nul && nul_run < kRecordHeaderBytes) return std::string_view{};
    return Wrong(walk, "the checksum of its header does not match");
  }
  const std::size_t length = GetU32(rest, 0);
  if (length == 0 || length > kMaxPayloadBytes) return Wrong(walk, "its length is out of range");
  if (rest.substr(kPreviousAt, walk.last.size()) != base::AsView(walk.last)) {
    return Wrong(walk, "it does not link to the record before it");
  }
  if (rest.size() < kRecordHeaderBytes + length) return std::string_view{};
  const std::string_view payload = rest.substr(kRecordHeaderBytes, length);
  if (GetU32(rest, kPayloadSumAt) != base::Crc32c(payload)) {
    if (ends_in_nul && nul_run < kRecordHeaderBytes + length) return std::string_view{};
    return Wrong(walk, "the checksum of its content does not match");
  }
  return payload;
}

}  // namespace

std::string FileHeader() {
  std::string header(kMagic);
  PutU32(&header, kVersion);
  PutU32(&header, 0);
  return header;
}

std::string FrameRecord(const base::Sha256Digest& previous, std::string_view payload) {
  CHECK(!payload.empty() && payload.size() <= kMaxPayloadBytes);
  std::string record;
  record.reserve(kRecordHeaderBytes + payload.size());
  PutU32(&record, static_cast<std::uint32_t>(payload.size()));
  record += base::AsView(previous);
  PutU32(&record, base::Crc32c(record));
  PutU32(&record, base::Crc32c(payload));
  record += payload;
  return record;
}

base::Result<Walk> WalkRecords(std::string_view bytes,
                               const std::function<base::Status(const Record&)>& visit) {
  Walk walk;
  walk.last = base::Sha256(FileHeader());
  ASSIGN_OR_RETURN(const Header header, CheckFileHeader(bytes));
  if (header == Header::kToWrite) return walk;
  walk.whole_bytes = kFileHeaderBytes;
  while (walk.whole_bytes < bytes.size()) {
    const std::string_view rest = bytes.substr(walk.whole_bytes);
    ASSIGN_OR_RETURN(const std::string_view payload, TakePayload(rest, walk));
    if (payload.empty()) break;
    const std::string_view record = rest.substr(0, kRecordHeaderBytes + payload.size());
    const base::Sha256Digest hash = base::Sha256(record);
    if (base::Status seen = visit({walk.records + 1, payload, hash}); !seen.ok())
      return Wrong(walk, seen.error().message());
    walk.last = hash;
    walk.whole_bytes += record.size();
    ++walk.records;
  }
  return walk;
}

}  // namespace leeward::journal
