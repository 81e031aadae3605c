#include "lab/dynamo/replicas_file.h"

#include <filesystem>
#include <fstream>

namespace leeward::lab::dynamo {
namespace {

constexpr std::uint64_t kMaxReplicas = 64 << 20;

}  // namespace

base::Status SaveReplicas(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return base::Exhausted("cannot write " + fresh + "; is the disk full?");
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) return base::ServiceBroken(path + ": " + error.message());
  return base::Ok();
}

base::Result<std::string> LoadReplicas(const std::string& path, ports::Files& files) {
  auto saved = files.Read(path, kMaxReplicas);
  if (!saved.ok() && saved.error().code() == base::ErrorCode::kNotFound) return std::string();
  return saved;
}

}  // namespace leeward::lab::dynamo
