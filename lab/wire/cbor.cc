// RFC 8949, as far as Smithy's RPC v2 uses it.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "lab/wire/formats.h"
#include "lab/wire/inner_path.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using shapes::Member;
using shapes::Shape;
using shapes::Type;
using shapes::Value;

enum Major : unsigned { kUnsigned, kNegative, kBytes, kText, kArray, kMapMajor, kTag, kSimple };
constexpr unsigned kIndefinite = 31;
constexpr unsigned char kBreak = 0xff;

// Reads one item into a Value without a shape: bytes as Blob, tag 1 as time.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool AtEnd() const { return position_ >= bytes_.size(); }

  base::Result<Value> Item(int depth) {
    if (depth > kMaxDepth) return base::Invalid("the body is nested too deeply");
    ASSIGN_OR_RETURN(const Head head, ReadHead());
    switch (head.major) {
      case kUnsigned:
        return Integer(head.argument, false);
      case kNegative:
        return Integer(head.argument, true);
      case kBytes: {
        ASSIGN_OR_RETURN(std::string bytes, String(head));
        return Value(shapes::Blob{std::move(bytes)});
      }
      case kText: {
        ASSIGN_OR_RETURN(std::string text, String(head));
        return Value(std::move(text));
      }
      case kArray:
        return Array(head, depth);
      case kMapMajor:
        return Map(head, depth);
      case kTag:
        return Tagged(head.argument, depth);
      default:
        return Simple(head);
    }
  }

 private:
  struct Head {
    unsigned major = 0;
    unsigned info = 0;
    std::uint64_t argument = 0;
    bool indefinite() const { return info == kIndefinite; }
  };

  static base::Error Bad() { return base::Invalid("the body is not CBOR"); }

  base::Result<Head> ReadHead() {
    if (AtEnd()) return Bad();
    const unsigned first = static_cast<unsigned char>(bytes_[position_++]);
    Head head{first >> 5u, first & 31u, first & 31u};
    if (head.info < 24 || head.info == kIndefinite) return head;
    if (head.info > 27) return Bad();
    const std::size_t size = std::size_t{1} << (head.info - 24);
    if (bytes_.size() - position_ < size) return Bad();
    head.argument = 0;
    for (std::size_t i = 0; i < size; ++i) {
      head.argument = head.argument << 8u | static_cast<unsigned char>(bytes_[position_++]);
    }
    return head;
  }

  bool TakeBreak() {
    if (AtEnd() || static_cast<unsigned char>(bytes_[position_]) != kBreak) return false;
    ++position_;
    return true;
  }

  static base::Result<Value> Integer(std::uint64_t argument, bool negative) {
    if (argument > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return Bad();
    const auto number = static_cast<std::int64_t>(argument);
    return Value(negative ? -1 - number : number);
  }

  base::Result<std::string> String(const Head& head) {
    if (!head.indefinite()) {
      if (bytes_.size() - position_ < head.argument) return Bad();
      std::string text(bytes_.substr(position_, head.argument));
      position_ += head.argument;
      return text;
    }
    std::string text;
    while (!TakeBreak()) {
      ASSIGN_OR_RETURN(const Head chunk, ReadHead());
      if (chunk.major != head.major || chunk.indefinite()) return Bad();
      ASSIGN_OR_RETURN(const std::string part, String(chunk));
      text += part;
    }
    return text;
  }

  base::Result<Value> Array(const Head& head, int depth) {
    Value::List items;
    for (std::uint64_t i = 0; head.indefinite() ? !TakeBreak() : i < head.argument; ++i) {
      ASSIGN_OR_RETURN(Value item, Item(depth + 1));
      items.push_back(std::move(item));
    }
    return Value(std::move(items));
  }

  base::Result<Value> Map(const Head& head, int depth) {
    Value out = Value::Struct();
    for (std::uint64_t i = 0; head.indefinite() ? !TakeBreak() : i < head.argument; ++i) {
      ASSIGN_OR_RETURN(const Value key, Item(depth + 1));
      if (!key.is_string()) return Bad();
      ASSIGN_OR_RETURN(Value value, Item(depth + 1));
      out.members().emplace_back(key.str(), std::move(value));
    }
    return out;
  }

  base::Result<Value> Tagged(std::uint64_t tag, int depth) {
    ASSIGN_OR_RETURN(Value item, Item(depth + 1));
    if (tag != 1) return item;
    if (!item.is_int() && !item.is_double()) return Bad();
    if (!(std::abs(item.number()) < 1e11)) return Bad();
    return Value(TimeFromSeconds(item.number()));
  }

  static double Half(std::uint64_t bits) {
    const int exponent = static_cast<int>(bits >> 10u & 31u);
    const double mantissa = static_cast<double>(bits & 1023u);
    double value = 0;
    if (exponent == 0) {
      value = std::ldexp(mantissa, -24);
    } else if (exponent == 31) {
      value = mantissa == 0 ? std::numeric_limits<double>::infinity()
                            : std::numeric_limits<double>::quiet_NaN();
    } else {
      value = std::ldexp(mantissa + 1024, exponent - 25);
    }
    return (bits & 0x8000u) != 0 ? -value : value;
  }

  static base::Result<Value> Simple(const Head& head) {
    switch (head.info) {
      case 20:
        return Value(false);
      case 21:
        return Value(true);
      case 22:
      case 23:
        return Value();
      case 25:
        return Value(Half(head.argument));
      case 26:
        return Value(double{std::bit_cast<float>(static_cast<std::uint32_t>(head.argument))});
      case 27:
        return Value(std::bit_cast<double>(head.argument));
      default:
        return Bad();
    }
  }

  std::string_view bytes_;
  std::size_t position_ = 0;
};

