#include "os/http_message.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace leeward::os {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::size_t kMaxHead = 64 << 10;
constexpr std::size_t kMaxFields = 200;
constexpr std::size_t kMaxLine = 4096;  // of a chunk's size or a trailer

// RFC 9110, section 5.6.2.
constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

// No control characters; a tab is none here.
bool IsFieldText(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  });
}

bool IsTarget(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool ReadFirstLine(std::string_view line, HttpHead* head) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return false;
  const auto next = line.find(' ', space + 1);
  head->first = line.substr(0, space);
  head->second = line.substr(space + 1, next == std::string_view::npos ? next : next - space - 1);
  head->third = next == std::string_view::npos ? std::string_view() : line.substr(next + 1);
  return true;
}

bool ReadFields(std::string_view text, HttpHead* head) {
  head->fields.clear();
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (!IsFieldText(value) || head->fields.size() >= kMaxFields) return false;
    head->fields.emplace_back(line.substr(0, colon), value);
  }
  return true;
}

bool IsVersion(std::string_view text) { return text == "HTTP/1.1" || text == "HTTP/1.0"; }

// The first line and the fields, once the end is there.
ReadState ReadHead(std::string_view input, std::size_t searched, HttpHead* head) {
  const std::size_t from = searched < kEnd.size() ? 0 : searched - kEnd.size() + 1;
  const auto end = input.find(kEnd, from);
  if (end == std::string_view::npos) {
    const bool hopeless = !input.empty() && !kToken[static_cast<unsigned char>(input.front())];
    return hopeless ? ReadState::kBad : ReadState::kPartial;
  }
  head->size = end + kEnd.size();
  const auto line = input.find("\r\n");
  if (!ReadFirstLine(input.substr(0, line), head)) return ReadState::kBad;
  const std::string_view fields =
      line == end ? std::string_view() : input.substr(line + 2, end - line - 2);
  return ReadFields(fields, head) ? ReadState::kWhole : ReadState::kBad;
}

bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (SameFieldName(Trimmed(list.substr(0, comma)), word)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

std::optional<HttpFraming> FramingOf(const HttpHead& head, std::string_view version) {
  HttpFraming framing;
  framing.keep_alive = version == "HTTP/1.1";
  bool length = false;
  bool encoded = false;
  for (const auto& [name, value] : head.fields) {
    if (SameFieldName(name, "Content-Length")) {
      const auto read = std::from_chars(value.data(), value.data() + value.size(), framing.length);
      const bool number = read.ec == std::errc() && read.ptr == value.data() + value.size();
      if (length || !number) return std::nullopt;
      length = true;
    } else if (SameFieldName(name, "Transfer-Encoding")) {
      if (encoded || !SameFieldName(value, "chunked")) return std::nullopt;
      encoded = true;
    } else if (SameFieldName(name, "Connection")) {
      if (HasWord(value, "close")) framing.keep_alive = false;
      if (version == "HTTP/1.0" && HasWord(value, "keep-alive")) framing.keep_alive = true;
    }
  }
  if (length && encoded) return std::nullopt;
  if (encoded) framing.body = HttpFraming::Body::kChunked;
  if (!length && !encoded) framing.body = HttpFraming::Body::kUntilEnd;
  return framing;
}

}  // namespace

bool SameFieldName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string_view> HttpHead::Find(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (SameFieldName(key, name)) return value;
  }
  return std::nullopt;
}

ReadState ReadRequestHead(std::string_view input, std::size_t searched, HttpHead* head) {
  const ReadState state = ReadHead(input, searched, head);
  if (state != ReadState::kWhole) return state;
  return IsToken(head->first) && IsTarget(head->second) && IsVersion(head->third) ? state
                                                                                  : ReadState::kBad;
}

ReadState ReadAnswerHead(std::string_view input, std::size_t searched, HttpHead* head) {
  const ReadState state = ReadHead(input, searched, head);
  if (state != ReadState::kWhole) return state;
  const std::string_view status = head->second;
  const bool number = status.size() == 3 && std::all_of(status.begin(), status.end(), [](char c) {
                        return c >= '0' && c <= '9';
                      });
  return IsVersion(head->first) && number && status[0] != '0' ? state : ReadState::kBad;
}

std::optional<HttpFraming> FramingOfRequest(const HttpHead& head) {
  auto framing = FramingOf(head, head.third);
  // A request that says nothing of a body has none.
  if (framing && framing->body == HttpFraming::Body::kUntilEnd)
    framing->body = HttpFraming::Body::kLength;
  return framing;
}

