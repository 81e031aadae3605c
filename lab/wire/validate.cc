#include "lab/wire/validate.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/wire/formats.h"
#include "lab/wire/inner_path.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using shapes::Member;
using shapes::Protocol;
using shapes::Shape;
using shapes::Type;
using shapes::Value;
using Kind = Violation::Kind;

std::string LowerFirst(std::string_view name) {
  std::string text(name);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

// Characters, not bytes.
std::size_t Length(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

class Validator {
 public:
  void Structure(const Shape& shape, const Value& value, const std::string& path) {
    for (const Member& member : shape.members) {
      const std::string inner = InnerPath(path, LowerFirst(member.name));
      const Value* part = value.Find(member.name);
      if (part == nullptr) {
        // Clients fill tokens in by themselves; a missing one is made by the service.
        if (member.required && !member.idempotency_token)
          Add(Kind::kMissing, inner, "", "Member must not be null");
        continue;
      }
      Any(*member.shape, *part, inner);
    }
  }
  std::vector<Violation> Take() { return std::move(violations_); }

 private:
  void Add(Kind kind, const std::string& path, std::string value, std::string constraint) {
    if (violations_.size() >= kMaxViolations) return;
    violations_.push_back({kind, path, std::move(value), std::move(constraint)});
  }

  void Any(const Shape& shape, const Value& value, const std::string& path) {
    switch (shape.type) {
      case Type::kStructure:
        if (!shape.document) Structure(shape, value, path);
        break;
      case Type::kList:
        Size(shape, value.list().size(), "", path);
        for (std::size_t i = 0; i < value.list().size(); ++i) {
          if (!value.list()[i].is_null())
            Any(*shape.item->shape, value.list()[i], fmt::format("{}.{}.member", path, i + 1));
        }
        break;
      case Type::kMap:
        Size(shape, value.members().size(), "", path);
        for (const auto& [name, entry] : value.members()) {
          if (!entry.is_null())
            Any(*shape.value->shape, entry, fmt::format("{}.{}.member", path, name));
        }
        break;
      case Type::kString:
        Text(shape, value.str(), path);
        break;
      case Type::kBlob:
        Size(shape, value.blob().bytes.size(), "", path);
        break;
      case Type::kInteger:
      case Type::kLong:
      case Type::kFloat:
      case Type::kDouble:
        Number(shape, value.number(), path);
        break;
      case Type::kBoolean:
      case Type::kTimestamp:
        break;
    }
  }

  void Text(const Shape& shape, const std::string& text, const std::string& path) {
    const auto& values = shape.enum_values;
    if (!values.empty() && std::find(values.begin(), values.end(), text) == values.end()) {
      std::string set;
      for (const std::string_view value : values)
        set += fmt::format("{}{}", set.empty() ? "" : ", ", value);
      Add(Kind::kEnum, path, text, fmt::format("Member must satisfy enum value set: [{}]", set));
    }
    Size(shape, Length(text), text, path);
  }

  void Size(const Shape& shape, std::size_t size, const std::string& text,
            const std::string& path) {
    const auto number = static_cast<double>(size);
    if (shape.has_min && number < shape.min) {
      Add(Kind::kLength, path, text,
          fmt::format("Member must have length greater than or equal to {}", shape.min));
    }
    if (shape.has_max && number > shape.max) {
      Add(Kind::kLength, path, text,
          fmt::format("Member must have length less than or equal to {}", shape.max));
    }
  }

  void Number(const Shape& shape, double number, const std::string& path) {
    if (shape.has_min && number < shape.min) {
      Add(Kind::kRange, path, NumberToText(number),
          fmt::format("Member must have value greater than or equal to {}",
                      NumberToText(shape.min)));
    }
    if (shape.has_max && number > shape.max) {
      Add(Kind::kRange, path, NumberToText(number),
          fmt::format("Member must have value less than or equal to {}", NumberToText(shape.max)));
    }
  }

  std::vector<Violation> violations_;
};

bool NamesParameters(const shapes::Model& model, Protocol protocol) {
  return protocol == Protocol::kEc2 || model.service == "rds" || model.service == "elasticache";
}

// A path with its members as the model spells them: "DBInstanceIdentifier".
std::string AsSent(std::string_view path) {
  constexpr std::string_view kOfLists = "member";
  std::string text(path);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    if (std::string_view(text).substr(at, end - at) != kOfLists && text[at] >= 'a' &&
        text[at] <= 'z')
      text[at] = static_cast<char>(text[at] - 'a' + 'A');
    at = end + 1;
  }
  return text;
}

std::string_view CodeFor(const shapes::Model& model, Protocol protocol) {
  if (model.service == "route53") return "InvalidInput";
  if (model.service == "ecs") return "InvalidParameterException";
  if (model.service == "efs") return "BadRequest";
  if (model.service == "s3control") return "BadRequestException";
  if (model.service == "cloudwatch" || protocol == Protocol::kQuery) return "ValidationError";
  return "ValidationException";
}

constexpr std::string_view kBadXml =
    "The XML you provided was not well-formed or did not validate against our published schema";

// S3 tells what is wrong in a document from what is wrong beside it.
ApiError S3Violation(const Violation& first) {
  if (first.path == "createBucketConfiguration.locationConstraint") {
    return {"InvalidLocationConstraint", "The specified location-constraint is not valid", 400,
            shapes::Value::Struct({{"LocationConstraint", first.value}})};
  }
  const bool document = first.path.find('.') != std::string::npos || first.kind == Kind::kMissing;
  if (document) return {"MalformedXML", std::string(kBadXml), 400, {}};
  if (first.path == "storageClass") {
    return {"InvalidStorageClass", "The storage class you specified is not valid", 400, {}};
  }
  return {"InvalidArgument",
          fmt::format("Invalid value '{}' for {}. {}", first.value, first.path, first.constraint),
          400,
          {}};
}

}  // namespace

