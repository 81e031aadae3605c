// A few numbers in a file that two processes have open: what one sets, the other reads at once.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace leeward::os {

class SharedNumbers {
 public:
  static constexpr std::size_t kCount = 64;

  // Makes the file, mode 0600 and all zeros, when it is not there.
  static base::Result<SharedNumbers> Open(const std::string& path);
  ~SharedNumbers();
  SharedNumbers(SharedNumbers&& other) noexcept;
  SharedNumbers& operator=(SharedNumbers&& other) noexcept;

  void Set(std::size_t index, std::int64_t value);
  std::int64_t Get(std::size_t index) const;

 private:
  explicit SharedNumbers(std::int64_t* numbers) : numbers_(numbers) {}
  std::int64_t* numbers_ = nullptr;
};

}  // namespace leeward::os
