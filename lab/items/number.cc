#include "lab/items/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace leeward::lab::items {

// What a Number holds, as one integer of 128 bits: up to 39 digits fit.
struct NumberParts {
  __extension__ using Coefficient = unsigned __int128;

  Coefficient coefficient = 0;
  int exponent = 0;
  bool negative = false;

  static NumberParts Of(const Number& number) {
    return {(Coefficient{number.high_} << 64) | number.low_, number.exponent_, number.negative_};
  }
  Number Make() const {
    Number number;
    number.high_ = static_cast<std::uint64_t>(coefficient >> 64);
    number.low_ = static_cast<std::uint64_t>(coefficient);
    number.exponent_ = static_cast<std::int16_t>(exponent);
    number.negative_ = negative;
    return number;
  }
};

namespace {

using Coefficient = NumberParts::Coefficient;

constexpr std::string_view kNotANumber = "The parameter cannot be converted to a numeric value";
constexpr std::string_view kTooManyDigits =
    "Attempting to store more than 38 significant digits in a Number";
constexpr std::string_view kOverflow =
    "Number overflow. Attempting to store a number with magnitude larger than supported range";
constexpr std::string_view kUnderflow =
    "Number underflow. Attempting to store a number with magnitude smaller than supported range";

ApiError Refused(std::string_view message) { return ValidationError(std::string(message)); }

constexpr std::array<Coefficient, 39> PowersOfTen() {
  std::array<Coefficient, 39> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}
constexpr std::array<Coefficient, 39> kPowers = PowersOfTen();

int DigitsOf(Coefficient coefficient) {
  return static_cast<int>(std::upper_bound(kPowers.begin(), kPowers.end(), coefficient) -
                          kPowers.begin());
}

// The decimal digits of a coefficient, without leading zeros; none for zero.
class DigitText {
 public:
  explicit DigitText(Coefficient coefficient) {
    constexpr std::uint64_t kChunk = 10'000'000'000'000'000'000U;  // 10^19
    while (coefficient > std::numeric_limits<std::uint64_t>::max()) {
      Put(static_cast<std::uint64_t>(coefficient % kChunk), 19);
      coefficient /= kChunk;
    }
    Put(static_cast<std::uint64_t>(coefficient), 0);
  }
  std::string_view view() const { return {text_.data() + begin_, text_.size() - begin_}; }

 private:
  void Put(std::uint64_t value, int width) {
    for (; value != 0 || width > 0; value /= 10, --width) {
      text_[--begin_] = static_cast<char>('0' + value % 10);
    }
  }
  std::array<char, 64> text_;
  std::size_t begin_ = text_.size();
};

Verdict CheckRange(Coefficient coefficient, int exponent) {
  if (coefficient == 0) return {};
  const int leading = DigitsOf(coefficient) - 1 + exponent;
  if (leading > Number::kMaxExponent) return Refused(kOverflow);
  if (leading < Number::kMinExponent) return Refused(kUnderflow);
  return {};
}

// From an exact value that may have trailing zeros and may be out of bounds.
Outcome<Number> Normalized(Coefficient coefficient, int exponent, bool negative) {
  if (coefficient == 0) return Number();
  while (coefficient % 10 == 0) {
    coefficient /= 10;
    ++exponent;
  }
  RETURN_IF_ERROR(CheckRange(coefficient, exponent));
  if (DigitsOf(coefficient) > Number::kMaxDigits) return Refused(kTooManyDigits);
  return NumberParts{coefficient, exponent, negative}.Make();
}

// Reads digits with a point among them. What stands behind the last digit that is not zero is not
// in the coefficient.
class DigitReader {
 public:
  // How many characters were digits or the point.
  std::size_t Read(std::string_view text) {
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
      const char c = text[i];
      if (c >= '0' && c <= '9') {
        Take(static_cast<unsigned>(c - '0'));
      } else if (c == '.' && point_ < 0) {
        point_ = seen_;
      } else {
        break;
      }
    }
    return i;
  }

  bool any() const { return seen_ > 0; }
  bool too_long() const { return too_long_; }
  Coefficient coefficient() const { return coefficient_; }
  // The powers of ten of the first and of the last digit that is not zero.
  std::int64_t leading() const { return point() - 1 - first_; }
  std::int64_t exponent() const { return point() - 1 - last_; }

 private:
  std::int64_t point() const { return point_ < 0 ? seen_ : point_; }

