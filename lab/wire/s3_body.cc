#include "lab/wire/s3_body.h"

#include <algorithm>

#include "lab/wire/aws_chunked.h"
#include "lab/wire/checksum.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kContentEncoding = "Content-Encoding";
constexpr std::string_view kChunked = "aws-chunked";

// "aws-chunked,gzip" is gzip.
void DropChunkedEncoding(ports::Headers* headers) {
  for (auto& [name, value] : *headers) {
    if (!SameText(name, kContentEncoding)) continue;
    std::string rest;
    for (const std::string_view part : Split(value, ',')) {
      const std::string_view coding = Trim(part);
      if (!SameText(coding, kChunked)) rest.append(rest.empty() ? "" : ",").append(coding);
    }
    value = std::move(rest);
  }
  std::erase_if(*headers, [](const auto& header) {
    return SameText(header.first, kContentEncoding) && header.second.empty();
  });
}

}  // namespace

bool IsForS3(const Claim& claim) { return claim.service == "s3"; }

std::optional<ApiError> OpenS3Body(const Claim& claim, std::string_view secret, Request* request) {
  const auto form = ChunkedFormOf(request->Header("X-Amz-Content-Sha256"));
  if (form) {
    Unwrapped unwrapped = UnwrapChunks(*request, *form, claim, SigningKey(claim, secret));
    if (unwrapped.error) return unwrapped.error;
    request->body = std::move(unwrapped.body);
    for (auto& trailer : unwrapped.trailers) request->headers.push_back(std::move(trailer));
    DropChunkedEncoding(&request->headers);
  }
  // The end of an upload in parts states the checksum of the object, not of this body.
  const bool ends_upload =
      request->method == "POST" && request->Query().find("uploadId=") != std::string_view::npos;
  return ends_upload ? std::nullopt : CheckBody(*request);
}

}  // namespace leeward::lab::wire
