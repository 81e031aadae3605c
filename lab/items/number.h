// Number: DynamoDB's N. A decimal of up to 38 significant digits, exact; zero, or a magnitude from
// 1E-130 to 9.9999999999999999999999999999999999999E+125.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "lab/items/outcome.h"

namespace leeward::lab::items {

class Number {
 public:
  static constexpr int kMaxDigits = 38;
  // Of the first significant digit: 10^kMinExponent is the smallest magnitude.
  static constexpr int kMinExponent = -130;
  static constexpr int kMaxExponent = 125;

  Number() = default;  // zero
  static Number FromInteger(std::int64_t value);

  // Reads "12", "-0.5", "+1E3", ".5", "5."; leading and trailing zeros do not count as digits.
  // ValidationExceptions, in this order: not a number ("The parameter cannot be converted to a
  // numeric value: abc", for an empty text "The parameter cannot be converted to a numeric value"),
  // overflow, underflow, more than 38 digits.
  static Outcome<Number> Parse(std::string_view text);

  // Canonical text, as DynamoDB answers: no exponent, no superfluous zero, no "-0". Up to 168
  // characters.
  std::string Text() const;
  void AppendText(std::string& out) const;

  // Exact sum and difference. When more than 38 digits would be needed, or the range is left, the
  // ValidationException that Parse gives for such a number.
  Outcome<Number> Plus(const Number& other) const;
  Outcome<Number> Minus(const Number& other) const;
  Number Negated() const;

  bool is_zero() const { return high_ == 0 && low_ == 0; }
  bool is_negative() const { return negative_; }
  // Significant digits, without leading and trailing zeros; 0 for zero.
  int digits() const;
  // By DynamoDB's rules for item sizes: a byte for each two significant digits, and one.
  std::size_t Size() const { return static_cast<std::size_t>(digits() + 1) / 2 + 1; }
  // The number of seconds or of anything else that is whole and fits, rounded towards zero;
  // saturates.
  std::int64_t ToInteger() const;

  friend bool operator==(const Number& a, const Number& b) = default;
  friend std::strong_ordering operator<=>(const Number& a, const Number& b);

  // Bytes that sort (unsigned, bytewise) as the numbers do; they end by themselves. 3 to 22 bytes.
  void AppendKey(std::string& out) const;
  // Reads what AppendKey wrote off the front of `in`; kCorrupt when it is not that.
  static base::Result<Number> ReadKey(std::string_view& in);

 private:
  friend struct NumberParts;
  // coefficient * 10^exponent; the coefficient (high:low) has no trailing decimal zero; all zero
  // for zero.
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
  std::int16_t exponent_ = 0;
  bool negative_ = false;
};

}  // namespace leeward::lab::items
