#include "lab/wire/codec.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/wire/formats.h"
#include "lab/wire/rest.h"
#include "lab/wire/s3_answer.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using ports::HttpResponse;
using shapes::Member;
using shapes::Model;
using shapes::Operation;
using shapes::Protocol;
using shapes::Shape;
using shapes::Type;
using shapes::Value;

constexpr std::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

bool IsS3(const Model* model) { return model != nullptr && model->service == "s3"; }

bool IsXml(Protocol protocol) { return protocol == Protocol::kRestXml; }

std::string ContentType(Protocol protocol) {
  switch (protocol) {
    case Protocol::kQuery:
    case Protocol::kRestXml:
      return "text/xml";
    case Protocol::kEc2:
      return "text/xml;charset=UTF-8";
    case Protocol::kJson10:
      return "application/x-amz-json-1.0";
    case Protocol::kJson11:
      return "application/x-amz-json-1.1";
    case Protocol::kRestJson:
      return "application/json";
    case Protocol::kCbor:
      return "application/cbor";
  }
  return "text/plain";
}

HttpResponse Begin(Protocol protocol, int status, std::string_view request_id) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", ContentType(protocol));
  response.headers.emplace_back("x-amzn-RequestId", request_id);
  // EC2 uses the other name as well.
  if (protocol == Protocol::kEc2) response.headers.emplace_back("x-amz-request-id", request_id);
  if (protocol == Protocol::kCbor) response.headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
  return response;
}

bool HasBodyMembers(const Shape& shape) {
  return std::any_of(shape.members.begin(), shape.members.end(),
                     [](const Member& member) { return InBody(member, Members::kBodyOnly); });
}

// --- requests
// --------------------------------------------------------------------------------------

base::Result<Value> PayloadFromBody(const Member& payload, const Route& route,
                                    const Request& request) {
  const Shape& shape = *payload.shape;
  if (shape.type == Type::kBlob) {
    return request.body.empty() ? Value() : Value(shapes::Blob{request.body});
  }
  if (shape.type == Type::kString && !shape.document) {
    return request.body.empty() ? Value() : Value(request.body);
  }
  if (Trim(request.body).empty()) return Value();
  return IsXml(route.protocol) ? DecodeXml(shape, request.body) : DecodeJson(shape, request.body);
}

base::Result<Value> DecodeRest(const Route& route, const Request& request) {
  const Shape& shape = *route.operation->input;
  Value input = Value::Struct();
  if (!shape.payload_member.empty()) {
    const Member* payload = shape.FindMember(shape.payload_member);
    CHECK(payload != nullptr);
    ASSIGN_OR_RETURN(Value value, PayloadFromBody(*payload, route, request));
    if (!value.is_null()) input.Set(payload->name, std::move(value));
  } else if (HasBodyMembers(shape)) {
    auto body = IsXml(route.protocol) ? DecodeXml(shape, request.body, Members::kBodyOnly)
                                      : DecodeJson(shape, request.body, Members::kBodyOnly);
    if (!body.ok()) return body;
    input = std::move(*body);
  }
  RETURN_IF_ERROR(ReadPlaces(route, request, &input));
  return input;
}

// --- answers
// ---------------------------------------------------------------------------------------

std::string_view NamespaceOf(const Model& model) {
  if (!model.xml_namespace.empty()) return model.xml_namespace;
  if (IsS3(&model)) return kS3Namespace;
  // rest-xml models state it with the inputs.
  for (const Operation& operation : model.operations) {
    if (!operation.input_xml_namespace.empty()) return operation.input_xml_namespace;
  }
  return "";
}

std::string NamespaceAttribute(const Model& model) {
  const std::string_view uri = NamespaceOf(model);
  return uri.empty() ? "" : fmt::format(" xmlns=\"{}\"", uri);
}