base::Error Unexpected(std::string_view path, std::string_view wanted) {
  return base::Invalid(fmt::format("{} is not {}", path, wanted));
}

base::Result<Value> Fit(const Member& member, Value value, const std::string& path);

base::Result<Value> FitStructure(const Shape& shape, Value value, const std::string& path) {
  if (!value.is_members()) return Unexpected(path.empty() ? "the body" : path, "a map");
  Value out = Value::Struct();
  for (auto& [name, part] : value.members()) {
    for (const Member& member : shape.members) {
      if (WireName(member) != name || part.is_null()) continue;
      ASSIGN_OR_RETURN(Value fitted, Fit(member, std::move(part), InnerPath(path, name)));
      out.Set(member.name, std::move(fitted));
      break;
    }
  }
  return out;
}

base::Result<Value> FitNumber(const Shape& shape, Value value, const std::string& path) {
  const bool real = shape.type == Type::kFloat || shape.type == Type::kDouble;
  if (real && value.is_int()) return Value(value.number());
  if (real ? value.is_double() : value.is_int()) return value;
  if (!real && value.is_double() && value.number() == std::trunc(value.number()) &&
      std::abs(value.number()) < 9e15) {
    return Value(static_cast<std::int64_t>(value.number()));
  }
  return Unexpected(path, "a number");
}

// Turns what the bytes say into what the shape says.
base::Result<Value> Fit(const Member& member, Value value, const std::string& path) {
  const Shape& shape = *member.shape;
  if (value.is_null()) return value;
  switch (shape.type) {
    case Type::kStructure:
      return FitStructure(shape, std::move(value), path);
    case Type::kList: {
      if (!value.is_list()) return Unexpected(path, "a list");
      for (Value& item : value.list()) {
        ASSIGN_OR_RETURN(item, Fit(*shape.item, std::move(item), path));
      }
      return value;
    }
    case Type::kMap: {
      if (!value.is_members()) return Unexpected(path, "a map");
      for (auto& [name, entry] : value.members()) {
        ASSIGN_OR_RETURN(entry, Fit(*shape.value, std::move(entry), InnerPath(path, name)));
      }
      return value;
    }
    case Type::kString:
      return value.is_string() ? base::Result<Value>(std::move(value))
                               : Unexpected(path, "a string");
    case Type::kBoolean:
      return value.is_bool() ? base::Result<Value>(std::move(value))
                             : Unexpected(path, "a boolean");
    case Type::kBlob:
      return value.is_blob() ? base::Result<Value>(std::move(value)) : Unexpected(path, "bytes");
    case Type::kTimestamp:
      return value.is_time() ? base::Result<Value>(std::move(value))
                             : Unexpected(path, "a timestamp");
    default:
      return FitNumber(shape, std::move(value), path);
  }
}

