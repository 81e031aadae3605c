#include "lab/wire/s3_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lab/wire/formats.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kS3Head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr int kPartial = 206;
constexpr int kNotModified = 304;

constexpr auto kRoots = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"CompleteMultipartUpload", "CompleteMultipartUploadResult"},
    {"CreateMultipartUpload", "InitiateMultipartUploadResult"},
    {"DeleteObjects", "DeleteResult"},
    {"GetBucketVersioning", "VersioningConfiguration"},
    {"GetObjectTagging", "Tagging"},
    {"ListBuckets", "ListAllMyBucketsResult"},
    {"ListMultipartUploads", "ListMultipartUploadsResult"},
    {"ListObjectVersions", "ListVersionsResult"},
    {"ListObjectsV2", "ListBucketResult"},
    {"ListParts", "ListPartsResult"},
});

bool IsHeader(std::string_view member) {
  return member.starts_with("x-amz-") || member == "ETag" || member == "Last-Modified" ||
         member == "Allow";
}

// An object's own type stands, whatever the protocol's is; what has no body has none.
void KeepOneType(ports::HttpResponse* response) {
  const auto is_type = [](const auto& header) { return SameText(header.first, "Content-Type"); };
  auto& headers = response->headers;
  const auto own = std::count_if(headers.begin(), headers.end(), is_type) > 1;
  const auto first = std::find_if(headers.begin(), headers.end(), is_type);
  if (first == headers.end()) return;
  if (own || response->body.empty()) {
    headers.erase(first);
  } else if (first->second == "text/xml") {
    first->second = "application/xml";
  }
}

}  // namespace

std::string_view S3Root(std::string_view operation) {
  for (const auto& [name, root] : kRoots) {
    if (name == operation) return root;
  }
  return operation;
}

void FinishS3(const shapes::Operation& operation, const shapes::Value& output,
              ports::HttpResponse* response) {
  for (auto& [name, value] : response->headers) {
    if (name == "x-amzn-RequestId") name = "x-amz-request-id";
  }
  if (operation.name == "GetBucketLocation") {
    // The root is the place itself.
    response->body =
        fmt::format("{}<LocationConstraint xmlns=\"{}\">{}</LocationConstraint>", kS3Head,
                    kS3Namespace, EscapeXml(output.String("LocationConstraint")));
  }
  KeepOneType(response);
  if (!response->Header("Content-Range").empty()) response->status = kPartial;
}

ports::HttpResponse S3Error(std::string_view code, std::string_view message, int status,
                            const shapes::Value& members) {
  ports::HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "application/xml"}};
  std::string elements;
  if (members.is_members()) {
    for (const auto& [name, value] : members.members()) {
      if (IsHeader(name)) {
        response.headers.emplace_back(name, value.str());
      } else {
        elements += fmt::format("<{0}>{1}</{0}>", name, EscapeXml(value.str()));
      }
    }
  }
  if (status == kNotModified) return response;
  response.body = fmt::format("{}<Error><Code>{}</Code><Message>{}</Message>{}", kS3Head,
                              EscapeXml(code), EscapeXml(message), elements);
  return response;
}

}  // namespace leeward::lab::wire
