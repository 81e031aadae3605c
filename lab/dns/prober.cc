#include "lab/dns/prober.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace leeward::lab {
namespace {

constexpr std::size_t kMaxHead = 16384;

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

SSL_CTX* ClientContext() {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
    return made;
  }();
  return context;
}

// The status of "HTTP/1.1 200 OK", or 0.
int StatusOf(std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return 0;
  int status = 0;
  const auto [end, error] = std::from_chars(head.data() + 9, head.data() + 12, status);
  return error == std::errc() && end == head.data() + 12 && status >= 100 ? status : 0;
}

class ProbeRun : public std::enable_shared_from_this<ProbeRun> {
 public:
  ProbeRun(Reactor& reactor, ProbeSpec spec, ProbeDone done)
      : reactor_(reactor), spec_(std::move(spec)), done_(std::move(done)) {}

  void Start() {
    auto connecting = ConnectTcp(spec_.endpoint);
    if (!connecting.ok()) {
      // Later, so that `done` never runs inside StartProbe.
      reactor_.After(base::Duration{0},
                     [self = shared_from_this(), text = connecting.error().message()] {
                       self->Finish({ProbeResult::Outcome::kRefused, 0, false, text});
                     });
      return;
    }
    fd_ = *std::move(connecting);
    reactor_.Watch(fd_.get(), EPOLLOUT,
                   [self = shared_from_this()](std::uint32_t) { self->Step(); });
    Limit(spec_.connect_limit, "the connection was not established in time");
  }

 private:
  enum class Stage { kConnect, kHandshake, kSend, kReceive };
  enum class Io { kMore, kWait, kEnd, kBroken };

  void Limit(base::Duration limit, const char* what) {
    reactor_.Cancel(timer_);
    timer_ = reactor_.After(limit, [self = shared_from_this(), what] {
      self->Finish({ProbeResult::Outcome::kTimedOut, self->status_, false, what});
    });
  }

  void Step() {
    if (stage_ == Stage::kConnect && !Connected()) return;
    if (stage_ == Stage::kHandshake && !Handshaken()) return;
    if (stage_ == Stage::kSend && !Sent()) return;
    if (stage_ == Stage::kReceive) Receive();
  }

  bool Connected() {
    const int error = ConnectOutcome(fd_);
    if (error != 0) {
      Finish({ProbeResult::Outcome::kRefused, 0, false, std::strerror(error)});
      return false;
    }
    if (spec_.kind == ProbeSpec::Kind::kTcp) {
      Finish({ProbeResult::Outcome::kAnswered, 0, false, "connected"});
      return false;
    }
    out_ = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        spec_.path, spec_.host, spec_.user_agent);
    if (spec_.kind == ProbeSpec::Kind::kHttp) {
      stage_ = Stage::kSend;
      Limit(spec_.response_limit, "no response in time");
      return true;
    }
    ssl_.reset(SSL_new(ClientContext()));
    SSL_set_fd(ssl_.get(), fd_.get());
    if (spec_.server_name) {
      // What the macro SSL_set_tlsext_host_name does.
      SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               spec_.host.data());
    }
    stage_ = Stage::kHandshake;
    return true;
  }

  // Arms the descriptor for what OpenSSL wants; false when the probe is over.
  Io Want(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      reactor_.Modify(fd_.get(), error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
      return Io::kWait;
    }
    return error == SSL_ERROR_ZERO_RETURN ? Io::kEnd : Io::kBroken;
  }

  bool Handshaken() {
    const int result = SSL_connect(ssl_.get());
    if (result == 1) {
      stage_ = Stage::kSend;
      Limit(spec_.response_limit, "no response in time");
      return true;
    }
    if (Want(result) != Io::kWait) {
      Finish({ProbeResult::Outcome::kBroken, 0, false, "the TLS handshake failed"});
    }
    return false;
  }

  Io Write() {
    if (ssl_) {
      const int size = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
      if (size <= 0) return Want(size);
      out_.erase(0, static_cast<std::size_t>(size));
      return Io::kMore;
    }
    const ssize_t size = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN ? Io::kWait : Io::kBroken;
    out_.erase(0, static_cast<std::size_t>(size));
    return Io::kMore;
  }

  bool Sent() {
    while (!out_.empty()) {
      const Io io = Write();
      if (io == Io::kWait) return false;
      if (io != Io::kMore) {
        Finish({ProbeResult::Outcome::kBroken, 0, false, "the connection broke while asking"});
        return false;
      }
    }
    stage_ = Stage::kReceive;
    reactor_.Modify(fd_.get(), EPOLLIN);
    return true;
  }

  Io Read() {
    std::array<char, 4096> buffer;
    if (ssl_) {
      const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) return Want(size);
      in_.append(buffer.data(), static_cast<std::size_t>(size));
      return Io::kMore;
    }
    const ssize_t size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size == 0) return Io::kEnd;
    if (size < 0) return errno == EAGAIN ? Io::kWait : Io::kBroken;
    in_.append(buffer.data(), static_cast<std::size_t>(size));
    return Io::kMore;
  }

  void Receive() {
    for (;;) {
      const Io io = Read();
      if (Judge(io == Io::kEnd || io == Io::kBroken)) return;
      if (io == Io::kWait) return;
    }
  }

  // Finishes when what came is enough, or all there is. True when finished.
  bool Judge(bool over) {
    if (status_ == 0 && in_.find("\r\n") != std::string::npos) {
      status_ = StatusOf(in_);
      if (status_ == 0) return Finish({ProbeResult::Outcome::kBroken, 0, false, "not HTTP"});
      if (!spec_.search.empty()) Limit(spec_.response_limit, "the body did not come in time");
    }
    if (status_ != 0 && spec_.search.empty()) return Answered(false);
    const std::size_t head = in_.find("\r\n\r\n");
    if (status_ != 0 && head != std::string::npos) {
      const std::string_view body = std::string_view(in_).substr(head + 4, spec_.body_limit);
      if (body.find(spec_.search) != std::string_view::npos) return Answered(true);
      if (over || body.size() >= spec_.body_limit) return Answered(false);
    }
    if (over || (head == std::string::npos && in_.size() > kMaxHead)) {
      return Finish({ProbeResult::Outcome::kBroken, status_, false, "the connection was closed"});
    }
    return false;
  }

  bool Answered(bool found) {
    return Finish({ProbeResult::Outcome::kAnswered, status_, found,
                   fmt::format("HTTP status code {}", status_)});
  }

  bool Finish(const ProbeResult& result) {
    if (!done_) return true;
    reactor_.Cancel(timer_);
    if (fd_.valid()) reactor_.Unwatch(fd_.get());
    ssl_.reset();
    fd_.Close();
    const ProbeDone done = std::move(done_);
    done_ = nullptr;
    done(result);
    return true;
  }

  Reactor& reactor_;
  ProbeSpec spec_;
  ProbeDone done_;
  Fd fd_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  Reactor::TimerId timer_ = 0;
  Stage stage_ = Stage::kConnect;
  std::string out_;
  std::string in_;
  int status_ = 0;
};

}  // namespace

void StartProbe(Reactor& reactor, ProbeSpec spec, ProbeDone done) {
  std::make_shared<ProbeRun>(reactor, std::move(spec), std::move(done))->Start();
}

}  // namespace leeward::lab