base::Result<std::string> QueryBody(const Model& model, const Operation& operation,
                                    const Value& output, std::string_view request_id) {
  std::string result;
  if (operation.output != nullptr) {
    ASSIGN_OR_RETURN(const std::string members, EncodeXmlMembers(*operation.output, output));
    const std::string wrapper = operation.result_wrapper.empty()
                                    ? fmt::format("{}Result", operation.name)
                                    : std::string(operation.result_wrapper);
    result = fmt::format("<{0}>{1}</{0}>", wrapper, members);
  }
  return fmt::format(
      "<{0}Response{1}>{2}<ResponseMetadata><RequestId>{3}</RequestId></ResponseMetadata></"
      "{0}Response>",
      operation.name, NamespaceAttribute(model), result, request_id);
}

base::Result<std::string> Ec2Body(const Model& model, const Operation& operation,
                                  const Value& output, std::string_view request_id) {
  std::string members;
  if (operation.output != nullptr) {
    ASSIGN_OR_RETURN(members, EncodeXmlMembers(*operation.output, output));
  }
  return fmt::format("{4}<{0}Response{1}><requestId>{3}</requestId>{2}</{0}Response>",
                     operation.name, NamespaceAttribute(model), members, request_id, kXmlHead);
}

std::string_view RootName(const Shape& shape) {
  return shape.location_name.empty() ? shape.name : shape.location_name;
}

base::Result<std::string> PayloadBody(const Member& payload, const Value& value,
                                      Protocol protocol) {
  const Shape& shape = *payload.shape;
  if (shape.type == Type::kBlob) return value.blob().bytes;
  if (shape.type == Type::kString && !shape.document) return value.str();
  if (!IsXml(protocol)) return EncodeJson(shape, value);
  // Models repeat the member's own name as its wire name, which says nothing about the root.
  const bool own = !payload.location_name.empty() && payload.location_name != payload.name;
  const std::string_view name = own ? payload.location_name : RootName(shape);
  return EncodeXmlElement(name, payload.xml_namespace_uri, shape, value);
}

base::Result<HttpResponse> RestAnswer(Protocol protocol, const Model& model,
                                      const Operation& operation, const Value& output,
                                      std::string_view request_id) {
  HttpResponse response = Begin(protocol, operation.success_status, request_id);
  if (operation.output == nullptr) return response;
  const Shape& shape = *operation.output;
  ASSIGN_OR_RETURN(response.status,
                   WritePlaces(shape, output, operation.success_status, &response.headers));
  if (!shape.payload_member.empty()) {
    const Member* payload = shape.FindMember(shape.payload_member);
    CHECK(payload != nullptr);
    const Value* value = output.Find(payload->name);
    if (value == nullptr) return response;
    ASSIGN_OR_RETURN(response.body, PayloadBody(*payload, *value, protocol));
    if (payload->shape->type == Type::kBlob)
      response.headers[0].second = "application/octet-stream";
    return response;
  }
  if (IsXml(protocol)) {
    if (!HasBodyMembers(shape) && (NamespaceOf(model).empty() || IsS3(&model))) return response;
    const std::string_view root = IsS3(&model) ? S3Root(operation.name) : RootName(shape);
    ASSIGN_OR_RETURN(const std::string body,
                     EncodeXmlElement(root, NamespaceOf(model), shape, output, Members::kBodyOnly));
    response.body = std::string(kXmlHead) + body;
    return response;
  }
  if (!HasBodyMembers(shape)) return response;
  ASSIGN_OR_RETURN(response.body, EncodeJson(shape, output, Members::kBodyOnly));
  return response;
}

base::Result<HttpResponse> Answer200(Protocol protocol, const Model& model,
                                     const Operation& operation, const Value& output,
                                     std::string_view request_id) {
  if (protocol == Protocol::kRestJson || protocol == Protocol::kRestXml) {
    return RestAnswer(protocol, model, operation, output, request_id);
  }
  HttpResponse response = Begin(protocol, 200, request_id);
  if (protocol == Protocol::kQuery) {
    ASSIGN_OR_RETURN(response.body, QueryBody(model, operation, output, request_id));
  } else if (protocol == Protocol::kEc2) {
    ASSIGN_OR_RETURN(response.body, Ec2Body(model, operation, output, request_id));
  } else if (protocol == Protocol::kCbor) {
    if (operation.output != nullptr) {
      ASSIGN_OR_RETURN(response.body, EncodeCbor(*operation.output, output));
    }
  } else if (operation.output != nullptr) {
    ASSIGN_OR_RETURN(response.body, EncodeJson(*operation.output, output));
  } else {
    response.body = "{}";
  }
  return response;
}

