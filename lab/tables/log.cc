#include "lab/tables/log.h"

#include "base/check.h"

namespace leeward::lab::tables {
namespace {

constexpr unsigned kHasOld = 1;
constexpr unsigned kHasNew = 2;
constexpr unsigned kChanged = 4;
constexpr unsigned kAuthorShift = 4;

void AppendBytes(std::string_view bytes, std::string& out) {
  AppendBig32(static_cast<std::uint32_t>(bytes.size()), out);
  out += bytes;
}

std::string_view TakeBytes(std::string_view& in) {
  const std::uint32_t size = ReadBig32(in);
  CHECK(in.size() >= std::size_t{4} + size);
  const std::string_view bytes = in.substr(4, size);
  in.remove_prefix(std::size_t{4} + size);
  return bytes;
}

std::uint64_t TakeNumber(std::string_view& in) {
  const std::uint64_t number = ReadBig64(in);
  in.remove_prefix(8);
  return number;
}

}  // namespace

void AppendLogRecord(const LogRecord& record, std::string& out) {
  const unsigned flags = (record.old_image ? kHasOld : 0) | (record.new_image ? kHasNew : 0) |
                         (record.changed ? kChanged : 0) |
                         static_cast<unsigned>(record.author) << kAuthorShift;
  out += static_cast<char>(flags);
  AppendBig64(static_cast<std::uint64_t>(record.when.since_epoch.count()), out);
  AppendBig64(static_cast<std::uint64_t>(record.version.micros), out);
  AppendBytes(record.version.region, out);
  AppendBytes(record.key, out);
  if (record.old_image) AppendBytes(*record.old_image, out);
  if (record.new_image) AppendBytes(*record.new_image, out);
}

LogRecord ReadLogRecord(std::string_view place, std::string_view value) {
  CHECK(place.size() == 12 && !value.empty());
  LogRecord record;
  record.sequence = ReadBig64(place.substr(4));
  const auto flags = static_cast<unsigned char>(value[0]);
  value.remove_prefix(1);
  record.changed = (flags & kChanged) != 0;
  record.author = static_cast<Author>(flags >> kAuthorShift);
  record.when = {base::Duration(static_cast<std::int64_t>(TakeNumber(value)))};
  record.version.micros = static_cast<std::int64_t>(TakeNumber(value));
  record.version.region = TakeBytes(value);
  record.key = TakeBytes(value);
  if ((flags & kHasOld) != 0) record.old_image = TakeBytes(value);
  if ((flags & kHasNew) != 0) record.new_image = TakeBytes(value);
  return record;
}

}  // namespace leeward::lab::tables
