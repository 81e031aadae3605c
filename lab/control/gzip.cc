#include "lab/control/gzip.h"

#include <zlib.h>

namespace leeward::lab {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: largest window, gzip framing

}  // namespace

base::Result<std::string> Gunzip(std::string_view packed, std::size_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK)
    return base::Exhausted("no memory to unpack the body");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  char buffer[1 << 16];
  int state = Z_OK;
  while (state == Z_OK && out.size() <= max_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > max_bytes) return base::Exhausted("the unpacked body is too large");
  if (state != Z_STREAM_END) return base::Invalid("the body is not gzip");
  return out;
}

}  // namespace leeward::lab
