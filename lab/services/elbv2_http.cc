#include "lab/services/elbv2_http.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace leeward::lab {
namespace {

constexpr std::size_t kMaxChunkLine = 4096;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool HasBadBytes(std::string_view text) {
  return std::ranges::any_of(text,
                             [](unsigned char c) { return (c < 32 && c != '\t') || c == 127; });
}

// Splits the lines of a head; false when it is not one.
bool ReadLines(std::string_view text, HttpHead& head) {
  const std::size_t first_end = text.find("\r\n");
  const std::string_view first = text.substr(0, first_end);
  const std::size_t one = first.find(' ');
  if (one == std::string_view::npos || HasBadBytes(first)) return false;
  const std::size_t two = first.find(' ', one + 1);
  head.first = first.substr(0, one);
  head.second = first.substr(one + 1, two == std::string_view::npos ? two : two - one - 1);
  if (two != std::string_view::npos) head.third = first.substr(two + 1);
  for (std::size_t at = first_end + 2; at < text.size();) {
    const std::size_t end = text.find("\r\n", at);
    const std::string_view line = text.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)) || HasBadBytes(line))
      return false;
    head.headers.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
    at = end + 2;
  }
  return true;
}

// Reads Content-Length and Transfer-Encoding; false when they cannot be trusted.
bool ReadFraming(HttpHead& head) {
  bool has_length = false;
  for (const auto& [name, value] : head.headers) {
    const std::string lower = Lower(name);
    if (lower == "transfer-encoding") {
      if (Lower(value) != "chunked" || head.framing == Framing::kChunked) return false;
      head.framing = Framing::kChunked;
    } else if (lower == "content-length") {
      std::uint64_t length = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (error != std::errc() || end != value.data() + value.size()) return false;
      if (has_length && length != head.length) return false;
      has_length = true;
      head.length = length;
    } else if (lower == "connection") {
      const std::string options = Lower(value);
      if (options.find("close") != std::string::npos) head.keep_alive = false;
      if (options.find("keep-alive") != std::string::npos) head.keep_alive = true;
    }
  }
  if (head.framing == Framing::kChunked) return !has_length;  // both: request smuggling
  if (has_length) head.framing = Framing::kLength;
  return true;
}

HeadState ParseHead(std::string_view bytes, HttpHead& head, std::size_t version_at) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos)
    return bytes.size() > kMaxHttpHead ? HeadState::kBad : HeadState::kPartial;
  if (end > kMaxHttpHead) return HeadState::kBad;
  head = HttpHead();
  head.size = end + 4;
  if (!ReadLines(bytes.substr(0, end + 2), head)) return HeadState::kBad;
  const std::string& version = version_at == 0 ? head.first : head.third;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return HeadState::kBad;
  head.keep_alive = version == "HTTP/1.1";
  return ReadFraming(head) ? HeadState::kWhole : HeadState::kBad;
}

}  // namespace

const std::string* HttpHead::Find(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (Lower(name) == lower_name) return &value;
  }
  return nullptr;
}

int HttpHead::status() const {
  int status = 0;
  std::from_chars(second.data(), second.data() + second.size(), status);
  return status;
}

HeadState ParseRequestHead(std::string_view bytes, HttpHead& head) {
  const HeadState state = ParseHead(bytes, head, 2);
  if (state == HeadState::kWhole && (!IsToken(head.first) || head.second.empty()))
    return HeadState::kBad;
  return state;
}

HeadState ParseResponseHead(std::string_view bytes, Asked asked, HttpHead& head) {
  const HeadState state = ParseHead(bytes, head, 0);
  if (state != HeadState::kWhole) return state;
  const int status = head.status();
  if (status < 100 || status > 999) return HeadState::kBad;
  if (asked == Asked::kHead || status < 200 || status == 204 || status == 304) {
    head.framing = Framing::kNone;
  } else if (head.framing == Framing::kNone) {
    head.framing = Framing::kUntilClose;
  }
  return HeadState::kWhole;
}

std::string RewriteHead(const HttpHead& head, const std::vector<std::string>& added) {
  constexpr std::array<std::string_view, 5> kHopByHop = {"connection", "keep-alive",
                                                         "proxy-connection", "te", "upgrade"};
  std::string text = head.first + ' ' + head.second;
  if (!head.third.empty()) text += ' ' + head.third;
  text += "\r\n";
  for (const auto& [name, value] : head.headers) {
    if (std::ranges::find(kHopByHop, Lower(name)) != kHopByHop.end()) continue;
    text.append(name).append(": ").append(value).append("\r\n");
  }
  for (const std::string& line : added) text.append(line).append("\r\n");
  return text + "\r\n";
}

BodyTracker::BodyTracker(Framing framing, std::uint64_t length)
    : framing_(framing),
      left_(length),
      done_(framing == Framing::kNone || (framing == Framing::kLength && length == 0)) {}

// A whole line of chunked framing. False when it is none.
bool BodyTracker::TakeLine(std::string_view line) {
  if (stage_ == Stage::kDataEnd) {
    stage_ = Stage::kSize;
    return line.empty();
  }
  if (stage_ == Stage::kTrailer) {
    done_ = line.empty();
    return true;
  }
  const std::string_view digits = Trim(line.substr(0, line.find(';')));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  stage_ = left_ == 0 ? Stage::kTrailer : Stage::kData;
  return true;
}

std::optional<std::size_t> BodyTracker::Take(std::string_view bytes) {
  if (done_) return 0;
  if (framing_ == Framing::kUntilClose) return bytes.size();
  if (framing_ == Framing::kLength) {
    const std::size_t taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= taken;
    done_ = left_ == 0;
    return taken;
  }
  std::size_t at = 0;
  while (at < bytes.size() && !done_) {
    if (stage_ == Stage::kData) {
      const std::size_t taken =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      left_ -= taken;
      at += taken;
      if (left_ == 0) stage_ = Stage::kDataEnd;
      continue;
    }
    const char c = bytes[at++];
    if (c != '\n') {
      line_ += c;
      if (line_.size() > kMaxChunkLine) return std::nullopt;
      continue;
    }
    if (line_.empty() || line_.back() != '\r') return std::nullopt;
    line_.pop_back();
    if (!TakeLine(line_)) return std::nullopt;
    line_.clear();
  }
  return at;
}

}  // namespace leeward::lab
