// HTTP/1.1 messages as bytes: where a head ends and what it says, and how much body follows.
// Strict: what RFC 9112 leaves to lenience is refused, as that is where two readers of one stream
// come to disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/http.h"

namespace leeward::os {

enum class ReadState { kPartial, kWhole, kBad };

// Views into the bytes that were read.
struct HttpHead {
  // Of a request: method, target, version. Of an answer: version, status, reason.
  std::string_view first;
  std::string_view second;
  std::string_view third;
  std::vector<std::pair<std::string_view, std::string_view>>
      fields;            // values without surrounding blanks
  std::size_t size = 0;  // bytes, with the empty line

  // First field of that name, compared without case; nothing when absent.
  std::optional<std::string_view> Find(std::string_view name) const;
};

// Reads the head at the front of `input`, whose first `searched` bytes are known not to hold its
// end. `head` is good when whole.
ReadState ReadRequestHead(std::string_view input, std::size_t searched, HttpHead* head);
ReadState ReadAnswerHead(std::string_view input, std::size_t searched, HttpHead* head);

// How long the body is and what becomes of the connection.
struct HttpFraming {
  enum class Body { kLength, kChunked, kUntilEnd } body = Body::kLength;
  std::uint64_t length = 0;
  bool keep_alive = true;
};
// Nothing when the head contradicts itself. An answer to HEAD, and those without body by their
// status, are the caller's to know.
std::optional<HttpFraming> FramingOfRequest(const HttpHead& head);
std::optional<HttpFraming> FramingOfAnswer(const HttpHead& head);

// Takes a chunked body apart as it comes.
class ChunkReader {
 public:
  // Reads from the front of `input`; adds what it carried to `body`; `used` is how many bytes of it
  // are done with.
  ReadState Read(std::string_view input, std::string* body, std::size_t* used);

 private:
  enum class Part { kSize, kData, kDataEnd, kTrailer, kDone };
  ReadState ReadLine(std::string_view line);

  Part part_ = Part::kSize;
  std::uint64_t left_ = 0;
};

// One answer, as it comes.
class AnswerReader {
 public:
  enum class Body { kAsSaid, kNone };  // kNone: to HEAD, whatever the head says

  AnswerReader(std::size_t max_body, Body body) : max_body_(max_body), expected_(body) {}

  // More bytes; none after kWhole. kBad: see problem().
  ReadState Feed(std::string_view bytes);
  // The connection has ended.
  ReadState End();
  // The answer, once whole.
  ports::HttpResponse Take() { return std::move(answer_); }
  // Whether the connection may carry another: kept alive, and nothing beyond the answer came.
  bool reusable() const { return framing_.keep_alive && input_.size() == used_; }
  std::string_view problem() const { return problem_; }
  // Bytes that were found not to hold the end of the head, and are not searched again.
  std::size_t searched() const { return searched_; }

 private:
  ReadState Bad(std::string_view why) {
    problem_ = why;
    return ReadState::kBad;
  }
  ReadState ReadTheHead();
  ReadState ReadTheBody();

  std::size_t max_body_;
  Body expected_;
  std::string input_;
  std::size_t used_ = 0;      // of input_
  std::size_t searched_ = 0;  // the same
  bool head_read_ = false;
  HttpFraming framing_;
  ChunkReader chunks_;
  ports::HttpResponse answer_;
  std::string_view problem_;
};

// Without case, as names of fields are.
bool SameFieldName(std::string_view a, std::string_view b);

}  // namespace leeward::os