std::vector<Violation> Validate(const Shape& shape, const Value& input) {
  Validator validator;
  validator.Structure(shape, input, "");
  return validator.Take();
}

ApiError ViolationError(const shapes::Model& model, Protocol protocol,
                        const std::vector<Violation>& violations) {
  const Violation& first = violations.front();
  if (model.service == "s3") return S3Violation(first);
  if (NamesParameters(model, protocol)) {
    const std::string name = protocol == Protocol::kEc2 ? first.path : AsSent(first.path);
    if (first.kind == Kind::kMissing) {
      return {"MissingParameter",
              fmt::format("The request must contain the parameter {}", name),
              400,
              {}};
    }
    return {"InvalidParameterValue",
            fmt::format("Invalid value '{}' for {}. {}", first.value, name, first.constraint),
            400,
            {}};
  }
  std::string text = fmt::format("{} validation error{} detected: ", violations.size(),
                                 violations.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < violations.size(); ++i) {
    const Violation& each = violations[i];
    const std::string value =
        each.kind == Kind::kMissing ? "null" : fmt::format("'{}'", each.value);
    text += fmt::format("{}Value {} at '{}' failed to satisfy constraint: {}", i == 0 ? "" : "; ",
                        value, each.path, each.constraint);
  }
  return {std::string(CodeFor(model, protocol)), text, 400, {}};
}

std::optional<ApiError> RefuseUnread(const Route& route) {
  const bool ec2 = route.protocol == Protocol::kEc2;
  if (!ec2 && route.protocol != Protocol::kQuery) return std::nullopt;
  static const Shape kNoMembers{};
  const Shape* input = route.operation->input;
  const auto style = ec2 ? QueryStyle::kEc2 : QueryStyle::kQuery;
  for (const std::string& name :
       UnreadParameters(input == nullptr ? kNoMembers : *input, route.parameters, style)) {
    if (name == "Action" || name == "Version" || name.starts_with("X-Amz-")) continue;
    return ApiError{ec2 ? "UnknownParameter" : "InvalidQueryParameter",
                    fmt::format("The parameter {} is not recognized: {} does not have it", name,
                                route.operation->name),
                    400,
                    {}};
  }
  return std::nullopt;
}

ApiError UnreadableError(const shapes::Model& model, Protocol protocol, std::string_view message) {
  switch (protocol) {
    case Protocol::kQuery:
    case Protocol::kEc2: {
      const bool named = NamesParameters(model, protocol);
      return {named ? "InvalidParameterValue" : "MalformedInput", std::string(message), 400, {}};
    }
    case Protocol::kRestXml:
      return {model.service == "route53" ? "InvalidInput" : "MalformedXML",
              std::string(message),
              400,
              {}};
    case Protocol::kRestJson:
      if (model.service == "efs") return {"BadRequest", std::string(message), 400, {}};
      return {"SerializationException", std::string(message), 400, {}};
    case Protocol::kJson10:
    case Protocol::kJson11:
    case Protocol::kCbor:
      break;
  }
  return {"SerializationException", std::string(message), 400, {}};
}

}  // namespace leeward::lab::wire