std::optional<HttpFraming> FramingOfAnswer(const HttpHead& head) {
  return FramingOf(head, head.first);
}

ReadState AnswerReader::Feed(std::string_view bytes) {
  input_.append(bytes);
  while (!head_read_) {
    const ReadState state = ReadTheHead();
    if (state != ReadState::kWhole) return state;
  }
  return ReadTheBody();
}

// Leaves head_read_ false after an interim answer, such as 103 Early Hints: another head follows.
ReadState AnswerReader::ReadTheHead() {
  HttpHead head;
  const ReadState state = ReadAnswerHead(input_, searched_, &head);
  searched_ = state == ReadState::kPartial ? input_.size() : 0;
  if (state == ReadState::kPartial && input_.size() > kMaxHead) return Bad("the head is too large");
  if (state != ReadState::kWhole)
    return state == ReadState::kBad ? Bad("not an HTTP/1.1 answer") : state;
  const auto framing = FramingOfAnswer(head);
  if (!framing) return Bad("the head contradicts itself");
  framing_ = *framing;
  std::from_chars(head.second.data(), head.second.data() + head.second.size(), answer_.status);
  const int status = answer_.status;
  constexpr int kSwitchingProtocols = 101;
  if (status / 100 == 1 && status != kSwitchingProtocols) {
    input_.erase(0, head.size);
    return ReadState::kWhole;
  }
  for (const auto& [name, value] : head.fields) answer_.headers.emplace_back(name, value);
  if (expected_ == Body::kNone || status / 100 == 1 || status == 204 || status == 304) {
    framing_.body = HttpFraming::Body::kLength;
    framing_.length = 0;
  }
  if (framing_.body == HttpFraming::Body::kUntilEnd) framing_.keep_alive = false;
  if (framing_.body == HttpFraming::Body::kLength && framing_.length > max_body_)
    return Bad("the body is too large");
  used_ = head.size;
  head_read_ = true;
  return ReadState::kWhole;
}

ReadState AnswerReader::ReadTheBody() {
  const std::string_view rest = std::string_view(input_).substr(used_);
  if (framing_.body == HttpFraming::Body::kLength) {
    if (rest.size() < framing_.length) return ReadState::kPartial;
    answer_.body = rest.substr(0, static_cast<std::size_t>(framing_.length));
    used_ += answer_.body.size();
    return ReadState::kWhole;
  }
  std::size_t used = rest.size();
  ReadState state = ReadState::kPartial;
  if (framing_.body == HttpFraming::Body::kChunked) {
    state = chunks_.Read(rest, &answer_.body, &used);
  } else {
    answer_.body.append(rest);
  }
  if (state == ReadState::kBad) return Bad("a chunk cannot be read");
  if (answer_.body.size() > max_body_) return Bad("the body is too large");
  input_.erase(0, used_ + used);
  used_ = 0;
  return state;
}

ReadState AnswerReader::End() {
  if (head_read_ && framing_.body == HttpFraming::Body::kUntilEnd) return ReadState::kWhole;
  return Bad("closed before the answer was complete");
}

ReadState ChunkReader::ReadLine(std::string_view line) {
  if (part_ == Part::kTrailer) {
    if (line.empty()) part_ = Part::kDone;
    return ReadState::kPartial;
  }
  const std::string_view size = Trimmed(line.substr(0, line.find(';')));
  const auto read = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  if (size.empty() || read.ec != std::errc() || read.ptr != size.data() + size.size())
    return ReadState::kBad;
  part_ = left_ == 0 ? Part::kTrailer : Part::kData;
  return ReadState::kPartial;
}

ReadState ChunkReader::Read(std::string_view input, std::string* body, std::size_t* used) {
  *used = 0;
  while (part_ != Part::kDone) {
    const std::string_view rest = input.substr(*used);
    if (part_ == Part::kData) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
      body->append(rest.substr(0, take));
      *used += take;
      left_ -= take;
      if (left_ > 0) return ReadState::kPartial;
      part_ = Part::kDataEnd;
    } else if (part_ == Part::kDataEnd) {
      if (rest.size() < 2) return ReadState::kPartial;
      if (!rest.starts_with("\r\n")) return ReadState::kBad;
      *used += 2;
      part_ = Part::kSize;
    } else {
      const auto end = rest.find("\r\n");
      if (end == std::string_view::npos)
        return rest.size() > kMaxLine ? ReadState::kBad : ReadState::kPartial;
      if (end > kMaxLine || ReadLine(rest.substr(0, end)) == ReadState::kBad)
        return ReadState::kBad;
      *used += end + 2;
    }
  }
  return ReadState::kWhole;
}

}  // namespace leeward::os