  void Take(unsigned digit) {
    if (digit != 0) {
      if (coefficient_ == 0 && first_ < 0) first_ = seen_;
      const std::int64_t digits = seen_ - first_ + 1;
      if (digits > Number::kMaxDigits) {
        too_long_ = true;
      } else {
        const std::int64_t shift = last_ < 0 ? 0 : seen_ - last_;
        coefficient_ = coefficient_ * kPowers[static_cast<std::size_t>(shift)] + digit;
      }
      last_ = seen_;
    }
    ++seen_;
  }

  Coefficient coefficient_ = 0;
  std::int64_t seen_ = 0;    // digits
  std::int64_t point_ = -1;  // digits before the point
  std::int64_t first_ = -1;  // places of the first and last digit that is not zero
  std::int64_t last_ = -1;
  bool too_long_ = false;
};

// The number behind an 'e', bounded far outside of what counts; nullopt when it is none.
std::optional<std::int64_t> ReadExponent(std::string_view text) {
  constexpr std::int64_t kFar = 1'000'000'000;
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min(kFar, value * 10 + (c - '0'));
  }
  return negative ? -value : value;
}

ApiError NotANumber(std::string_view text) {
  std::string message(kNotANumber);
  if (!text.empty()) message.append(": ").append(text);
  return ValidationError(std::move(message));
}

// The larger of two exponents is brought down to the smaller; see Number::Plus.
Outcome<Coefficient> Scaled(Coefficient coefficient, int by) {
  if (by == 0) return coefficient;
  const int digits = DigitsOf(coefficient);
  const int wanted = digits + by;
  if (wanted > Number::kMaxDigits + 1) return Refused(kTooManyDigits);
  // Of 39 digits, 1... alone can become 38 by what is taken away, and fits into 128 bits.
  if (wanted == Number::kMaxDigits + 1 &&
      coefficient >= 2 * kPowers[static_cast<std::size_t>(digits - 1)]) {
    return Refused(kTooManyDigits);
  }
  return coefficient * kPowers[static_cast<std::size_t>(by)];
}

std::strong_ordering CompareMagnitude(const NumberParts& a, const NumberParts& b) {
  const int digits_a = DigitsOf(a.coefficient), digits_b = DigitsOf(b.coefficient);
  if (const auto order = digits_a + a.exponent <=> digits_b + b.exponent; order != 0) return order;
  const int shift = digits_a - digits_b;
  Coefficient x = a.coefficient, y = b.coefficient;
  if (shift < 0) x *= kPowers[static_cast<std::size_t>(-shift)];
  if (shift > 0) y *= kPowers[static_cast<std::size_t>(shift)];
  if (x == y) return std::strong_ordering::equal;
  return x < y ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace

Number Number::FromInteger(std::int64_t value) {
  const bool negative = value < 0;
  const std::uint64_t magnitude =
      negative ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  return std::move(Normalized(magnitude, 0, negative)).value();
}

Outcome<Number> Number::Parse(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  DigitReader digits;
  rest.remove_prefix(digits.Read(rest));
  std::int64_t power = 0;
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    const auto exponent = ReadExponent(rest.substr(1));
    if (!exponent) return NotANumber(text);
    power = *exponent;
    rest = {};
  }
  if (!digits.any() || !rest.empty()) return NotANumber(text);
  if (digits.coefficient() == 0) return Number();
  if (digits.leading() + power > kMaxExponent) return Refused(kOverflow);
  if (digits.leading() + power < kMinExponent) return Refused(kUnderflow);
  if (digits.too_long()) return Refused(kTooManyDigits);
  return NumberParts{digits.coefficient(), static_cast<int>(digits.exponent() + power), negative}
      .Make();
}

std::string Number::Text() const {
  std::string out;
  AppendText(out);
  return out;
}

void Number::AppendText(std::string& out) const {
  if (is_zero()) {
    out.push_back('0');
    return;
  }
  if (negative_) out.push_back('-');
  const DigitText text(NumberParts::Of(*this).coefficient);
  const std::string_view digits = text.view();
  const int whole = static_cast<int>(digits.size()) + exponent_;  // digits before the point
  if (exponent_ >= 0) {
    out.append(digits).append(static_cast<std::size_t>(exponent_), '0');
  } else if (whole > 0) {
    out.append(digits.substr(0, static_cast<std::size_t>(whole)))
        .append(".")
        .append(digits.substr(static_cast<std::size_t>(whole)));
  } else {
    out.append("0.").append(static_cast<std::size_t>(-whole), '0').append(digits);
  }
}

