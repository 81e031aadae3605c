// One journal file as bytes: header, records, and what is torn. docs/formats/journal.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace leeward::journal {

inline constexpr std::size_t kRecordHeaderBytes = 44;

std::string FileHeader();
// The bytes of one record behind the one with digest `previous`.
std::string FrameRecord(const base::Sha256Digest& previous, std::string_view payload);

// What a walk over a file found.
struct Walk {
  std::uint64_t records = 0;
  std::uint64_t whole_bytes = 0;  // header and whole records; 0: the header is still to be written
  base::Sha256Digest last{};      // of the last whole record, or of the header
};
struct Record {
  std::uint64_t number = 0;  // from 1
  std::string_view payload;
  const base::Sha256Digest& hash;  // of the whole record, as the next one names it
};
// Checks the chain in `bytes` and hands over each record, in order. kCorrupt names the record, its
// offset, and what is wrong with it. What `visit` refuses is corrupt too.
base::Result<Walk> WalkRecords(std::string_view bytes,
                               const std::function<base::Status(const Record&)>& visit);

}  // namespace leeward::journal
