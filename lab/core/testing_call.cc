// Apart from testing.cc, so that tests that call no operation need no service models.
#include <memory>

#include "base/check.h"
#include "lab/core/testing.h"

namespace leeward::lab {
namespace {

constexpr base::Duration kAnswerLimit = std::chrono::seconds(30);

}  // namespace

Answer FakeHost::CallOperation(Service& service, std::string_view operation, shapes::Value input) {
  Call call;
  call.model = shapes::FindModel(service.name());
  if (call.model != nullptr) call.operation = call.model->FindOperation(operation);
  CHECK_MSG(call.operation != nullptr, std::string(operation).c_str());
  call.input = input.is_null() ? shapes::Value::Struct() : std::move(input);
  call.region = region();
  call.request_id = random_.Hex(32);
  const auto caller = std::get<Identity>(credentials_.Find("test", "", clock().Now()));
  call.caller_arn = caller.arn;
  call.caller_id = caller.user_id;
  std::shared_ptr<Answer> answer;
  service.Handle(call, [&](Answer given) { answer = std::make_shared<Answer>(std::move(given)); });
  CHECK_MSG(PumpUntil([&] { return answer != nullptr; }, kAnswerLimit),
            std::string(operation).c_str());
  return std::move(*answer);
}

}  // namespace leeward::lab
