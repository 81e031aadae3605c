#include "lab/services/saved_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace leeward::lab {
namespace {

std::filesystem::path StateFile(Host& host, std::string_view service) {
  return host.StateDirectory(service) / "state.json";
}

// Empty, and its owner's alone before anything is in it.
bool MakePrivate(const std::filesystem::path& path) {
  unlink(path.c_str());
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return file >= 0 && close(file) == 0;
}

}  // namespace

base::Result<shapes::Value> LoadState(Host& host, std::string_view service) {
  const std::filesystem::path path = StateFile(host, service);
  std::ifstream file(path, std::ios::binary);
  if (!file) return shapes::Value();
  std::ostringstream text;
  text << file.rdbuf();
  auto state = shapes::FromJson(text.str());
  if (!state.ok()) return std::move(state).error().Context(path.native());
  return state;
}

void SaveState(Host& host, std::string_view service, const shapes::Value& state,
               StateReaders readers) {
  const std::filesystem::path path = StateFile(host, service);
  std::filesystem::path draft = path;
  draft += ".new";
  if (readers == StateReaders::kOwner && !MakePrivate(draft)) {
    fmt::print(stderr, "{}: cannot make {}: the state is not saved\n", service, draft.native());
    return;
  }
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file << shapes::ToJson(state);
    file.flush();
    if (!file) {
      fmt::print(stderr, "{}: cannot write {}: the state is not saved\n", service, draft.native());
      return;
    }
  }
  std::error_code error;
  std::filesystem::rename(draft, path, error);
  if (error) {
    fmt::print(stderr, "{}: cannot replace {}: {}\n", service, path.native(), error.message());
  }
}

}  // namespace leeward::lab
