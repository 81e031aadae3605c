#include "lab/tables/text_stream.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <optional>
#include <string>

#include "ports/random.h"

namespace leeward::lab::tables {
namespace {

std::string Written(const rapidjson::Document& document) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  document.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

// As RapidJSON writes what it read; nothing where it is no JSON.
std::optional<std::string> InPlace(std::string text) {
  rapidjson::Document document;
  TextStream stream(text.data(), text.data() + text.size());
  document.ParseStream<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag>(stream);
  if (document.HasParseError() || stream.Tell() != text.size()) return std::nullopt;
  return Written(document);
}

std::optional<std::string> ByItself(const std::string& text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError() || text.find('\0') != std::string::npos) return std::nullopt;
  return Written(document);
}

TEST(TextStreamTest, StringsOfEveryLengthAreReadWhereverTheyEnd) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t before = 0; before < 9; ++before) {
      const std::string text = std::string(before, ' ') + "[\"" + std::string(size, 'x') + "\"]";
      EXPECT_EQ(InPlace(text), "[\"" + std::string(size, 'x') + "\"]");
      EXPECT_EQ(InPlace(text.substr(0, text.size() - 2)), std::nullopt) << "without its end";
    }
  }
}

TEST(TextStreamTest, WhatDoesNotStandForItselfIsSeenWhereverItIs) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t at = 0; at < 24; ++at) {
      std::string text = "[\"" + std::string(24, 'x') + "\"]";
      text[2 + at] = static_cast<char>(c);
      ASSERT_EQ(InPlace(text), ByItself(text)) << c << " at " << at;
      ASSERT_EQ(InPlace(text).has_value(), c >= ' ' && c != '"' && c != '\\') << c << " at " << at;
    }
  }
}

TEST(TextStreamTest, ReadsWhatRapidJsonReadsByItself) {
  constexpr std::string_view kPieces[] = {"a",
                                          "abcdefgh",
                                          "\\n",
                                          "\\u00e9",
                                          "\\ud83d\\ude00",
                                          "\xC3\xA9",
                                          "\xF0\x9F\x98\x80",
                                          "\\\\",
                                          "\\\"",
                                          "\"",
                                          "\\",
                                          "\t",
                                          "\x1F",
                                          "\x7F",
                                          "\\ud83d",
                                          "},{",
                                          "\": 1",
                                          "12",
                                          "x y"};
  ports::SeededRandom random(11);
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = R"({"key":")";
    for (std::uint64_t pieces = random.Below(12); pieces > 0; --pieces)
      text += kPieces[random.Below(random.Below(3) == 0 ? std::size(kPieces) : 9)];
    text += R"(","n":[1.5,true,null,"z"]})";
    const auto read = InPlace(text);
    ASSERT_EQ(read, ByItself(text)) << "seed 11: " << text;
    ++(read ? good : bad);
  }
  EXPECT_GT(good, 5'000);
  EXPECT_GT(bad, 2'000);
}

}  // namespace
}  // namespace leeward::lab::tables