// --- errors
// ----------------------------------------------------------------------------------------

bool IsError(const Shape& shape, std::string_view code) {
  return shape.name == code || (shape.error != nullptr && shape.error->code == code);
}

const Shape* FindErrorShape(const Model* model, const Operation* operation, std::string_view code) {
  if (operation != nullptr) {
    for (const Shape* shape : operation->errors) {
      if (IsError(*shape, code)) return shape;
    }
  }
  if (model == nullptr) return nullptr;
  for (const Operation& other : model->operations) {
    for (const Shape* shape : other.errors) {
      if (IsError(*shape, code)) return shape;
    }
  }
  return nullptr;
}

struct Failure {
  const Shape* shape = nullptr;
  std::string code;  // on the wire, for XML and REST
  std::string name;  // the shape's, for JSON and CBOR
  int status = 400;
  Value members;  // of the shape; message not among them
  std::string message;
  std::string message_key = "message";
  bool sender = true;
};

Failure Describe(const Model* model, const Operation* operation, const ApiError& error) {
  Failure failure;
  failure.shape = FindErrorShape(model, operation, error.code);
  failure.code = failure.name = error.code;
  failure.status = error.http_status;
  failure.message = error.message;
  failure.members = error.members.is_members() ? error.members : Value::Struct();
  if (failure.shape != nullptr) {
    const shapes::ErrorInfo* info = failure.shape->error;
    failure.name = failure.shape->name;
    if (info != nullptr && !info->code.empty()) failure.code = info->code;
    if (info != nullptr && info->http_status != 0) failure.status = info->http_status;
    if (failure.shape->FindMember("Message") != nullptr) failure.message_key = "Message";
    for (const char* key : {"message", "Message"}) failure.members.Erase(key);
  }
  failure.sender = failure.status < 500;
  return failure;
}

// EFS and its kin put the code into the body under a name of their own.
bool HasErrorCodeMember(const Model* model) {
  if (model == nullptr) return false;
  for (const Operation& operation : model->operations) {
    for (const Shape* shape : operation.errors) return shape->FindMember("ErrorCode") != nullptr;
  }
  return false;
}

std::string XmlErrorBody(Protocol protocol, const Model* model, const Failure& failure,
                         std::string_view request_id) {
  std::string members;
  if (failure.shape != nullptr) {
    auto encoded = EncodeXmlMembers(*failure.shape, failure.members, Members::kBodyOnly);
    if (encoded.ok()) members = std::move(*encoded);
  }
  const std::string message =
      failure.message.empty() ? ""
                              : fmt::format("<Message>{}</Message>", EscapeXml(failure.message));
  const std::string code = EscapeXml(failure.code);
  if (protocol == Protocol::kEc2) {
    return fmt::format(
        "{}<Response><Errors><Error><Code>{}</Code>{}{}</Error></Errors><RequestID>{}</RequestID></"
        "Response>",
        kXmlHead, code, message, members, request_id);
  }
  return fmt::format(
      "<ErrorResponse{}><Error><Type>{}</Type><Code>{}</Code>{}{}</Error><RequestId>{}</"
      "RequestId></ErrorResponse>",
      model == nullptr ? "" : NamespaceAttribute(*model), failure.sender ? "Sender" : "Receiver",
      code, message, members, request_id);
}

// S3's errors tell the request by names of their own.
HttpResponse S3ErrorOf(const ApiError& error, std::string_view request_id) {
  HttpResponse response = S3Error(error.code, error.message, error.http_status, error.members);
  response.headers.emplace_back("x-amz-request-id", std::string(request_id));
  if (!response.body.empty())
    response.body += fmt::format("<RequestId>{}</RequestId></Error>", request_id);
  return response;
}

