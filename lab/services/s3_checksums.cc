#include "lab/services/s3_checksums.h"

#include <array>

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

struct Algorithm {
  std::string_view name;    // "CRC32"
  std::string_view member;  // "ChecksumCRC32"
};
constexpr auto kAlgorithms = std::to_array<Algorithm>({{"CRC32", "ChecksumCRC32"},
                                                       {"CRC32C", "ChecksumCRC32C"},
                                                       {"CRC64NVME", "ChecksumCRC64NVME"},
                                                       {"SHA1", "ChecksumSHA1"},
                                                       {"SHA256", "ChecksumSHA256"}});

}  // namespace

std::string_view AlgorithmOf(const Value& input) {
  for (const Algorithm& each : kAlgorithms) {
    if (input.Has(each.member)) return each.name;
  }
  return kDefaultChecksum;
}

std::string_view StatedChecksum(const Value& input, std::string_view algorithm) {
  for (const Algorithm& each : kAlgorithms) {
    if (each.name == algorithm) return input.String(each.member);
  }
  return "";
}

void ShowChecksumOf(std::string_view algorithm, std::string_view checksum, Value* answer) {
  for (const Algorithm& each : kAlgorithms) {
    if (each.name == algorithm && !checksum.empty()) answer->Set(each.member, checksum);
  }
}

void ShowChecksum(const Version& version, Value* answer) {
  ShowChecksumOf(version.checksum_algorithm, version.checksum, answer);
  answer->Set("ChecksumType", version.composite ? "COMPOSITE" : "FULL_OBJECT");
}

}  // namespace leeward::lab::s3