Outcome<Number> Number::Plus(const Number& other) const {
  if (is_zero()) return other;
  if (other.is_zero()) return *this;
  NumberParts a = NumberParts::Of(*this), b = NumberParts::Of(other);
  if (a.exponent < b.exponent) std::swap(a, b);
  ASSIGN_OR_RETURN(const Coefficient scaled, Scaled(a.coefficient, a.exponent - b.exponent));
  if (a.negative == b.negative) {
    return Normalized(scaled + b.coefficient, b.exponent, a.negative);
  }
  if (scaled >= b.coefficient) {
    return Normalized(scaled - b.coefficient, b.exponent, a.negative);
  }
  return Normalized(b.coefficient - scaled, b.exponent, b.negative);
}

Outcome<Number> Number::Minus(const Number& other) const { return Plus(other.Negated()); }

Number Number::Negated() const {
  Number out = *this;
  out.negative_ = !negative_ && !is_zero();
  return out;
}

int Number::digits() const { return is_zero() ? 0 : DigitsOf(NumberParts::Of(*this).coefficient); }

std::int64_t Number::ToInteger() const {
  const NumberParts parts = NumberParts::Of(*this);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const int whole = digits() + parts.exponent;
  if (whole <= 0) return 0;
  Coefficient value = parts.coefficient;
  if (whole > 19) {
    value = Coefficient{1} << 64;
  } else if (parts.exponent >= 0) {
    value *= kPowers[static_cast<std::size_t>(parts.exponent)];
  } else {
    value /= kPowers[static_cast<std::size_t>(-parts.exponent)];
  }
  if (value > static_cast<Coefficient>(kMost)) return parts.negative ? -kMost - 1 : kMost;
  return parts.negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

std::strong_ordering operator<=>(const Number& a, const Number& b) {
  const auto sign = [](const Number& number) {
    if (number.is_zero()) return 0;
    return number.is_negative() ? -1 : 1;
  };
  if (const auto order = sign(a) <=> sign(b); order != 0 || a.is_zero()) return order;
  const NumberParts x = NumberParts::Of(a), y = NumberParts::Of(b);
  return a.negative_ ? CompareMagnitude(y, x) : CompareMagnitude(x, y);
}

// A byte for the sign (1, 2, 3), then for all but zero the power of ten of the first digit (from
// 0), pairs of digits plus one, and 0 at the end. All of it but the first byte is inverted for
// negative numbers.
namespace {

constexpr unsigned char kNegative = 1, kZero = 2, kPositive = 3;

}  // namespace

void Number::AppendKey(std::string& out) const {
  if (is_zero()) {
    out.push_back(static_cast<char>(kZero));
    return;
  }
  const unsigned flip = negative_ ? 0xFF : 0;
  const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte ^ flip)); };
  out.push_back(static_cast<char>(negative_ ? kNegative : kPositive));
  const DigitText text(NumberParts::Of(*this).coefficient);
  const std::string_view digits = text.view();
  put(static_cast<unsigned>(static_cast<int>(digits.size()) - 1 + exponent_ - kMinExponent));
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const char second = i + 1 < digits.size() ? digits[i + 1] : '0';
    put(static_cast<unsigned>((digits[i] - '0') * 10 + (second - '0') + 1));
  }
  put(0);
}

base::Result<Number> Number::ReadKey(std::string_view& in) {
  const auto corrupt = [] { return base::Error(base::ErrorCode::kCorrupt, "bad number in a key"); };
  if (in.empty()) return corrupt();
  const auto kind = static_cast<unsigned char>(in[0]);
  in.remove_prefix(1);
  if (kind == kZero) return Number();
  if ((kind != kNegative && kind != kPositive) || in.empty()) return corrupt();
  const unsigned flip = kind == kNegative ? 0xFF : 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(in[i]) ^ flip; };
  const int leading = static_cast<int>(byte(0)) + kMinExponent;
  Coefficient coefficient = 0;
  std::size_t i = 1;
  for (; i < in.size() && byte(i) != 0; ++i) {
    if (i > kMaxDigits / 2 || byte(i) > 100) return corrupt();
    coefficient = coefficient * 100 + (byte(i) - 1);
  }
  if (i == in.size() || coefficient == 0) return corrupt();
  const int exponent = leading - (DigitsOf(coefficient) - 1);
  auto number = Normalized(coefficient, exponent, kind == kNegative);
  if (!number.ok()) return corrupt();
  in.remove_prefix(i + 1);
  return std::move(number).value();
}

}  // namespace leeward::lab::items
