#include "lab/wire/checksum.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kHeaderPrefix = "x-amz-checksum-";
constexpr std::uint32_t kCrc32 = 0xEDB88320;               // reflected
constexpr std::uint64_t kCrc64Nvme = 0x9A6C9329AC4BC9B5U;  // reflected

template <typename Word>
constexpr std::array<Word, 256> CrcTable(Word polynomial) {
  std::array<Word, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    Word word = static_cast<Word>(i);
    for (int bit = 0; bit < 8; ++bit) word = (word >> 1) ^ ((word & 1) != 0 ? polynomial : 0);
    table[i] = word;
  }
  return table;
}

template <typename Word>
Word Crc(const std::array<Word, 256>& table, std::string_view bytes) {
  Word word = ~Word{0};
  for (const char c : bytes)
    word = (word >> 8) ^ table[(word ^ static_cast<unsigned char>(c)) & 0xff];
  return ~word;
}

template <typename Word>
std::string BigEndian(Word word) {
  std::string bytes;
  for (int shift = static_cast<int>(sizeof word) * 8 - 8; shift >= 0; shift -= 8)
    bytes += static_cast<char>((word >> shift) & 0xff);
  return bytes;
}

std::string Digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr) == 1);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

std::optional<ApiError> CheckMd5(const Request& request) {
  if (!request.HasHeader("Content-MD5")) return std::nullopt;
  const auto stated = base::Base64Decode(request.Header("Content-MD5"));
  const std::string reckoned = Md5(request.body);
  if (!stated.ok() || stated->size() != reckoned.size())
    return ApiError{"InvalidDigest", "The Content-MD5 you specified was invalid.", 400, {}};
  if (*stated == reckoned) return std::nullopt;
  return ApiError{
      "BadDigest", "The Content-MD5 you specified did not match what we received.", 400, {}};
}

// "x-amz-checksum-crc32"; what says how a checksum is meant is none.
bool IsChecksum(std::string_view header) {
  return header.starts_with(kHeaderPrefix) && header != "x-amz-checksum-algorithm" &&
         header != "x-amz-checksum-type" && header != "x-amz-checksum-mode";
}

}  // namespace

std::optional<std::string> Checksum(std::string_view algorithm, std::string_view bytes) {
  static constexpr auto kTable32 = CrcTable(kCrc32);
  static constexpr auto kTable64 = CrcTable(kCrc64Nvme);
  if (algorithm == "CRC32") return base::Base64Encode(BigEndian(Crc(kTable32, bytes)));
  if (algorithm == "CRC32C") return base::Base64Encode(BigEndian(base::Crc32c(bytes)));
  if (algorithm == "CRC64NVME") return base::Base64Encode(BigEndian(Crc(kTable64, bytes)));
  if (algorithm == "SHA1") return base::Base64Encode(Digest(EVP_sha1(), bytes));
  if (algorithm == "SHA256") return base::Base64Encode(base::AsView(base::Sha256(bytes)));
  return std::nullopt;
}

std::string Md5(std::string_view bytes) { return Digest(EVP_md5(), bytes); }

std::optional<ApiError> CheckBody(const Request& request) {
  if (auto error = CheckMd5(request)) return error;
  bool seen = false;
  for (const auto& [header, value] : request.headers) {
    const std::string name = Lower(header);
    if (!IsChecksum(name)) continue;
    if (std::exchange(seen, true)) {
      return ApiError{"InvalidRequest",
                      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                      "allowed.",
                      400,
                      {}};
    }
    const std::string algorithm = Upper(std::string_view(name).substr(kHeaderPrefix.size()));
    const auto reckoned = Checksum(algorithm, request.body);
    if (!reckoned) {
      return ApiError{"NotImplemented",
                      fmt::format("The lab does not reckon {} checksums", algorithm),
                      501,
                      {}};
    }
    if (*reckoned == value) continue;
    return ApiError{
        "BadDigest",
        fmt::format("The {} you specified did not match the calculated checksum.", algorithm),
        400,
        {}};
  }
  return std::nullopt;
}

}  // namespace leeward::lab::wire
