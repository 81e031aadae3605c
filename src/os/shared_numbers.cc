#include "os/shared_numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "base/check.h"

namespace leeward::os {
namespace {

constexpr std::size_t kBytes = SharedNumbers::kCount * sizeof(std::int64_t);

base::Error Failed(const std::string& path) {
  return base::ServiceBroken(fmt::format("{}: {}", path, strerror(errno)));
}

}  // namespace

base::Result<SharedNumbers> SharedNumbers::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path);
  void* memory = MAP_FAILED;
  if (ftruncate(file, kBytes) == 0)
    memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const base::Error error = Failed(path);
  close(file);
  if (memory == MAP_FAILED) return error;
  return SharedNumbers(static_cast<std::int64_t*>(memory));
}

SharedNumbers::~SharedNumbers() {
  if (numbers_ != nullptr) munmap(numbers_, kBytes);
}

SharedNumbers::SharedNumbers(SharedNumbers&& other) noexcept
    : numbers_(std::exchange(other.numbers_, nullptr)) {}

SharedNumbers& SharedNumbers::operator=(SharedNumbers&& other) noexcept {
  std::swap(numbers_, other.numbers_);
  return *this;
}

void SharedNumbers::Set(std::size_t index, std::int64_t value) {
  CHECK(index < kCount);
  std::atomic_ref(numbers_[index]).store(value);
}

std::int64_t SharedNumbers::Get(std::size_t index) const {
  CHECK(index < kCount);
  return std::atomic_ref(numbers_[index]).load();
}

}  // namespace leeward::os
