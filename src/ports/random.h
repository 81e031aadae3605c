// Random: the only source of chance outside `os`.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace leeward::ports {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;

  // Uniform in [0, bound). bound > 0.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  // `length` lower-case hex digits.
  std::string Hex(int length) {
    std::string text;
    while (static_cast<int>(text.size()) < length) text += "0123456789abcdef"[Below(16)];
    return text;
  }
};

// The same seed gives the same sequence on every machine.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace leeward::ports
