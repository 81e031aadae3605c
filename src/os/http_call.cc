#include "os/http_call.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

namespace leeward::os {
namespace {

namespace http = boost::beast::http;
using BoostError = boost::beast::error_code;

constexpr std::size_t kReadSize = 64 << 10;
constexpr std::uint32_t kMaxHead = 64 << 10;

std::string Serialise(const ports::HttpRequest& request) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.url);
  for (const auto& [name, value] : request.headers) {
    const boost::beast::string_view key(name.data(), name.size());
    if (boost::beast::iequals(key, "Content-Length") ||
        boost::beast::iequals(key, "Transfer-Encoding") ||
        boost::beast::iequals(key, "Connection") || boost::beast::iequals(key, "Expect")) {
      continue;
    }
    text += fmt::format("{}: {}\r\n", name, value);
  }
  text += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n", request.body.size());
  return text + request.body;
}

class Call : public HttpCall {
 public:
  Call(EventLoop& loop, const HttpCallOptions& options, const ports::HttpRequest& request,
       Done done)
      : loop_(loop), options_(options), output_(Serialise(request)), done_(std::move(done)) {
    parser_.header_limit(kMaxHead);
    parser_.body_limit(options.max_body);
    parser_.eager(true);
    if (request.method == "HEAD") parser_.skip(true);
    timer_ = loop_.After(options.deadline, [this] {
      timer_ = 0;
      Finish(base::Unreachable(fmt::format("{} did not answer within {}", options_.to.ToString(),
                                           base::HumanDuration(options_.deadline))));
    });
    Connect();
  }
  ~Call() override {
    if (timer_ != 0) loop_.Cancel(timer_);
  }

 private:
  void Connect() {
    auto socket = StartConnect(options_.to, options_.source);
    if (!socket.ok()) {
      // Not inside Start: the caller does not hold the call yet.
      later_ = loop_.After(base::Duration{0},
                           [this, alive = std::weak_ptr<int>(alive_), error = socket.error()] {
                             if (!alive.expired()) Finish(error);
                           });
      return;
    }
    descriptor_ = std::make_unique<Descriptor>(loop_, *socket);
    descriptor_->OnWritable([this] {
      const base::Status outcome = ConnectOutcome(descriptor_->get(), options_.to);
      if (!outcome.ok()) return Finish(outcome.error());
      Write();
    });
  }
  void Write() {
    while (!output_.empty()) {
      const ssize_t sent = send(descriptor_->get(), output_.data(), output_.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return descriptor_->OnWritable([this] { Write(); });
      if (sent < 0) return Finish(Broken(strerror(errno)));
      output_.erase(0, static_cast<std::size_t>(sent));
    }
    descriptor_->OnReadable([this] { Read(); });
  }
  void Read() {
    char buffer[kReadSize];
    const ssize_t got = recv(descriptor_->get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return descriptor_->OnReadable([this] { Read(); });
    if (got < 0) return Finish(Broken(strerror(errno)));
    BoostError error;
    if (got == 0) {
      parser_.put_eof(error);
      if (error || !parser_.is_done())
        return Finish(Broken("closed before the answer was complete"));
      return FinishParsed();
    }
    input_.append(buffer, static_cast<std::size_t>(got));
    while (!input_.empty() && !parser_.is_done()) {
      const std::size_t used = parser_.put(boost::asio::buffer(input_), error);
      input_.erase(0, used);
      if (error == http::error::need_more) break;
      if (error) return Finish(Broken(error.message()));
    }
    if (parser_.is_done()) return FinishParsed();
    descriptor_->OnReadable([this] { Read(); });
  }
  base::Error Broken(std::string_view why) const {
    return base::Unreachable(
        fmt::format("the connection to {} broke: {}", options_.to.ToString(), why));
  }
  void FinishParsed() {
    auto& message = parser_.get();
    ports::HttpResponse response;
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
      response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    Finish(std::move(response));
  }
  void Finish(base::Result<ports::HttpResponse> result) {
    if (timer_ != 0) loop_.Cancel(timer_);
    timer_ = 0;
    descriptor_.reset();
    // Moved out first: the callback may drop this object.
    if (done_) std::exchange(done_, nullptr)(std::move(result));
  }

  EventLoop& loop_;
  HttpCallOptions options_;
  std::string output_;
  std::string input_;
  Done done_;
  std::unique_ptr<Descriptor> descriptor_;
  http::response_parser<http::string_body> parser_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  EventLoop::TimerId timer_ = 0;
  EventLoop::TimerId later_ = 0;
};

}  // namespace

std::unique_ptr<HttpCall> HttpCall::Start(EventLoop& loop, const HttpCallOptions& options,
                                          const ports::HttpRequest& request, Done done) {
  return std::make_unique<Call>(loop, options, request, std::move(done));
}

}  // namespace leeward::os
