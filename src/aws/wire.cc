#include "aws/wire.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "aws/codec.h"
#include "base/bytes.h"

namespace leeward::aws {
namespace {

using shapes::Model;
using shapes::Operation;
using shapes::Protocol;
using shapes::Shape;
using shapes::Value;

base::Result<WireRequest> EncodeByProtocol(const Model& model, const Operation& operation,
                                           const Value& input) {
  switch (model.protocols.front()) {
    case Protocol::kQuery:
    case Protocol::kEc2:
      return codec::EncodeQuery(model, operation, input);
    case Protocol::kJson10:
    case Protocol::kJson11:
      return codec::EncodeJson(model, operation, input);
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return codec::EncodeRest(model, operation, input);
    case Protocol::kCbor:
      break;
  }
  return base::Invalid(
      fmt::format("{}: its protocol is not one this client speaks", model.service));
}

std::string Md5(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr) == 1);
  return {reinterpret_cast<const char*>(digest), size};
}

base::Result<std::string> FillHostPrefix(const Operation& operation, const Value& input) {
  std::string out(operation.endpoint_prefix);
  if (operation.input == nullptr) return out;
  for (const shapes::Member& member : operation.input->members) {
    const std::string label = fmt::format("{{{}}}", member.name);
    const std::size_t at = out.find(label);
    if (!member.host_label || at == std::string::npos) continue;
    const std::string_view text = input.String(member.name);
    if (text.empty() ||
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
            std::string_view::npos) {
      return base::Invalid(fmt::format("'{}' must fit in a host name: '{}'", member.name, text));
    }
    out.replace(at, label.size(), text);
  }
  return out;
}

bool IsJsonFamily(Protocol protocol) {
  return protocol == Protocol::kJson10 || protocol == Protocol::kJson11 ||
         protocol == Protocol::kRestJson;
}

// "aws.protocoltests#FooError:http://..." → "FooError".
std::string BareCode(std::string_view code) {
  code = code.substr(0, code.find(':'));
  const std::size_t hash = code.rfind('#');
  return std::string(hash == std::string_view::npos ? code : code.substr(hash + 1));
}

// By wire code, else by the shape's name; nullptr when the model does not know it.
const Shape* FindErrorShape(const Operation& operation, std::string_view code) {
  for (const Shape* shape : operation.errors) {
    if (shape->name == code || (shape->error != nullptr && shape->error->code == code))
      return shape;
  }
  return nullptr;
}

Value JsonErrorMembers(const Shape& shape, const ports::HttpResponse& response) {
  const shapes::Member whole{.name = shape.name, .shape = &shape};
  base::Result<Value> members =
      codec::ReadJson(response.body.empty() ? "{}" : response.body, whole);
  return members.ok() && members->is_members() ? std::move(members).value() : Value::Struct();
}

void ReadJsonFamily(const Operation& operation, const ports::HttpResponse& response,
                    ServiceError& error) {
  const codec::JsonErrorText text = codec::ReadJsonError(response.body);
  const std::string_view header = response.Header("x-amzn-errortype");
  const std::string shape_name = BareCode(header.empty() ? text.code : header);
  error.code = shape_name;
  error.message = text.message;
  if (const Shape* shape = FindErrorShape(operation, shape_name)) {
    if (shape->error != nullptr) error.code = shape->error->code;
    error.members = JsonErrorMembers(*shape, response);
    if (error.message.empty())
      error.message = error.members.String("Message", error.members.String("message"));
  }
  const std::string_view query_error = response.Header("x-amzn-query-error");
  if (!query_error.empty()) error.code = query_error.substr(0, query_error.find(';'));
}

void ReadXmlFamily(const Operation& operation, const ports::HttpResponse& response,
                   ServiceError& error) {
  codec::XmlErrorText text = codec::ReadXmlError(response.body);
  error.code = BareCode(text.code);
  error.message = std::move(text.message);
  error.request_id = std::move(text.request_id);
  if (const Shape* shape = FindErrorShape(operation, error.code)) {
    error.members = codec::ReadXmlErrorMembers(response.body, *shape);
  }
}

}  // namespace

base::Result<WireRequest> EncodeRequest(const Model& model, const Operation& operation,
                                        const Value& input) {
  ASSIGN_OR_RETURN(WireRequest request, EncodeByProtocol(model, operation, input));
  ASSIGN_OR_RETURN(request.host_prefix, FillHostPrefix(operation, input));
  if (operation.checksum_required)
    request.headers.emplace_back("Content-MD5", base::Base64Encode(Md5(request.body)));
  return request;
}

base::Result<Value> DecodeResponse(const Model& model, const Operation& operation,
                                   const ports::HttpResponse& response) {
  switch (model.protocols.front()) {
    case Protocol::kQuery:
    case Protocol::kEc2:
      return codec::DecodeQuery(model, operation, response);
    case Protocol::kJson10:
    case Protocol::kJson11:
      return codec::DecodeJson(operation, response);
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return codec::DecodeRest(model, operation, response);
    case Protocol::kCbor:
      break;
  }
  return base::Invalid(
      fmt::format("{}: its protocol is not one this client speaks", model.service));
}

ServiceError DecodeError(const Model& model, const Operation& operation,
                         const ports::HttpResponse& response) {
  ServiceError error;
  error.status = response.status;
  error.members = Value::Struct();
  if (IsJsonFamily(model.protocols.front())) {
    ReadJsonFamily(operation, response, error);
  } else {
    ReadXmlFamily(operation, response, error);
  }
  const Shape* shape = FindErrorShape(operation, error.code);
  if (shape != nullptr) {
    // A malformed header of an error must not hide the error itself.
    const base::Status headers = codec::DecodeHeaders(*shape, response, error.members);
    if (!headers.ok()) error.message += " (" + headers.error().message() + ")";
  }
  for (const std::string_view name :
       {"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"}) {
    if (error.request_id.empty()) error.request_id = response.Header(name);
  }
  return error;
}

}  // namespace leeward::aws
