#include "lab/wire/aws_chunked.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kChunkSignature = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";
constexpr std::size_t kMaxTrailers = 16;

ApiError Incomplete() {
  return {"IncompleteBody",
          "You did not provide the number of bytes specified by the Content-Length HTTP header.",
          400,
          {}};
}

ApiError ChunkMismatch() {
  return {"SignatureDoesNotMatch",
          "The request signature we calculated does not match the signature you provided. Check "
          "your key and signing method.",
          403,
          {}};
}

ApiError BadTrailer(std::string_view why) {
  return {"MalformedTrailerError",
          fmt::format("The request contained trailing data that was not well-formed or did not "
                      "conform to our published schema: {}.",
                      why),
          400,
          {}};
}

// The line at the front of `rest`, taken off it with its end; nothing when it does not end.
std::optional<std::string_view> TakeLine(std::string_view& rest) {
  const auto end = rest.find(kLineEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + kLineEnd.size());
  return line;
}

struct ChunkHead {
  std::size_t size = 0;
  std::string_view signature;
};
std::optional<ChunkHead> ReadChunkHead(std::string_view line) {
  ChunkHead head;
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), head.size, 16);
  if (error != std::errc() || stop == line.data()) return std::nullopt;
  std::string_view extension = line.substr(static_cast<std::size_t>(stop - line.data()));
  if (extension.empty()) return head;
  if (!extension.starts_with(';')) return std::nullopt;
  extension = Trim(extension.substr(1));
  if (extension.starts_with(kChunkSignature)) {
    head.signature = extension.substr(kChunkSignature.size());
  }
  return head;
}

class Unwrapper {
 public:
  Unwrapper(const ChunkedForm& form, const Claim& claim, std::string_view key)
      : form_(form), claim_(claim), key_(key), previous_(claim.signature) {}

  Unwrapped Run(std::string_view rest) {
    while (!out_.error) {
      const auto line = TakeLine(rest);
      const auto head = line ? ReadChunkHead(*line) : std::nullopt;
      if (!head || rest.size() < head->size) return Refused(Incomplete());
      const std::string_view data = rest.substr(0, head->size);
      if (form_.is_signed && !Follows(ToSignChunk(data), head->signature))
        return Refused(ChunkMismatch());
      if (head->size == 0) return Trailers(rest);
      rest.remove_prefix(head->size);
      if (!rest.starts_with(kLineEnd)) return Refused(Incomplete());
      rest.remove_prefix(kLineEnd.size());
      out_.body += data;
    }
    return std::move(out_);
  }

 private:
  Unwrapped Refused(ApiError error) {
    out_.error = std::move(error);
    return std::move(out_);
  }

  // Without trailers only the empty line is left.
  Unwrapped Trailers(std::string_view rest) {
    std::string signature;
    std::string canonical;
    for (std::size_t count = 0; count <= kMaxTrailers; ++count) {
      const auto line = TakeLine(rest);
      if (!line) return Refused(Incomplete());
      if (line->empty()) return End(rest, canonical, signature);
      const auto colon = line->find(':');
      if (!form_.has_trailer || colon == std::string_view::npos || !signature.empty())
        return Refused(BadTrailer("a line that is no trailer"));
      const std::string name = Lower(line->substr(0, colon));
      const std::string_view value = Trim(line->substr(colon + 1));
      if (form_.is_signed && name == kTrailerSignature) {
        signature = value;
        continue;
      }
      canonical += fmt::format("{}:{}\n", name, value);
      out_.trailers.emplace_back(name, std::string(value));
    }
    return Refused(BadTrailer("too many trailers"));
  }

  Unwrapped End(std::string_view rest, std::string_view canonical, std::string_view signature) {
    if (!rest.empty()) return Refused(Incomplete());
    if (form_.is_signed && form_.has_trailer && !Follows(ToSignTrailer(canonical), signature))
      return Refused(ChunkMismatch());
    return std::move(out_);
  }

  std::string Scope() const {
    return fmt::format("{}\n{}/{}/{}/aws4_request\n{}", claim_.time, claim_.date, claim_.region,
                       claim_.service, previous_);
  }
  std::string ToSignChunk(std::string_view data) const {
    return fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}", Scope(), base::Sha256Hex(""),
                       base::Sha256Hex(data));
  }
  std::string ToSignTrailer(std::string_view canonical) const {
    return fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}", Scope(), base::Sha256Hex(canonical));
  }

  // Whether the signature is the next of the chain, which then goes on from it.
  bool Follows(std::string_view to_sign, std::string_view given) {
    previous_ = base::HexEncode(base::AsView(base::HmacSha256(key_, to_sign)));
    return SameSignature(previous_, given);
  }

  const ChunkedForm& form_;
  const Claim& claim_;
  std::string_view key_;
  std::string previous_;
  Unwrapped out_;
};

}  // namespace

std::optional<ChunkedForm> ChunkedFormOf(std::string_view content_sha256) {
  if (content_sha256 == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return ChunkedForm{true, false};
  if (content_sha256 == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
    return ChunkedForm{true, true};
  if (content_sha256 == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return ChunkedForm{false, true};
  return std::nullopt;
}

Unwrapped UnwrapChunks(const Request& request, const ChunkedForm& form, const Claim& claim,
                       std::string_view key) {
  const std::string_view stated = request.Header("X-Amz-Decoded-Content-Length");
  if (stated.empty()) {
    Unwrapped refused;
    refused.error = ApiError{
        "MissingContentLength", "You must provide the Content-Length HTTP header.", 411, {}};
    return refused;
  }
  Unwrapped out = Unwrapper(form, claim, key).Run(request.body);
  if (!out.error && stated != fmt::format("{}", out.body.size())) out.error = Incomplete();
  return out;
}

}  // namespace leeward::lab::wire
