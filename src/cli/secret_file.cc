#include "cli/secret_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "os/environment.h"

namespace leeward::cli {
namespace {

constexpr std::size_t kMost = 4096;  // bytes

base::Result<std::string> Checked(std::string secret, const std::string& from, std::size_t least) {
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  const bool plain =
      std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (secret.size() >= least && plain) return secret;
  return base::Invalid(fmt::format(
      "the token in {} is no token: take {} or more letters and digits, such as those of `openssl "
      "rand -hex 32`",
      from, least));
}

}  // namespace

base::Result<std::string> ReadSecret(const SecretPlace& place, ports::Files& files) {
  const std::string variable = os::Environment(place.variable).value_or("");
  if (place.file.empty()) {
    return variable.empty() ? base::Result<std::string>(std::string())
                            : Checked(variable, place.variable, place.least);
  }
  struct stat file {};
  if (::stat(place.file.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) {
    return base::NotFound("there is no file " + place.file);
  }
  if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return base::Denied(place.file + " can be read by others; chmod 600 it first");
  }
  ASSIGN_OR_RETURN(std::string secret, files.Read(place.file, kMost));
  return Checked(std::move(secret), place.file, place.least);
}

}  // namespace leeward::cli
