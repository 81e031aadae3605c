// DynamoDB's values: JSON to attributes and back, the stored bytes of an item and the bytes of
// keys.
//
// The input is taken for JSON, and for stored bytes and key bytes.
#include <rapidjson/document.h>

#include "base/check.h"
#include "fuzz/input.h"
#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/items/key.h"

namespace leeward::fuzz {
namespace {

using namespace lab::items;  // NOLINT: what is under test

constexpr unsigned kParse = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

void HoldKey(const Attribute& value) {
  if (value.type() > Type::kB) return;
  std::string key;
  AppendKeyPart(value, key);
  std::string_view in = key;
  const auto back = ReadKeyPart(value.type(), in);
  CHECK(back.ok() && *back == value && in.empty());
}

void HoldItem(const Item& item) {
  const std::string json = ToJson(item);
  rapidjson::Document again;
  again.Parse<kParse>(json.data(), json.size());
  CHECK(!again.HasParseError());
  const auto read = ItemFromJson(again);
  CHECK(read.ok() && *read == item);
  const std::string stored = ToStored(item);
  const auto back = ItemFromStored(stored);
  CHECK(back.ok() && *back == item);
  std::string written;
  CHECK(AppendJsonFromStored(stored, written).ok() && written == json);
  const auto size = SizeOfStored(stored);
  CHECK(size.ok() && *size == SizeOf(item));
  for (const Entry& entry : item) {
    const auto found = FindInStored(stored, entry.name);
    CHECK(found.ok() && *found && **found == entry.value);
    HoldKey(entry.value);
  }
}

void ReadBytes(std::string_view bytes) {
  std::string out;
  const bool written = AppendJsonFromStored(bytes, out).ok();
  const auto item = ItemFromStored(bytes);
  CHECK(!item.ok() || written);
  (void)SizeOfStored(bytes);
  (void)FindInStored(bytes, "s");
  for (const Type type : {Type::kS, Type::kN, Type::kB}) {
    std::string_view in = bytes;
    const auto value = ReadKeyPart(type, in);
    if (value.ok()) HoldKey(*value);
  }
  const auto number = Number::Parse(bytes);
  if (number.ok()) CHECK(Number::Parse(number->Text()).value() == *number);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = View(data, size);
  ReadBytes(text);
  rapidjson::Document document;
  document.Parse<kParse>(text.data(), text.size());
  if (document.HasParseError()) return 0;
  const bool shaped = CheckItemShape(document).ok();
  const auto item = ItemFromJson(document);
  if (!item.ok()) {
    CHECK(shaped == (item.error().code == "ValidationException"));
    return 0;
  }
  CHECK(shaped);
  HoldItem(*item);
  return 0;
}

}  // namespace leeward::fuzz
