#include "os/http_server.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <set>
#include <utility>

namespace leeward::os {
namespace {

namespace http = boost::beast::http;
using BoostError = boost::beast::error_code;
using Parser = http::request_parser<http::string_body>;

constexpr std::size_t kReadSize = 64 << 10;

bool SameName(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

std::string Head(const ports::HttpResponse& response, std::string_view framing) {
  const boost::beast::string_view reason =
      http::obsolete_reason(static_cast<http::status>(response.status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string_view(reason.data(), reason.size()));
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  head += framing;
  head += "\r\n";
  return head;
}

class Connection;

struct Shared {
  EventLoop* loop = nullptr;
  HttpServer::Handler handler;
  HttpServerOptions options;
  std::set<std::shared_ptr<Connection>> connections;
};

class Exchange;

// Reads one request at a time; while it is being answered further bytes wait in `input_`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Shared> shared, int socket)
      : shared_(std::move(shared)),
        descriptor_(std::make_unique<Descriptor>(*shared_->loop, socket)) {}
  ~Connection() { StopTimer(); }

  void Start() {
    NewRequest();
    WaitReadable();
  }
  void Close();
  void Write(std::string_view bytes);
  void EndOfAnswer();
  std::size_t unsent() const { return output_.size(); }
  bool open() const { return descriptor_ != nullptr; }
  bool keep_alive() const { return keep_alive_; }
  const HttpServerOptions& options() const { return shared_->options; }

 private:
  void NewRequest() {
    parser_ = std::make_unique<Parser>();
    parser_->header_limit(static_cast<std::uint32_t>(shared_->options.max_head));
    parser_->body_limit(shared_->options.max_body);
    parser_->eager(true);
    continue_sent_ = false;
    StartTimer();
  }
  void StartTimer();
  void StopTimer() {
    if (timer_ != 0) shared_->loop->Cancel(timer_);
    timer_ = 0;
  }
  void WaitReadable();
  void Read();
  void Parse();
  void Refuse(int status, std::string_view why);
  void Deliver();
  void Flush();

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Descriptor> descriptor_;
  std::unique_ptr<Parser> parser_;
  std::string input_;
  std::string output_;
  std::weak_ptr<Exchange> exchange_;
  EventLoop::TimerId timer_ = 0;
  bool answering_ = false;
  bool writing_ = false;
  bool reading_ = false;
  bool keep_alive_ = true;
  bool closing_ = false;
  bool continue_sent_ = false;
};

class Exchange : public HttpExchange {
 public:
  Exchange(std::shared_ptr<Connection> connection, HttpServerRequest request)
      : connection_(std::move(connection)), request_(std::move(request)) {}
  ~Exchange() override {
    if (state_ == State::kWaiting) connection_->Close();
    if (state_ == State::kStreaming && connection_->open()) {
      connection_->Write("0\r\n\r\n");
      connection_->EndOfAnswer();
    }
  }

  const HttpServerRequest& request() const override { return request_; }
  void Reply(ports::HttpResponse response) override {
    CHECK(state_ == State::kWaiting);
    state_ = State::kDone;
    if (!connection_->open()) return;
    std::string framing = fmt::format("Content-Length: {}\r\n", response.body.size());
    if (!connection_->keep_alive()) framing += "Connection: close\r\n";
    const bool bodiless =
        request_.method == "HEAD" || response.status == 204 || response.status == 304;
    if (response.status == 204) framing = connection_->keep_alive() ? "" : "Connection: close\r\n";
    connection_->Write(Head(response, framing) + (bodiless ? std::string() : response.body));
    connection_->EndOfAnswer();
  }
  void Begin(ports::HttpResponse head) override {
    CHECK(state_ == State::kWaiting);
    state_ = State::kStreaming;
    if (connection_->open()) connection_->Write(Head(head, "Transfer-Encoding: chunked\r\n"));
  }
  bool Send(std::string_view bytes) override {
    CHECK(state_ == State::kStreaming);
    if (!connection_->open() ||
        connection_->unsent() + bytes.size() > connection_->options().max_unsent)
      return false;
    if (!bytes.empty()) connection_->Write(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
    return true;
  }
  void OnGone(std::function<void()> then) override { gone_ = std::move(then); }
  void Gone() {
    if (state_ != State::kDone && gone_) std::exchange(gone_, nullptr)();
  }

 private:
  enum class State { kWaiting, kStreaming, kDone };
  std::shared_ptr<Connection> connection_;
  HttpServerRequest request_;
  std::function<void()> gone_;
  State state_ = State::kWaiting;
};

void Connection::StartTimer() {
  StopTimer();
  timer_ = shared_->loop->After(shared_->options.idle, [self = weak_from_this()] {
    const auto connection = self.lock();
    if (connection == nullptr) return;
    connection->timer_ = 0;
    if (!connection->answering_) connection->Close();
  });
}

void Connection::Close() {
  if (descriptor_ == nullptr) return;
  const auto self = shared_from_this();
  StopTimer();
  descriptor_.reset();
  shared_->connections.erase(self);
  if (const auto exchange = exchange_.lock()) exchange->Gone();
}

void Connection::WaitReadable() {
  if (reading_ || descriptor_ == nullptr) return;
  reading_ = true;
  descriptor_->OnReadable([this, self = weak_from_this()] {
    if (const auto alive = self.lock()) {
      reading_ = false;
      Read();
    }
  });
}

void Connection::Read() {
  char buffer[kReadSize];
  const ssize_t got = recv(descriptor_->get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return WaitReadable();
  if (got <= 0) return Close();
  input_.append(buffer, static_cast<std::size_t>(got));
  if (answering_) {
    // A client that pipelines without end waits until its first request is answered.
    if (input_.size() < shared_->options.max_head) WaitReadable();
    return;
  }
  Parse();
}

void Connection::Parse() {
  while (!input_.empty() && !parser_->is_done()) {
    BoostError error;
    const std::size_t used = parser_->put(boost::asio::buffer(input_), error);
    input_.erase(0, used);
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit) return Refuse(413, "the body is too large");
    if (error == http::error::header_limit) return Refuse(431, "the headers are too large");
    if (error) return Refuse(400, "not an HTTP/1.1 request");
  }
  if (parser_->is_done()) return Deliver();
  if (parser_->is_header_done() && !continue_sent_ && parser_->get()["Expect"] == "100-continue") {
    continue_sent_ = true;
    Write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  if (open()) WaitReadable();
}

void Connection::Refuse(int status, std::string_view why) {
  keep_alive_ = false;
  answering_ = true;
  const ports::HttpResponse response{
      status, {{"Content-Type", "text/plain"}, {"Connection", "close"}}, ""};
  const std::string body = std::string(why) + "\n";
  Write(Head(response, fmt::format("Content-Length: {}\r\n", body.size())) + body);
  EndOfAnswer();
}

void Connection::Deliver() {
  const auto& message = parser_->get();
  HttpServerRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(parser_->get().body());
  keep_alive_ = parser_->keep_alive();
  answering_ = true;
  StopTimer();
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), std::move(request));
  exchange_ = exchange;
  // Reading goes on, to learn when the client goes away.
  WaitReadable();
  shared_->handler(exchange);
}

void Connection::Write(std::string_view bytes) {
  if (!open()) return;
  output_ += bytes;
  Flush();
}

void Connection::Flush() {
  const auto self = shared_from_this();
  while (!output_.empty() && !writing_) {
    const ssize_t sent = send(descriptor_->get(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return Close();
    if (sent < 0) {
      writing_ = true;
      descriptor_->OnWritable([this, weak = weak_from_this()] {
        if (const auto alive = weak.lock()) {
          writing_ = false;
          Flush();
        }
      });
      return;
    }
    output_.erase(0, static_cast<std::size_t>(sent));
  }
  if (output_.empty() && closing_) Close();
}

void Connection::EndOfAnswer() {
  if (!open()) return;
  if (!keep_alive_) {
    closing_ = true;
    return Flush();
  }
  // Not on this stack: a handler that answers at once would recurse for each pipelined request.
  shared_->loop->Post([this, self = weak_from_this()] {
    const auto alive = self.lock();
    if (alive == nullptr || !open()) return;
    answering_ = false;
    NewRequest();
    if (input_.empty()) return WaitReadable();
    Parse();
  });
}

class Server : public HttpServer {
 public:
  Server(EventLoop& loop, int listening, Handler handler, HttpServerOptions options)
      : shared_(std::make_shared<Shared>()),
        listener_(loop, listening),
        unix_(LocalAddress(listening).host.empty()) {
    shared_->loop = &loop;
    shared_->handler = std::move(handler);
    shared_->options = options;
    Wait();
  }
  ~Server() override {
    shared_->handler = nullptr;
    const auto connections = shared_->connections;
    for (const auto& connection : connections) connection->Close();
  }
  Address address() const override { return LocalAddress(listener_.get()); }

 private:
  void Wait() {
    listener_.OnReadable([this] {
      Accept();
      Wait();
    });
  }
  void Accept() {
    constexpr int kPerWake = 64;
    for (int i = 0; i < kPerWake; ++i) {
      const int socket = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      if (shared_->connections.size() >= shared_->options.max_connections) {
        close(socket);
        continue;
      }
      const int on = 1;
      if (!unix_) setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const auto connection = std::make_shared<Connection>(shared_, socket);
      shared_->connections.insert(connection);
      connection->Start();
    }
  }

  std::shared_ptr<Shared> shared_;
  Descriptor listener_;
  bool unix_;
};

}  // namespace

std::string_view HttpServerRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return value;
  }
  return {};
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::Start(EventLoop& loop, const Address& address,
                                                            Handler handler,
                                                            HttpServerOptions options) {
  ASSIGN_OR_RETURN(const int listening, Listen(address));
  return Adopt(loop, listening, std::move(handler), options);
}

std::unique_ptr<HttpServer> HttpServer::Adopt(EventLoop& loop, int listening, Handler handler,
                                              HttpServerOptions options) {
  return std::make_unique<Server>(loop, listening, std::move(handler), options);
}

}  // namespace leeward::os
