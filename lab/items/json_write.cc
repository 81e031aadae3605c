// Attribute and Item to JSON.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "lab/items/base64.h"
#include "lab/items/json.h"

namespace leeward::lab::items {
namespace {

bool MustEscape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

void AppendEscape(unsigned char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

// A bit in each of eight bytes for each that must be escaped; false alarms only above a true one.
std::uint64_t EscapesIn(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const std::uint64_t quote = word ^ (kOnes * '"'), slash = word ^ (kOnes * '\\');
  const std::uint64_t found = (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes);
  return found & ~word & kHigh;
}

// How many characters from `from` on need no escape.
std::size_t PlainRun(std::string_view text, std::size_t from) {
  std::size_t i = from;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    if (EscapesIn(word) != 0) break;
  }
  while (i < text.size() && !MustEscape(static_cast<unsigned char>(text[i]))) ++i;
  return i - from;
}

template <typename Values, typename Append>
void AppendArray(const Values& values, std::string& out, Append append) {
  out.push_back('[');
  bool first = true;
  for (const auto& value : values) {
    if (!first) out.push_back(',');
    first = false;
    append(value);
  }
  out.push_back(']');
}

struct Writer {
  std::string& out;

  void operator()(const std::string& text) const {
    out += "{\"S\":";
    AppendJsonString(text, out);
  }
  void operator()(const Number& number) const {
    out += "{\"N\":";
    Quoted(number);
  }
  void operator()(const Binary& binary) const {
    out += "{\"B\":";
    Base64(binary.bytes);
  }
  void operator()(bool value) const { out += value ? "{\"BOOL\":true" : "{\"BOOL\":false"; }
  void operator()(Null) const { out += "{\"NULL\":true"; }
  void operator()(const StringSet& set) const {
    out += "{\"SS\":";
    AppendArray(set.values, out, [this](const std::string& text) { AppendJsonString(text, out); });
  }
  void operator()(const NumberSet& set) const {
    out += "{\"NS\":";
    AppendArray(set.values, out, [this](const Number& number) { Quoted(number); });
  }
  void operator()(const BinarySet& set) const {
    out += "{\"BS\":";
    AppendArray(set.values, out, [this](const std::string& bytes) { Base64(bytes); });
  }
  void operator()(const Attribute::List& list) const {
    out += "{\"L\":";
    AppendArray(list, out, [this](const Attribute& value) { AppendJson(value, out); });
  }
  void operator()(const Item& map) const {
    out += "{\"M\":";
    AppendJson(map, out);
  }

 private:
  void Quoted(const Number& number) const {
    out.push_back('"');
    number.AppendText(out);
    out.push_back('"');
  }
  void Base64(std::string_view bytes) const {
    out.push_back('"');
    AppendBase64(bytes, out);
    out.push_back('"');
  }
};

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  std::size_t at = 0;
  while (true) {
    const std::size_t plain = PlainRun(text, at);
    out.append(text.data() + at, plain);
    at += plain;
    if (at == text.size()) break;
    AppendEscape(static_cast<unsigned char>(text[at++]), out);
  }
  out.push_back('"');
}

void AppendJson(const Attribute& value, std::string& out) {
  std::visit(Writer{out}, value.value());
  out.push_back('}');
}

void AppendJson(const Item& item, std::string& out) {
  out.push_back('{');
  bool first = true;
  for (const Entry& entry : item) {
    if (!first) out.push_back(',');
    first = false;
    AppendJsonString(entry.name, out);
    out.push_back(':');
    AppendJson(entry.value, out);
  }
  out.push_back('}');
}

std::string ToJson(const Attribute& value) {
  std::string out;
  AppendJson(value, out);
  return out;
}

std::string ToJson(const Item& item) {
  std::string out;
  AppendJson(item, out);
  return out;
}

}  // namespace leeward::lab::items