class Writer {
 public:
  void Head(unsigned major, std::uint64_t argument) {
    const auto first = static_cast<unsigned>(major << 5u);
    if (argument < 24) return Byte(first | static_cast<unsigned>(argument));
    int info = 24;
    while (info < 27 && argument >> (8u * (1u << (info - 24))) != 0) ++info;
    Byte(first | static_cast<unsigned>(info));
    for (int shift = 8 * (1 << (info - 24)) - 8; shift >= 0; shift -= 8)
      Byte(static_cast<unsigned>(argument >> shift));
  }
  void Byte(unsigned value) { out_ += static_cast<char>(value & 255u); }
  void Text(std::string_view text) {
    Head(kText, text.size());
    out_ += text;
  }
  void Integer(std::int64_t value) {
    if (value >= 0) return Head(kUnsigned, static_cast<std::uint64_t>(value));
    Head(kNegative, static_cast<std::uint64_t>(-1 - value));
  }
  void Double(double value) {
    Byte(0xfb);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) Byte(static_cast<unsigned>(bits >> shift));
  }
  void Time(base::WallTime time) {
    Byte(0xc1);
    const std::int64_t millis = base::Millis(time.since_epoch);
    if (millis % 1000 == 0) return Integer(millis / 1000);
    Double(static_cast<double>(millis) / 1000);
  }

  base::Status Structure(const Shape& shape, const Value& value) {
    if (value.is_null()) return Head(kMapMajor, 0), base::Ok();
    if (!value.is_members()) return BadAnswer(shape, "is not a structure");
    std::size_t present = 0;
    for (const auto& [name, part] : value.members()) present += part.is_null() ? 0 : 1;
    Head(kMapMajor, present);
    return Parts(shape, value);
  }

  base::Status Parts(const Shape& shape, const Value& value) {
    for (const auto& [name, part] : value.members()) {
      const Member* member = shape.FindMember(name);
      if (member == nullptr) return BadAnswer(shape, "has no member " + name);
      if (part.is_null()) continue;
      Text(WireName(*member));
      RETURN_IF_ERROR(Any(*member, part));
    }
    return base::Ok();
  }

  base::Status Any(const Member& member, const Value& value) {
    const Shape& shape = *member.shape;
    if (value.is_null()) return Byte(0xf6), base::Ok();
    if (shape.type == Type::kStructure) return Structure(shape, value);
    if (shape.type == Type::kList && value.is_list()) {
      Head(kArray, value.list().size());
      for (const Value& item : value.list()) RETURN_IF_ERROR(Any(*shape.item, item));
      return base::Ok();
    }
    if (shape.type == Type::kMap && value.is_members()) {
      Head(kMapMajor, value.members().size());
      for (const auto& [name, entry] : value.members()) {
        Text(name);
        RETURN_IF_ERROR(Any(*shape.value, entry));
      }
      return base::Ok();
    }
    return Scalar(shape, value);
  }

  std::string Take() { return std::move(out_); }

 private:
  base::Status Scalar(const Shape& shape, const Value& value) {
    const bool real = shape.type == Type::kFloat || shape.type == Type::kDouble;
    if (shape.type == Type::kString && value.is_string()) return Text(value.str()), base::Ok();
    if (shape.type == Type::kBoolean && value.is_bool())
      return Byte(value.boolean() ? 0xf5 : 0xf4), base::Ok();
    if (shape.type == Type::kTimestamp && value.is_time()) return Time(value.time()), base::Ok();
    if (real && (value.is_double() || value.is_int())) return Double(value.number()), base::Ok();
    if ((shape.type == Type::kInteger || shape.type == Type::kLong) && value.is_int()) {
      return Integer(value.integer()), base::Ok();
    }
    if (shape.type == Type::kBlob && value.is_blob()) {
      Head(kBytes, value.blob().bytes.size());
      out_ += value.blob().bytes;
      return base::Ok();
    }
    return BadAnswer(shape, "has a value of another type");
  }

  std::string out_;
};

}  // namespace

base::Result<Value> DecodeCbor(const Shape& shape, std::string_view bytes) {
  if (bytes.empty()) return Value::Struct();
  Reader reader(bytes);
  ASSIGN_OR_RETURN(Value value, reader.Item(0));
  if (!reader.AtEnd()) return base::Invalid("there are bytes after the CBOR body");
  return FitStructure(shape, std::move(value), "");
}

base::Result<std::string> EncodeCbor(const Shape& shape, const Value& value) {
  Writer writer;
  RETURN_IF_ERROR(writer.Structure(shape, value));
  return writer.Take();
}

base::Result<std::string> EncodeCborError(const Shape* shape, const Value& value,
                                          const Value& extra) {
  Writer writer;
  const bool parts = shape != nullptr && value.is_members();
  writer.Head(kMapMajor, extra.members().size() + (parts ? value.members().size() : 0));
  for (const auto& [name, text] : extra.members()) {
    writer.Text(name);
    writer.Text(text.str());
  }
  if (parts) RETURN_IF_ERROR(writer.Parts(*shape, value));
  return writer.Take();
}

}  // namespace leeward::lab::wire
