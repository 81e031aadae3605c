// An answer of AWS, or of a proxy before it, as the client reads it in each protocol.
//
// "rds DescribeDBInstances 200", then "Name: value" lines, an empty line, and the body.
#include <charconv>

#include "aws/wire.h"
#include "base/check.h"
#include "fuzz/input.h"
#include "shapes/model.h"

namespace leeward::fuzz {
namespace {

const shapes::Model& ModelOf(std::string_view service) {
  const auto models = shapes::AllModels();
  return *Pick(models, service, [](const shapes::Model* model) { return model->service; });
}

const shapes::Operation& OperationOf(const shapes::Model& model, std::string_view name) {
  return Pick(model.operations, name, [](const shapes::Operation& each) { return each.name; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  std::string_view first = TakeLine(rest);
  const shapes::Model& model = ModelOf(TakeWord(first));
  if (model.operations.empty()) return 0;
  const shapes::Operation& operation = OperationOf(model, TakeWord(first));
  ports::HttpResponse response;
  std::from_chars(first.data(), first.data() + first.size(), response.status);
  response.headers = TakeHeaders<ports::Headers>(rest);
  response.body = rest;
  if (response.status < 300) {
    const auto value = aws::DecodeResponse(model, operation, response);
    CHECK(value.ok() || !value.error().message().empty());
    if (value.ok()) (void)shapes::ToJson(*value);
  } else {
    const aws::ServiceError error = aws::DecodeError(model, operation, response);
    CHECK(error.status == response.status);
    (void)shapes::ToJson(error.members);
  }
  return 0;
}

}  // namespace leeward::fuzz