std::string JsonErrorBody(Protocol protocol, const Model* model, const Failure& failure) {
  Value extra = Value::Struct();
  if (protocol != Protocol::kRestJson) extra.Set("__type", Value(failure.name));
  std::string key = failure.message_key;
  if (protocol == Protocol::kRestJson && HasErrorCodeMember(model)) {
    extra.Set("ErrorCode", Value(failure.code));
    key = "Message";
  }
  if (!failure.message.empty()) extra.Set(key, Value(failure.message));
  const Members members = protocol == Protocol::kRestJson ? Members::kBodyOnly : Members::kAll;
  auto body = EncodeJsonError(failure.shape, failure.members, extra, members);
  return body.ok() ? std::move(*body) : "{}";
}

std::string CborErrorBody(const Failure& failure) {
  Value extra = Value::Struct({{"__type", Value(failure.name)}});
  if (!failure.message.empty()) extra.Set(failure.message_key, Value(failure.message));
  auto body = EncodeCborError(failure.shape, failure.members, extra);
  return body.ok() ? std::move(*body) : std::string("\xa0");
}

}  // namespace

base::Result<Value> DecodeInput(const Route& route, const Request& request) {
  CHECK(route.operation != nullptr);
  if (route.operation->input == nullptr) return Value::Struct();
  const Shape& shape = *route.operation->input;
  switch (route.protocol) {
    case Protocol::kQuery:
      return DecodeQuery(shape, route.parameters, QueryStyle::kQuery);
    case Protocol::kEc2:
      return DecodeQuery(shape, route.parameters, QueryStyle::kEc2);
    case Protocol::kJson10:
    case Protocol::kJson11:
      return DecodeJson(shape, request.body);
    case Protocol::kCbor:
      return DecodeCbor(shape, request.body);
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return DecodeRest(route, request);
  }
  return base::Invalid("unknown protocol");
}

HttpResponse EncodeOutput(Protocol protocol, const Model& model, const Operation& operation,
                          const Value& output, std::string_view request_id) {
  auto response = Answer200(protocol, model, operation, output, request_id);
  if (response.ok()) {
    if (IsS3(&model)) FinishS3(operation, output, &*response);
    return std::move(*response);
  }
  const ApiError failure{"InternalFailure",
                         fmt::format("{}: {}", operation.name, response.error().message()),
                         500,
                         {}};
  return EncodeError(protocol, &model, &operation, failure, request_id);
}

HttpResponse EncodeError(Protocol protocol, const Model* model, const Operation* operation,
                         const ApiError& error, std::string_view request_id) {
  if (IsS3(model)) return S3ErrorOf(error, request_id);
  const Failure failure = Describe(model, operation, error);
  HttpResponse response = Begin(protocol, failure.status, request_id);
  switch (protocol) {
    case Protocol::kQuery:
    case Protocol::kEc2:
    case Protocol::kRestXml:
      response.body = XmlErrorBody(protocol, model, failure, request_id);
      break;
    case Protocol::kCbor:
      response.body = CborErrorBody(failure);
      break;
    case Protocol::kJson10:
    case Protocol::kJson11:
    case Protocol::kRestJson:
      response.body = JsonErrorBody(protocol, model, failure);
      break;
  }
  const bool rest = protocol == Protocol::kRestJson || protocol == Protocol::kRestXml;
  if (rest && failure.shape != nullptr) {
    // An error's own headers; its status is settled already.
    const auto written =
        WritePlaces(*failure.shape, failure.members, failure.status, &response.headers);
    if (written.ok()) response.status = *written;
  }
  if (protocol == Protocol::kRestJson)
    response.headers.emplace_back("x-amzn-ErrorType", failure.code);
  const bool rpc =
      protocol == Protocol::kJson10 || protocol == Protocol::kJson11 || protocol == Protocol::kCbor;
  if (model != nullptr && model->query_compatible && rpc) {
    response.headers.emplace_back(
        "x-amzn-query-error",
        fmt::format("{};{}", failure.code, failure.sender ? "Sender" : "Receiver"));
  }
  return response;
}

}  // namespace leeward::lab::wire
