// As much of HTTP/1.1 as a load balancer needs: heads, and where bodies end (RFC 9112). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leeward::lab {

inline constexpr std::size_t kMaxHttpHead = 65536;

// How the body that follows a head is framed.
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct HttpHead {
  // "POST", "/orders", "HTTP/1.1" of a request; "HTTP/1.1", "200", "OK" of a response.
  std::string first, second, third;
  std::vector<std::pair<std::string, std::string>> headers;  // names as they came
  std::size_t size = 0;                                      // bytes up to the body
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;  // kLength
  bool keep_alive = true;

  const std::string* Find(std::string_view lower_name) const;
  int status() const;
};

enum class HeadState : std::uint8_t { kPartial, kWhole, kBad };

HeadState ParseRequestHead(std::string_view bytes, HttpHead& head);
enum class Asked : std::uint8_t { kHead, kOther };  // the method of the request that is answered
HeadState ParseResponseHead(std::string_view bytes, Asked asked, HttpHead& head);

// The head for the next hop: hop-by-hop headers dropped, `added` lines ("Name: value") put at the
// end.
std::string RewriteHead(const HttpHead& head, const std::vector<std::string>& added);

// Follows a body through its bytes.
class BodyTracker {
 public:
  BodyTracker() = default;
  BodyTracker(Framing framing, std::uint64_t length);
  // How many of `bytes` belong to the body; nothing when they are not a chunked body.
  std::optional<std::size_t> Take(std::string_view bytes);
  bool done() const { return done_; }

 private:
  enum class Stage : std::uint8_t { kSize, kData, kDataEnd, kTrailer };
  bool TakeLine(std::string_view line);

  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;
  Stage stage_ = Stage::kSize;
  std::string line_;
  bool done_ = true;
};

}  // namespace leeward::lab
