#include "os/http_message.h"

#include <gtest/gtest.h>

namespace leeward::os {
namespace {

TEST(HttpMessageTest, ARequestsHeadIsReadOnceItIsWhole) {
  const std::string text =
      "POST /a?b HTTP/1.1\r\nHost:  h \r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabc";
  HttpHead head;
  for (std::size_t size = 0; size < text.size() - 3; ++size)
    ASSERT_EQ(ReadRequestHead(text.substr(0, size), 0, &head), ReadState::kPartial) << size;
  ASSERT_EQ(ReadRequestHead(text, text.size() - 5, &head), ReadState::kWhole);
  EXPECT_EQ(head.first, "POST");
  EXPECT_EQ(head.second, "/a?b");
  EXPECT_EQ(head.Find("host"), "h");
  EXPECT_EQ(head.Find("x-empty"), "");
  EXPECT_EQ(head.Find("other"), std::nullopt);
  EXPECT_EQ(text.substr(head.size), "abc");
  EXPECT_EQ(FramingOfRequest(head)->length, 3U);
}

TEST(HttpMessageTest, WhatIsNoRequestIsSaidToBeNone) {
  HttpHead head;
  for (const char* text :
       {"GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET /\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA b: c\r\n\r\n", "GET / HTTP/1.1\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\n\r\n", "\x16\x03\x01"}) {
    EXPECT_EQ(ReadRequestHead(text, 0, &head), ReadState::kBad) << text;
  }
}

std::optional<HttpFraming> Framing(const std::string& fields, const char* version = "HTTP/1.1") {
  const std::string text = "POST / " + std::string(version) + "\r\n" + fields + "\r\n";
  HttpHead head;
  EXPECT_EQ(ReadRequestHead(text, 0, &head), ReadState::kWhole);
  return FramingOfRequest(head);
}

TEST(HttpMessageTest, AHeadThatContradictsItselfHasNoFraming) {
  EXPECT_FALSE(Framing("Content-Length: 1\r\nContent-Length: 1\r\n"));
  EXPECT_FALSE(Framing("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(Framing("Transfer-Encoding: gzip, chunked\r\n"));
  EXPECT_FALSE(Framing("Content-Length: +1\r\n"));
  EXPECT_FALSE(Framing("Content-Length: 99999999999999999999\r\n"));
  EXPECT_EQ(Framing("")->length, 0U);
  EXPECT_EQ(Framing("Transfer-Encoding: Chunked\r\n")->body, HttpFraming::Body::kChunked);
}

TEST(HttpMessageTest, ConnectionsAreKeptAsTheVersionAndTheHeadSay) {
  EXPECT_TRUE(Framing("")->keep_alive);
  EXPECT_FALSE(Framing("Connection: x, Close\r\n")->keep_alive);
  EXPECT_FALSE(Framing("", "HTTP/1.0")->keep_alive);
  EXPECT_TRUE(Framing("Connection: keep-alive\r\n", "HTTP/1.0")->keep_alive);
}

TEST(HttpMessageTest, ChunksAreReadHoweverTheyAreCut) {
  const std::string text = "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nnext";
  for (std::size_t step = 1; step < 20; ++step) {
    ChunkReader reader;
    std::string input;
    std::string body;
    ReadState state = ReadState::kPartial;
    for (std::size_t at = 0; at < text.size() && state == ReadState::kPartial; at += step) {
      input += text.substr(at, step);
      std::size_t used = 0;
      state = reader.Read(input, &body, &used);
      input.erase(0, used);
    }
    EXPECT_EQ(state, ReadState::kWhole);
    EXPECT_EQ(body, "abc0123456789");
  }
  for (const char* bad : {"x\r\n", "3\r\nabcd\r\n", "-1\r\n", "\r\n"}) {
    std::string body;
    std::size_t used = 0;
    EXPECT_EQ(ChunkReader().Read(bad, &body, &used), ReadState::kBad) << bad;
  }
}

TEST(HttpMessageTest, AnAnswerEndsWhereItSays) {
  AnswerReader sized(100, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(sized.Feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"), ReadState::kPartial);
  EXPECT_EQ(sized.Feed("cd"), ReadState::kWhole);
  EXPECT_TRUE(sized.reusable());
  EXPECT_EQ(sized.Take().body, "abcd");

  AnswerReader more(100, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(more.Feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"), ReadState::kWhole);
  EXPECT_FALSE(more.reusable());

  AnswerReader open(100, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(open.Feed("HTTP/1.1 200 OK\r\n\r\nab"), ReadState::kPartial);
  EXPECT_EQ(open.Feed("c"), ReadState::kPartial);
  EXPECT_EQ(open.End(), ReadState::kWhole);
  EXPECT_EQ(open.Take().body, "abc");

  AnswerReader cut(100, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(cut.Feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"), ReadState::kPartial);
  EXPECT_EQ(cut.End(), ReadState::kBad);

  AnswerReader large(3, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(large.Feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"), ReadState::kBad);

  AnswerReader hints(100, AnswerReader::Body::kAsSaid);
  EXPECT_EQ(hints.Feed("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), ReadState::kPartial);
  EXPECT_EQ(
      hints.Feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"),
      ReadState::kWhole);
  EXPECT_TRUE(hints.reusable());
  const ports::HttpResponse behind = hints.Take();
  EXPECT_EQ(behind.status, 200);
  EXPECT_EQ(behind.body, "a");
  EXPECT_TRUE(behind.Header("Link").empty());

  AnswerReader head(100, AnswerReader::Body::kNone);
  EXPECT_EQ(head.Feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"), ReadState::kWhole);
  EXPECT_TRUE(head.reusable());
}

TEST(HttpMessageTest, AHeadThatComesInPiecesIsSearchedOnce) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  const std::string head =
      "HTTP/1.1 200 OK\r\nX-Long: " + std::string(1000, 'x') + "\r\nContent-Length: 1\r\n\r\n";
  AnswerReader reader(100, AnswerReader::Body::kAsSaid);
  for (const std::string* part : {&hints, &head}) {
    for (std::size_t i = 0; i + 1 < part->size(); ++i) {
      ASSERT_EQ(reader.Feed(part->substr(i, 1)), ReadState::kPartial) << i;
      ASSERT_EQ(reader.searched(), i + 1);
    }
    ASSERT_EQ(reader.Feed(part->substr(part->size() - 1)), ReadState::kPartial);
    ASSERT_EQ(reader.searched(), 0U) << "the next head is another";
  }
  EXPECT_EQ(reader.Feed("a"), ReadState::kWhole);
  EXPECT_EQ(reader.Take().body, "a");
}

}  // namespace
}  // namespace leeward::os
