#include "lab/items/encoding.h"

#include <cstdint>

#include "lab/items/base64.h"
#include "lab/items/json.h"

namespace leeward::lab::items {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kLengthBytes = 4;  // of an L, M or set: its bytes, little-endian

void PutCount(std::size_t count, std::string& out) {
  while (count >= 0x80) {
    out.push_back(static_cast<char>(count | 0x80));
    count >>= 7;
  }
  out.push_back(static_cast<char>(count));
}

void PutText(std::string_view text, std::string& out) {
  PutCount(text.size(), out);
  out.append(text);
}

void PutNumber(const Number& number, std::string& out) {
  std::string text;
  number.AppendText(text);
  PutText(text, out);
}

void PutValue(const Attribute& value, std::string& out);

void PutEntries(const Item& item, std::string& out) {
  PutCount(item.size(), out);
  for (const Entry& entry : item) {
    PutText(entry.name, out);
    PutValue(entry.value, out);
  }
}

struct Putter {
  std::string& out;

  void operator()(const std::string& text) const { PutText(text, out); }
  void operator()(const Number& number) const { PutNumber(number, out); }
  void operator()(const Binary& binary) const { PutText(binary.bytes, out); }
  void operator()(bool value) const { out.push_back(value ? 1 : 0); }
  void operator()(Null) const {}
  void operator()(const StringSet& set) const { Many(set.values, PutText); }
  void operator()(const NumberSet& set) const { Many(set.values, PutNumber); }
  void operator()(const BinarySet& set) const { Many(set.values, PutText); }
  void operator()(const Attribute::List& list) const { Many(list, PutValue); }
  void operator()(const Item& map) const {
    Measured([&] { PutEntries(map, out); });
  }

