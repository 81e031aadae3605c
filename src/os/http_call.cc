#include "os/http_call.h"

#include "os/http_pool.h"

namespace leeward::os {
namespace {

// A pool of its own, which keeps nothing.
class LoneCall : public HttpCall {
 public:
  LoneCall(EventLoop& loop, const HttpCallOptions& options, const ports::HttpRequest& request,
           Done done)
      : pool_(loop, {.max_idle = 0}),
        call_(pool_.Start(options, {request.method, request.url, request.headers, request.body},
                          std::move(done))) {}

 private:
  HttpPool pool_;
  std::unique_ptr<HttpCall> call_;
};

}  // namespace

std::unique_ptr<HttpCall> HttpCall::Start(EventLoop& loop, const HttpCallOptions& options,
                                          const ports::HttpRequest& request, Done done) {
  return std::make_unique<LoneCall>(loop, options, request, std::move(done));
}

}  // namespace leeward::os
