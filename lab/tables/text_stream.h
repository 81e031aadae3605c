// The text of a request as RapidJSON reads it in place: what it keeps of a string stays in the
// text, and the plain part of a string is passed over eight bytes at a time instead of one.
#pragma once

#include <rapidjson/reader.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace leeward::lab::tables {

// RapidJSON's concept of an in-place stream. The text is written over.
class TextStream {
 public:
  using Ch = char;

  TextStream(char* begin, char* end) : begin_(begin), from_(begin), end_(end) {}

  // Zero at the end. A zero in the text reads the same: Tell says whether it was the end.
  char Peek() const { return from_ == end_ ? '\0' : *from_; }
  char Take() { return from_ == end_ ? '\0' : *from_++; }
  std::size_t Tell() const { return static_cast<std::size_t>(from_ - begin_); }

  char* PutBegin() { return to_ = from_; }
  // RapidJSON puts one character of a string after the other. Behind one that is written as a whole
  // (zero ends the string, the bytes of another letter come one by one) the plain part that follows
  // is taken along.
  void Put(char c) {
    *to_++ = c;
    if (static_cast<signed char>(c) >= ' ') CopyPlain();
  }
  std::size_t PutEnd(const char* begin) { return static_cast<std::size_t>(to_ - begin); }
  void Flush() {}

 private:
  // What follows of a string, up to near its end or to what has to be looked at.
  void CopyPlain() {
    for (; end_ - from_ >= kStep; from_ += kStep, to_ += kStep) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, from_, kStep);
      if (!IsPlain(bytes)) return;
      // Never ahead of what is read, and read whole before it is written.
      std::memcpy(to_, &bytes, kStep);
    }
  }

  static constexpr std::ptrdiff_t kStep = 8;
  static constexpr std::uint64_t kOnes = 0x0101010101010101;
  static constexpr std::uint64_t kHighBits = 0x8080808080808080;

  static constexpr std::uint64_t Repeated(char c) { return kOnes * static_cast<unsigned char>(c); }
  // The high bit of some byte is set if and only if a byte is zero.
  static constexpr std::uint64_t Zeros(std::uint64_t bytes) {
    return (bytes - kOnes) & ~bytes & kHighBits;
  }
  static constexpr std::uint64_t Below(std::uint64_t bytes, char limit) {
    return (bytes - Repeated(limit)) & ~bytes & kHighBits;
  }
  // Eight bytes of a string that stand for themselves.
  static constexpr bool IsPlain(std::uint64_t bytes) {
    return (Zeros(bytes ^ Repeated('"')) | Zeros(bytes ^ Repeated('\\')) | Below(bytes, ' ')) == 0;
  }

  char* begin_;
  char* from_;
  char* to_ = nullptr;
  char* end_;
};

}  // namespace leeward::lab::tables

template <>
struct rapidjson::StreamTraits<leeward::lab::tables::TextStream> {
  enum { copyOptimization = 1 };  // NOLINT: RapidJSON's name
};
