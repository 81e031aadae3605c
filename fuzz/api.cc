// A request to the daemon's API: "POST /v1/applications/shop/start", a line with what stands in
// Authorization, and the body.
#include "serve/api.h"

#include "base/check.h"
#include "fuzz/input.h"

namespace leeward::fuzz {
namespace {

constexpr const char* kToken = "0123456789abcdef";

class Shop : public serve::Backend {
 public:
  std::vector<serve::Status> All() const override {
    serve::Status status;
    status.application = model::ApplicationName("shop");
    return {status};
  }
  base::Result<serve::Status> StatusOf(const std::string& application) const override {
    if (application != "shop") return base::NotFound("no application '" + application + "'");
    return All().front();
  }
  base::Result<std::string> Plan(const std::string& application) const override {
    CHECK(application == "shop");
    return std::string("{}");
  }
  base::Status Start(const std::string& application, const serve::Order& order) override {
    CHECK(application == "shop" && order.override_fence.size() <= serve::kMaxApiBody);
    ++changes;
    return base::Ok();
  }
  base::Status Abort(const std::string& application) override {
    CHECK(application == "shop");
    ++changes;
    return base::Ok();
  }
  base::Result<decide::ApprovalRequest> Approve(const std::string& application,
                                                const serve::Approval& approval) override {
    CHECK(application == "shop" && !approval.by.empty() && !approval.reason.empty());
    ++changes;
    decide::ApprovalRequest request;
    request.given = {{approval.by, approval.reason, {}}};
    return request;
  }
  std::string Sickness() const override { return ""; }

  int changes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = View(data, size);
  std::string_view first = TakeLine(rest);
  serve::ApiRequest request;
  request.method = TakeWord(first);
  request.target = first;
  request.authorization = TakeLine(rest);
  request.body = rest;
  Shop shop;
  const ports::HttpResponse response = serve::Api(kToken, shop).Answer(request);
  CHECK(response.status >= 200 && response.status < 600);
  const bool allowed =
      request.authorization == std::string("Bearer ") + kToken && request.method == "POST";
  CHECK(shop.changes == 0 || allowed);
  return 0;
}

}  // namespace leeward::fuzz
