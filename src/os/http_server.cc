#include "os/http_server.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <set>
#include <utility>

#include "os/clock.h"
#include "os/http_message.h"

namespace leeward::os {
namespace {

constexpr std::size_t kReadSize = 64 << 10;
constexpr std::size_t kCopied = 16 << 10;  // a body up to this is sent with its head, in one piece
constexpr std::size_t kKeptRoom = 256 << 10;  // of a connection's buffers between requests
// Of answers: while a client leaves more unread, none of its further requests is taken up.
constexpr std::size_t kMaxUnread = 256 << 10;
constexpr base::Duration kAcceptAgain = std::chrono::milliseconds(100);
constexpr std::size_t kAnswerHead = 512;  // about

struct Reason {
  int status;
  std::string_view text;
};
// RFC 9110; what is not here has none.
constexpr auto kReasons = std::to_array<Reason>({{100, "Continue"},
                                                 {200, "OK"},
                                                 {201, "Created"},
                                                 {202, "Accepted"},
                                                 {204, "No Content"},
                                                 {206, "Partial Content"},
                                                 {301, "Moved Permanently"},
                                                 {302, "Found"},
                                                 {303, "See Other"},
                                                 {304, "Not Modified"},
                                                 {307, "Temporary Redirect"},
                                                 {308, "Permanent Redirect"},
                                                 {400, "Bad Request"},
                                                 {401, "Unauthorized"},
                                                 {403, "Forbidden"},
                                                 {404, "Not Found"},
                                                 {405, "Method Not Allowed"},
                                                 {408, "Request Timeout"},
                                                 {409, "Conflict"},
                                                 {410, "Gone"},
                                                 {411, "Length Required"},
                                                 {412, "Precondition Failed"},
                                                 {413, "Payload Too Large"},
                                                 {415, "Unsupported Media Type"},
                                                 {416, "Range Not Satisfiable"},
                                                 {421, "Misdirected Request"},
                                                 {422, "Unprocessable Entity"},
                                                 {429, "Too Many Requests"},
                                                 {431, "Request Header Fields Too Large"},
                                                 {500, "Internal Server Error"},
                                                 {501, "Not Implemented"},
                                                 {502, "Bad Gateway"},
                                                 {503, "Service Unavailable"},
                                                 {504, "Gateway Timeout"}});

std::string_view ReasonOf(int status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.text;
  }
  return "<unknown-status>";
}

void AppendHead(const ports::HttpResponse& response, std::string* text) {
  text->append("HTTP/1.1 ").append(fmt::format_int(response.status).c_str()).append(" ");
  text->append(ReasonOf(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers)
    text->append(name).append(": ").append(value).append("\r\n");
}

class Connection;

struct Shared {
  EventLoop* loop = nullptr;
  HttpServer::Handler handler;
  HttpServerOptions options;
  SystemClock clock;
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
    since_ = shared_->clock.Monotonic();
    StartTimer(shared_->options.idle);
    WaitReadable();
  }
  void Close();
  // Sends the head, which it takes, and the body.
  void Write(std::string&& head, std::string_view body);
  void Write(std::string_view bytes) { Write(std::string(bytes), {}); }
  void EndOfAnswer();
  std::size_t unsent() const { return output_.size() - sent_; }
  bool open() const { return descriptor_ != nullptr; }
  bool keep_alive() const { return keep_alive_; }
  const HttpServerOptions& options() const { return shared_->options; }

 private:
  // How far the request at hand has come.
  enum class Part { kHead, kBody };

  void StartTimer(base::Duration wait);
  void StopTimer() {
    if (timer_ != 0) shared_->loop->Cancel(timer_);
    timer_ = 0;
  }
  void TimerDue();
  void WaitReadable();
  void Read();
  void Parse();
  void DropUsed();
  ReadState ParseHead();
  ReadState ParseBody();
  ReadState Bad(int status, std::string_view why) {
    Refuse(status, why);
    return ReadState::kBad;
  }
  void SendContinue();
  void Refuse(int status, std::string_view why);
  void Deliver();
  void NextRequest();
  void Flush();
  bool choked() const { return unsent() > kMaxUnread; }
  std::string_view rest() const { return std::string_view(input_).substr(used_); }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Descriptor> descriptor_;
  std::string input_;
  std::size_t used_ = 0;      // of input_
  std::size_t searched_ = 0;  // of the rest: does not hold the end of a head
  std::string output_;
  std::size_t sent_ = 0;  // of output_
  Part part_ = Part::kHead;
  HttpHead head_;  // views that are good inside ParseHead only
  HttpFraming framing_;
  ChunkReader chunks_;
  HttpServerRequest request_;
  bool expects_continue_ = false;
  std::weak_ptr<Exchange> exchange_;
  EventLoop::TimerId timer_ = 0;
  base::MonotonicTime since_;  // when it last became this request's turn
  bool answering_ = false;
  bool delivering_ = false;  // inside the handler
  bool writing_ = false;
  bool reading_ = false;
  bool keep_alive_ = true;
  bool closing_ = false;
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
    const bool bodiless =
        request_.method == "HEAD" || response.status == 204 || response.status == 304;
    const std::string_view body = bodiless ? std::string_view() : std::string_view(response.body);
    std::string head;
    head.reserve(kAnswerHead + (body.size() > kCopied ? 0 : body.size()));
    AppendHead(response, &head);
    // Of what HEAD asks about, whose bytes nobody has to have at hand.
    const bool stated = bodiless && !response.Header("Content-Length").empty();
    if (response.status != 204 && !stated)
      head.append("Content-Length: ")
          .append(fmt::format_int(response.body.size()).c_str())
          .append("\r\n");
    head.append(connection_->keep_alive() ? "\r\n" : "Connection: close\r\n\r\n");
    connection_->Write(std::move(head), body);
    connection_->EndOfAnswer();
  }
  void Begin(ports::HttpResponse head) override {
    CHECK(state_ == State::kWaiting);
    state_ = State::kStreaming;
    if (!connection_->open()) return;
    std::string text;
    AppendHead(head, &text);
    connection_->Write(text + "Transfer-Encoding: chunked\r\n\r\n");
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

// One timer for the connection's life: requests only note when they began.
void Connection::StartTimer(base::Duration wait) {
  timer_ = shared_->loop->After(wait, [self = weak_from_this()] {
    if (const auto connection = self.lock()) connection->TimerDue();
  });
}

void Connection::TimerDue() {
  timer_ = 0;
  const base::MonotonicTime now = shared_->clock.Monotonic();
  const base::Duration idle = shared_->options.idle;
  if (answering_) return StartTimer(idle);
  if (now - since_ >= idle) return Close();
  StartTimer(since_ + idle - now);
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
  // The callback goes with the descriptor, and that with this.
  descriptor_->OnReadable([this] {
    reading_ = false;
    Read();
  });
}

void Connection::Read() {
  const auto self = shared_from_this();
  char buffer[kReadSize];
  const ssize_t got = recv(descriptor_->get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return WaitReadable();
  if (got <= 0) return Close();
  input_.append(buffer, static_cast<std::size_t>(got));
  if (answering_) {
    // A client that pipelines without end waits until its first request is answered.
    if (input_.size() - used_ < shared_->options.max_head) WaitReadable();
    return;
  }
  Parse();
}

// One request after the other, as long as they are here whole and answered at once.
void Connection::Parse() {
  while (open() && !answering_ && !choked() && used_ < input_.size()) {
    ReadState state = part_ == Part::kHead ? ParseHead() : ReadState::kWhole;
    if (state == ReadState::kWhole) state = ParseBody();
    if (state == ReadState::kBad) return;
    if (state == ReadState::kPartial) break;
    Deliver();
  }
  DropUsed();
  if (!choked()) WaitReadable();
}

// A client that pipelines may never end together with a request. Half at a time, so that what is
// still to be read is moved seldom.
void Connection::DropUsed() {
  if (used_ * 2 < input_.size()) return;
  input_.erase(0, used_);
  used_ = 0;
  if (input_.empty() && input_.capacity() > kKeptRoom) input_.shrink_to_fit();
}

ReadState Connection::ParseHead() {
  // An empty line before a request is none.
  while (rest().starts_with("\r\n")) used_ += 2;
  const ReadState state = ReadRequestHead(rest(), searched_, &head_);
  searched_ = state == ReadState::kPartial ? rest().size() : 0;
  const std::size_t size = state == ReadState::kPartial ? rest().size() : head_.size;
  if (size > shared_->options.max_head && state != ReadState::kBad)
    return Bad(431, "the headers are too large");
  if (state == ReadState::kBad) return Bad(400, "not an HTTP/1.1 request");
  if (state == ReadState::kPartial) return state;
  const auto framing = FramingOfRequest(head_);
  if (!framing) return Bad(400, "not an HTTP/1.1 request");
  framing_ = *framing;
  if (framing_.body == HttpFraming::Body::kLength && framing_.length > shared_->options.max_body)
    return Bad(413, "the body is too large");
  request_.method = head_.first;
  request_.target = head_.second;
  request_.headers.clear();
  request_.headers.reserve(head_.fields.size());
  for (const auto& [name, value] : head_.fields) request_.headers.emplace_back(name, value);
  request_.body.clear();
  keep_alive_ = framing_.keep_alive;
  expects_continue_ = SameFieldName(request_.Header("Expect"), "100-continue");
  chunks_ = ChunkReader();
  used_ += head_.size;
  part_ = Part::kBody;
  return ReadState::kWhole;
}

ReadState Connection::ParseBody() {
  ReadState state = ReadState::kPartial;
  if (framing_.body == HttpFraming::Body::kLength) {
    const auto length = static_cast<std::size_t>(framing_.length);
    if (rest().size() >= length) {
      request_.body.assign(rest().substr(0, length));
      used_ += length;
      state = ReadState::kWhole;
    }
  } else {
    std::size_t used = 0;
    state = chunks_.Read(rest(), &request_.body, &used);
    input_.erase(0, used_ + used);
    used_ = 0;
    if (state == ReadState::kBad) return Bad(400, "not an HTTP/1.1 request");
    if (request_.body.size() > shared_->options.max_body) return Bad(413, "the body is too large");
  }
  if (state == ReadState::kPartial) SendContinue();
  return state;
}

void Connection::SendContinue() {
  if (std::exchange(expects_continue_, false)) Write("HTTP/1.1 100 Continue\r\n\r\n");
}

void Connection::Refuse(int status, std::string_view why) {
  keep_alive_ = false;
  answering_ = true;
  ports::HttpResponse response{
      status, {{"Content-Type", "text/plain"}, {"Connection", "close"}}, ""};
  std::string text;
  AppendHead(response, &text);
  Write(text + fmt::format("Content-Length: {}\r\n\r\n{}\n", why.size() + 1, why));
  EndOfAnswer();
}

void Connection::Deliver() {
  answering_ = true;
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), std::move(request_));
  exchange_ = exchange;
  // Reading goes on, to learn when the client goes away.
  WaitReadable();
  delivering_ = true;
  shared_->handler(exchange);
  delivering_ = false;
}

// The head and a small body in one piece; a large body from where it is, and only its rest is kept.
void Connection::Write(std::string&& head, std::string_view body) {
  if (!open()) return;
  if (body.size() <= kCopied) {
    head.append(body);
    body = {};
  }
  if (!output_.empty()) {
    output_.append(head).append(body);
    return Flush();
  }
  std::size_t sent = 0;
  if (!body.empty()) {
    std::array<iovec, 2> parts{iovec{head.data(), head.size()},
                               iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    sent = static_cast<std::size_t>(
        std::max<ssize_t>(0, sendmsg(descriptor_->get(), &message, MSG_NOSIGNAL)));
  }
  const std::size_t of_head = std::min(sent, head.size());
  output_ = std::move(head);
  output_.append(body.substr(sent - of_head));
  sent_ = of_head;
  Flush();
}

void Connection::Flush() {
  const auto self = shared_from_this();
  while (sent_ < output_.size() && !writing_) {
    const ssize_t sent = send(descriptor_->get(), output_.data() + sent_, unsent(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return Close();
    if (sent < 0) {
      writing_ = true;
      return descriptor_->OnWritable([this] {
        const auto alive = shared_from_this();
        const bool was_choked = choked();
        writing_ = false;
        Flush();
        if (was_choked && !choked() && open() && !answering_) Parse();
      });
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  if (sent_ < output_.size()) return;
  output_.clear();
  sent_ = 0;
  if (output_.capacity() > kKeptRoom) output_.shrink_to_fit();
  if (closing_) Close();
}

void Connection::EndOfAnswer() {
  if (!open()) return;
  if (!keep_alive_) {
    closing_ = true;
    return Flush();
  }
  if (delivering_ || used_ == input_.size()) return NextRequest();
  // Not on this stack: its owner is not prepared for the next request.
  shared_->loop->Post([this, self = weak_from_this()] {
    const auto alive = self.lock();
    if (alive == nullptr || !open()) return;
    NextRequest();
    Parse();
  });
}

void Connection::NextRequest() {
  answering_ = false;
  part_ = Part::kHead;
  searched_ = 0;
  since_ = shared_->clock.Monotonic();
  if (used_ == input_.size()) {
    input_.clear();
    used_ = 0;
  }
  WaitReadable();
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
    if (again_ != 0) shared_->loop->Cancel(again_);
    shared_->handler = nullptr;
    const auto connections = shared_->connections;
    for (const auto& connection : connections) connection->Close();
  }
  Address address() const override { return LocalAddress(listener_.get()); }

 private:
  void Wait() {
    listener_.OnReadable([this] {
      if (Accept()) return Wait();
      // The connection that could not be accepted is still there to be told of, at once.
      again_ = shared_->loop->After(kAcceptAgain, [this] {
        again_ = 0;
        Wait();
      });
    });
  }
  // False when there is no room for another descriptor now.
  bool Accept() {
    constexpr int kPerWake = 64;
    for (int i = 0; i < kPerWake; ++i) {
      const int socket = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
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
    return true;
  }

  std::shared_ptr<Shared> shared_;
  Descriptor listener_;
  bool unix_;
  EventLoop::TimerId again_ = 0;
};

}  // namespace

std::string_view HttpServerRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameFieldName(key, name)) return value;
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