 private:
  template <typename Values, typename Put>
  void Many(const Values& values, Put put) const {
    Measured([&] {
      PutCount(values.size(), out);
      for (const auto& value : values) put(value, out);
    });
  }
  template <typename Body>
  void Measured(Body body) const {
    const std::size_t start = out.size();
    out.append(kLengthBytes, '\0');
    body();
    std::size_t length = out.size() - start - kLengthBytes;
    for (std::size_t i = 0; i < kLengthBytes; ++i, length >>= 8) {
      out[start + i] = static_cast<char>(length);
    }
  }
};

void PutValue(const Attribute& value, std::string& out) {
  out.push_back(static_cast<char>(value.type()));
  std::visit(Putter{out}, value.value());
}

// Takes stored bytes off the front; once something is missing, everything is empty and ok() false.
class Source {
 public:
  explicit Source(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  unsigned Byte() {
    if (rest_.empty()) {
      Fail();
      return 0;
    }
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  std::size_t Count() {
    std::size_t count = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const std::size_t byte = Byte();
      count |= (byte & 0x7F) << shift;
      if (byte < 0x80) return count;
    }
    Fail();
    return 0;
  }

  std::string_view Take(std::size_t size) {
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view Text() { return Take(Count()); }

  Type ReadType() {
    const unsigned byte = Byte();
    if (byte > static_cast<unsigned>(Type::kM)) Fail();
    return static_cast<Type>(ok_ ? byte : 0);
  }

  // The bytes of a set, L or M: its count, then its elements.
  Source Inner() {
    const std::string_view length = Take(kLengthBytes);
    std::size_t size = 0;
    for (std::size_t i = length.size(); i > 0; --i) {
      size = size << 8 | static_cast<unsigned char>(length[i - 1]);
    }
    return Source(Take(size));
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

base::Error Corrupt() {
  return {base::ErrorCode::kCorrupt, "a stored item does not hold together"};
}

// Bounds the stack: what an update builds may be deeper than what a request may bring, never this
// deep.
constexpr int kMaxStoredDepth = 4096;

Attribute GetValue(Source& in, int depth);

Number GetNumber(Source& in) {
  const auto number = Number::Parse(in.Text());
  if (number.ok()) return *number;
  in.Fail();
  return {};
}

Item GetEntries(Source& in, int depth) {
  std::vector<Entry> entries;
  for (std::size_t count = in.Count(); count > 0 && in.ok(); --count) {
    std::string name(in.Text());
    entries.push_back({std::move(name), GetValue(in, depth)});
  }
  return Item::FromEntries(std::move(entries));
}

template <typename T, typename Get>
std::vector<T> GetMany(Source& in, Get get) {
  std::vector<T> values;
  Source inner = in.Inner();
  for (std::size_t count = inner.Count(); count > 0 && inner.ok(); --count) {
    values.push_back(get(inner));
  }
  if (!inner.done()) in.Fail();
  return values;
}

Item GetMap(Source& in, int depth) {
  Source inner = in.Inner();
  Item map = GetEntries(inner, depth + 1);
  if (!inner.done()) in.Fail();
  return map;
}

Attribute GetValue(Source& in, int depth) {
  const auto text = [](Source& from) { return std::string(from.Text()); };
  const auto value = [depth](Source& from) { return GetValue(from, depth + 1); };
  const Type type = in.ReadType();
  if (depth > kMaxStoredDepth) in.Fail();
  switch (type) {
    case Type::kS:
      return text(in);
    case Type::kN:
      return GetNumber(in);
    case Type::kB:
      return Binary{text(in)};
    case Type::kBool:
      return in.Byte() != 0;
    case Type::kNull:
      return Null{};
    case Type::kSS:
      return StringSet{GetMany<std::string>(in, text)};
    case Type::kNS:
      return NumberSet{GetMany<Number>(in, GetNumber)};
    case Type::kBS:
      return BinarySet{GetMany<std::string>(in, text)};
    case Type::kL:
      return GetMany<Attribute>(in, value);
    case Type::kM:
      return GetMap(in, depth);
  }
  CHECK_NEVER("a type");
}

// Stored bytes to JSON, as json_write.cc writes the same item.
class Transcriber {
 public:
  explicit Transcriber(std::string& out) : out_(out) {}

  void Entries(Source& in, int depth) {
    out_.push_back('{');
    const std::size_t count = in.Count();
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
      if (i > 0) out_.push_back(',');
      AppendJsonString(in.Text(), out_);
      out_.push_back(':');
      Value(in, depth);
    }
    out_.push_back('}');
  }

 private:
  void Value(Source& in, int depth) {
    const Type type = in.ReadType();
    if (depth > kMaxStoredDepth) in.Fail();
    out_.append("{\"").append(Name(type)).append("\":");
    switch (type) {
      case Type::kS:
        AppendJsonString(in.Text(), out_);
        break;
      case Type::kN:
        Plain(in.Text());
        break;
      case Type::kB:
        Base64(in.Text());
        break;
      case Type::kBool:
        out_ += in.Byte() != 0 ? "true" : "false";
        break;
      case Type::kNull:
        out_ += "true";
        break;
      case Type::kM: {
        Source inner = in.Inner();
        Entries(inner, depth + 1);
        if (!inner.done()) in.Fail();
        break;
      }
      default:
        Many(type, in, depth);
    }
    out_.push_back('}');
  }

  void Many(Type type, Source& in, int depth) {
    Source inner = in.Inner();
    out_.push_back('[');
    const std::size_t count = inner.Count();
    for (std::size_t i = 0; i < count && inner.ok(); ++i) {
      if (i > 0) out_.push_back(',');
      if (type == Type::kL) Value(inner, depth + 1);
      if (type == Type::kSS) AppendJsonString(inner.Text(), out_);
      if (type == Type::kNS) Plain(inner.Text());
      if (type == Type::kBS) Base64(inner.Text());
    }
    out_.push_back(']');
    if (!inner.done()) in.Fail();
  }

  void Plain(std::string_view text) {
    out_.push_back('"');
    out_.append(text);
    out_.push_back('"');
  }
  void Base64(std::string_view bytes) {
    out_.push_back('"');
    AppendBase64(bytes, out_);
    out_.push_back('"');
  }

  std::string& out_;
};

// What Number::Size of a canonical text would be.
std::size_t NumberSize(std::string_view text) {
  std::size_t digits = 0, zeros = 0;
  for (const char c : text) {
    if (c == '0') {
      zeros += digits > 0 ? 1 : 0;
    } else if (c >= '1' && c <= '9') {
      digits += zeros + 1;
      zeros = 0;
    }
  }
  return (digits + 1) / 2 + 1;
}

std::size_t MeasureEntries(Source& in, int depth, std::size_t each);

std::size_t MeasureMany(Type type, Source& in, int depth);

std::size_t MeasureValue(Source& in, int depth) {
  const Type type = in.ReadType();
  if (depth > kMaxStoredDepth) in.Fail();
  switch (type) {
    case Type::kS:
    case Type::kB:
      return in.Text().size();
    case Type::kN:
      return NumberSize(in.Text());
    case Type::kBool:
      in.Byte();
      return 1;
    case Type::kNull:
      return 1;
    case Type::kM: {
      Source inner = in.Inner();
      const std::size_t size =
          kContainerOverhead + MeasureEntries(inner, depth + 1, kElementOverhead);
      if (!inner.done()) in.Fail();
      return size;
    }
    default:
      return MeasureMany(type, in, depth);
  }
}

std::size_t MeasureMany(Type type, Source& in, int depth) {
  Source inner = in.Inner();
  std::size_t size = type == Type::kL ? kContainerOverhead : 0;
  for (std::size_t count = inner.Count(); count > 0 && inner.ok(); --count) {
    if (type == Type::kL) {
      size += MeasureValue(inner, depth + 1) + kElementOverhead;
    } else {
      const std::string_view text = inner.Text();
      size += type == Type::kNS ? NumberSize(text) : text.size();
    }
  }
  if (!inner.done()) in.Fail();
  return size;
}

std::size_t MeasureEntries(Source& in, int depth, std::size_t each) {
  std::size_t size = 0;
  for (std::size_t count = in.Count(); count > 0 && in.ok(); --count) {
    size += in.Text().size() + each;
    size += MeasureValue(in, depth);
  }
  return size;
}

void SkipValue(Source& in) {
  switch (in.ReadType()) {
    case Type::kS:
    case Type::kN:
    case Type::kB:
      in.Text();
      return;
    case Type::kBool:
      in.Byte();
      return;
    case Type::kNull:
      return;
    default:
      (void)in.Inner();
  }
}

Source Open(std::string_view stored) {
  Source in(stored);
  if (in.Byte() != static_cast<unsigned>(kVersion)) in.Fail();
  return in;
}

}  // namespace

void AppendStored(const Item& item, std::string& out) {
  out.push_back(kVersion);
  PutEntries(item, out);
}

std::string ToStored(const Item& item) {
  std::string out;
  AppendStored(item, out);
  return out;
}

base::Result<Item> ItemFromStored(std::string_view stored) {
  Source in = Open(stored);
  Item item = GetEntries(in, 0);
  if (!in.done()) return Corrupt();
  return item;
}

base::Status AppendJsonFromStored(std::string_view stored, std::string& out) {
  Source in = Open(stored);
  out.reserve(out.size() + stored.size() * 3 / 2 + 64);
  Transcriber(out).Entries(in, 0);
  if (!in.done()) return Corrupt();
  return base::Ok();
}

base::Result<std::size_t> SizeOfStored(std::string_view stored) {
  Source in = Open(stored);
  const std::size_t size = MeasureEntries(in, 0, 0);
  if (!in.done()) return Corrupt();
  return size;
}

base::Result<std::optional<Attribute>> FindInStored(std::string_view stored,
                                                    std::string_view name) {
  Source in = Open(stored);
  for (std::size_t count = in.Count(); count > 0 && in.ok(); --count) {
    const std::string_view here = in.Text();
    if (here > name) break;
    if (here != name) {
      SkipValue(in);
      continue;
    }
    Attribute value = GetValue(in, 0);
    if (!in.ok()) return Corrupt();
    return std::optional<Attribute>(std::move(value));
  }
  if (!in.ok()) return Corrupt();
  return std::optional<Attribute>();
}

}  // namespace leeward::lab::items
