#include "lab/services/elbv2_proxy.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <map>
#include <unordered_map>

#include "lab/services/elbv2_http.h"

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kConnectLimit = 10s;  // ALB's own
constexpr base::Duration kIdleLimit = 60s;     // ALB's default
constexpr std::size_t kHighWater = 262'144;    // unsent bytes after which no more are read
constexpr std::size_t kMaxIdlePerTarget = 64;
constexpr std::size_t kReadSize = 65'536;

enum class After : std::uint8_t { kKeepAlive, kClose };

std::string ErrorPage(int status, std::string_view reason, After after) {
  const std::string body = fmt::format(
      "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} "
      "{1}</h1></center>\r\n"
      "</body>\r\n</html>\r\n",
      status, reason);
  return fmt::format(
      "HTTP/1.1 {} {}\r\nServer: awselb/2.0\r\nContent-Type: text/html\r\nContent-Length: {}\r\n"
      "Connection: {}\r\n\r\n{}",
      status, reason, body.size(), after == After::kClose ? "close" : "keep-alive", body);
}

// What a read or write did.
enum class Io : std::uint8_t { kMore, kWait, kEnd };

Io ReadInto(const Fd& fd, std::string& buffer) {
  std::array<char, kReadSize> bytes;
  const ssize_t size = recv(fd.get(), bytes.data(), bytes.size(), 0);
  if (size > 0) {
    buffer.append(bytes.data(), static_cast<std::size_t>(size));
    return Io::kMore;
  }
  return size < 0 && errno == EAGAIN ? Io::kWait : Io::kEnd;
}

Io WriteFrom(const Fd& fd, std::string& buffer) {
  while (!buffer.empty()) {
    const ssize_t size = send(fd.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN ? Io::kWait : Io::kEnd;
    buffer.erase(0, static_cast<std::size_t>(size));
  }
  return Io::kMore;
}

// An idle connection that the target closed, or talks on unasked, is of no use.
bool IsUsable(const Fd& fd) {
  char byte = 0;
  return recv(fd.get(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

std::string Key(const Endpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.address, endpoint.port);
}

struct Group {
  std::vector<ProxyTarget> targets;
  std::size_t next = 0;
  std::map<std::string, std::deque<Fd>> idle;

  // Round robin over the healthy; over all when none is; nullptr when there is none.
  const ProxyTarget* Pick() {
    const bool any = std::ranges::any_of(targets, &ProxyTarget::healthy);
    for (std::size_t tried = 0; tried < targets.size(); ++tried) {
      const ProxyTarget& target = targets[next++ % targets.size()];
      if (target.healthy || !any) return &target;
    }
    return nullptr;
  }
};

struct Listener {
  Fd fd;
  std::string group;
};

}  // namespace

class ProxySession;

struct Proxy::State : std::enable_shared_from_this<Proxy::State> {
  explicit State(Reactor& r) : reactor(r) {}
  Reactor& reactor;
  std::map<std::string, Listener> listeners;
  std::map<std::string, Group> groups;
  std::unordered_map<const ProxySession*, std::shared_ptr<ProxySession>> sessions;

  void AcceptOn(const std::string& listener);
};

// One client connection, and the target connection of the request it has in hand.
class ProxySession : public std::enable_shared_from_this<ProxySession> {
 public:
  ProxySession(Proxy::State& state, Fd client, std::string listener)
      : state_(state), listener_(std::move(listener)), client_(std::move(client)) {}

  void Start() {
    state_.reactor.Watch(client_.get(), EPOLLIN, [self = shared_from_this()](std::uint32_t events) {
      self->OnClient(events);
    });
    client_interest_ = EPOLLIN;
    Limit(kIdleLimit);
  }

  void Close() {
    if (!client_.valid()) return;
    state_.reactor.Cancel(timer_);
    DropTarget();
    state_.reactor.Unwatch(client_.get());
    client_.Close();
    state_.sessions.erase(this);
  }

 private:
  enum class Stage : std::uint8_t { kIdle, kConnecting, kExchange };

  // Of the listener as it is now; an empty one when it was deleted.
  Group& GroupNow() {
    const auto listener = state_.listeners.find(listener_);
    return state_.groups[listener == state_.listeners.end() ? "" : listener->second.group];
  }

  void Limit(base::Duration limit) {
    state_.reactor.Cancel(timer_);
    timer_ = state_.reactor.After(limit, [self = shared_from_this()] { self->OnLimit(); });
  }

  void OnLimit() {
    if (stage_ == Stage::kIdle || answered_) return Close();
    Fail(504, "Gateway Time-out");
  }

  void OnClient(std::uint32_t events) {
    const auto keep = shared_from_this();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
        ReadInto(client_, client_in_) == Io::kEnd)
      return Close();
    Pump();
  }

  void OnTarget(std::uint32_t events) {
    const auto keep = shared_from_this();
    if (stage_ == Stage::kConnecting) {
      if (ConnectOutcome(target_) != 0) return Fail(502, "Bad Gateway");
      stage_ = Stage::kExchange;
      Limit(kIdleLimit);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      const Io io = ReadInto(target_, target_in_);
      target_ended_ = io == Io::kEnd;
      if (io == Io::kMore) Limit(kIdleLimit);
    }
    Pump();
  }

  // Moves everything that can move, until nothing does.
  void Pump() {
    for (bool again = true; again && client_.valid();) {
      again = false;
      if (stage_ == Stage::kIdle) again = TakeRequest();
      if (!client_.valid()) return;
      if (stage_ == Stage::kExchange) again = Exchange() || again;
    }
    if (client_.valid()) Flush();
  }

  // A whole request head: chooses the target and starts to send. True when there was one.
  bool TakeRequest() {
    if (client_in_.empty() || closing_) return false;
    const HeadState state = ParseRequestHead(client_in_, request_);
    if (state == HeadState::kPartial) return false;
    if (state == HeadState::kBad) {
      closing_ = true;
      Answer(400, "Bad Request");
      return false;
    }
    client_in_.erase(0, request_.size);
    request_body_ = BodyTracker(request_.framing, request_.length);
    answered_ = false;
    target_ended_ = false;
    response_whole_ = false;
    Group& group = GroupNow();
    const ProxyTarget* target = group.Pick();
    if (target == nullptr) {
      Refuse(503, "Service Temporarily Unavailable");
      return true;
    }
    endpoint_ = target->endpoint;
    return Connect(group);
  }

  bool Connect(Group& group) {
    target_out_ = RewriteHead(request_, {"X-Forwarded-Proto: http", "Connection: keep-alive"});
    std::deque<Fd>& idle = group.idle[Key(endpoint_)];
    while (!idle.empty()) {
      target_ = std::move(idle.back());
      idle.pop_back();
      if (IsUsable(target_)) {
        stage_ = Stage::kExchange;
        WatchTarget();
        Limit(kIdleLimit);
        return true;
      }
    }
    auto connecting = ConnectTcp(endpoint_);
    if (!connecting.ok()) {
      Refuse(502, "Bad Gateway");
      return true;
    }
    target_ = *std::move(connecting);
    stage_ = Stage::kConnecting;
    WatchTarget();
    Limit(kConnectLimit);
    return false;
  }

  void WatchTarget() {
    target_interest_ = EPOLLIN | EPOLLOUT;
    state_.reactor.Watch(
        target_.get(), target_interest_,
        [self = shared_from_this()](std::uint32_t events) { self->OnTarget(events); });
  }

  // Request body one way, response the other. True when the exchange ended and the next may start.
  bool Exchange() {
    if (!request_body_.done() && target_out_.size() < kHighWater) {
      const auto taken = request_body_.Take(client_in_);
      if (!taken) {
        Fail(400, "Bad Request");
        return false;
      }
      target_out_.append(client_in_, 0, *taken);
      client_in_.erase(0, *taken);
    }
    if (WriteFrom(target_, target_out_) == Io::kEnd) target_ended_ = true;
    if (!answered_ && !TakeResponseHead()) return false;
    if (!TakeResponseBody()) return false;
    return response_whole_ && Finish();
  }

  // False while the head is not there, or when there will be none.
  bool TakeResponseHead() {
    const Asked asked = request_.first == "HEAD" ? Asked::kHead : Asked::kOther;
    for (;;) {
      const HeadState state = ParseResponseHead(target_in_, asked, response_);
      if (state == HeadState::kBad || (state == HeadState::kPartial && target_ended_)) {
        Fail(502, "Bad Gateway");
        return false;
      }
      if (state == HeadState::kPartial) return false;
      target_in_.erase(0, response_.size);
      if (response_.status() >= 200) break;
      client_out_ += RewriteHead(response_, {});  // 100 Continue and its like
    }
    closing_ = closing_ || !request_.keep_alive || response_.framing == Framing::kUntilClose;
    client_out_ +=
        RewriteHead(response_, {closing_ ? "Connection: close" : "Connection: keep-alive"});
    response_body_ = BodyTracker(response_.framing, response_.length);
    answered_ = true;
    return true;
  }

  bool TakeResponseBody() {
    const auto taken = response_body_.Take(target_in_);
    if (!taken) {
      Close();
      return false;
    }
    client_out_.append(target_in_, 0, *taken);
    target_in_.erase(0, *taken);
    response_whole_ =
        response_body_.done() || (target_ended_ && response_.framing == Framing::kUntilClose);
    if (!response_whole_ && target_ended_) {
      // The client must not take half a body for a whole one.
      WriteFrom(client_, client_out_);
      Close();
      return false;
    }
    return true;
  }

  bool Finish() {
    if (!request_body_.done())
      closing_ = true;  // answered early: what is left of the body is not read
    const bool reusable = response_.keep_alive && request_body_.done() && !target_ended_ &&
                          target_in_.empty() && response_.framing != Framing::kUntilClose;
    if (reusable) {
      state_.reactor.Unwatch(target_.get());
      std::deque<Fd>& idle = GroupNow().idle[Key(endpoint_)];
      if (idle.size() < kMaxIdlePerTarget) idle.push_back(std::move(target_));
    }
    DropTarget();
    stage_ = Stage::kIdle;
    Limit(kIdleLimit);
    return !closing_;
  }

  void DropTarget() {
    if (target_.valid()) state_.reactor.Unwatch(target_.get());
    target_.Close();
    target_in_.clear();
    target_out_.clear();
  }

  void Answer(int status, std::string_view reason) {
    client_out_ += ErrorPage(status, reason, closing_ ? After::kClose : After::kKeepAlive);
  }

  // An answer of our own before any target was asked. The body of the request, if any, is not
  // waited for.
  void Refuse(int status, std::string_view reason) {
    const auto taken = request_body_.Take(client_in_);
    client_in_.erase(0, taken.value_or(0));
    if (!request_body_.done() || !request_.keep_alive) closing_ = true;
    Answer(status, reason);
    answered_ = true;
    stage_ = Stage::kIdle;
  }

  // The exchange with the target broke.
  void Fail(int status, std::string_view reason) {
    if (answered_) return Close();
    DropTarget();
    Refuse(status, reason);
    Limit(kIdleLimit);
    Pump();
  }

  void Flush() {
    if (WriteFrom(client_, client_out_) == Io::kEnd) return Close();
    if (closing_ && client_out_.empty() && stage_ == Stage::kIdle) return Close();
    const std::uint32_t client = (client_in_.size() < kHighWater ? std::uint32_t{EPOLLIN} : 0U) |
                                 (client_out_.empty() ? 0U : std::uint32_t{EPOLLOUT});
    if (client != client_interest_) state_.reactor.Modify(client_.get(), client);
    client_interest_ = client;
    if (!target_.valid()) return;
    const bool sends = stage_ == Stage::kConnecting || !target_out_.empty();
    const std::uint32_t target = (client_out_.size() < kHighWater ? std::uint32_t{EPOLLIN} : 0U) |
                                 (sends ? std::uint32_t{EPOLLOUT} : 0U);
    if (target != target_interest_) state_.reactor.Modify(target_.get(), target);
    target_interest_ = target;
  }

  Proxy::State& state_;
  const std::string listener_;
  Fd client_;
  Fd target_;
  Endpoint endpoint_;
  std::string client_in_, client_out_, target_in_, target_out_;
  std::uint32_t client_interest_ = 0;
  std::uint32_t target_interest_ = 0;
  HttpHead request_;
  HttpHead response_;
  BodyTracker request_body_;
  BodyTracker response_body_;
  Stage stage_ = Stage::kIdle;
  bool answered_ = false;  // the response's head is on its way
  bool response_whole_ = false;
  bool target_ended_ = false;
  bool closing_ = false;  // once all is sent
  Reactor::TimerId timer_ = 0;
};

void Proxy::State::AcceptOn(const std::string& listener) {
  for (;;) {
    Fd accepted = Accept(listeners.at(listener).fd);
    if (!accepted.valid()) return;
    auto session = std::make_shared<ProxySession>(*this, std::move(accepted), listener);
    sessions[session.get()] = session;
    session->Start();
  }
}

Proxy::Proxy(Reactor& reactor) : state_(std::make_shared<State>(reactor)) {}

Proxy::~Proxy() {
  state_->reactor.Run([this] {
    while (!state_->sessions.empty()) {
      const auto session = state_->sessions.begin()->second;
      session->Close();
    }
    for (auto& [name, listener] : state_->listeners) state_->reactor.Unwatch(listener.fd.get());
    state_->listeners.clear();
    state_->groups.clear();
  });
}

base::Status Proxy::Listen(const std::string& listener, const std::filesystem::path& socket,
                           const std::string& group) {
  auto fd = ListenUnix(socket);
  if (!fd.ok()) return std::move(fd).error();
  state_->reactor.Run([&] {
    const int number = fd->get();
    state_->listeners[listener] = Listener{*std::move(fd), group};
    state_->reactor.Watch(number, EPOLLIN, [state = state_.get(), listener](std::uint32_t) {
      state->AcceptOn(listener);
    });
  });
  return base::Ok();
}

void Proxy::Forward(const std::string& listener, const std::string& group) {
  state_->reactor.Run([&] { state_->listeners.at(listener).group = group; });
}

void Proxy::Close(const std::string& listener) {
  state_->reactor.Run([&] {
    const auto found = state_->listeners.find(listener);
    if (found == state_->listeners.end()) return;
    state_->reactor.Unwatch(found->second.fd.get());
    state_->listeners.erase(found);
  });
}

void Proxy::SetTargets(const std::string& group, std::vector<ProxyTarget> targets) {
  state_->reactor.Run([&] {
    Group& now = state_->groups[group];
    now.targets = std::move(targets);
    std::erase_if(now.idle, [&](const auto& entry) {
      return std::ranges::none_of(
          now.targets, [&](const ProxyTarget& t) { return Key(t.endpoint) == entry.first; });
    });
  });
}

}  // namespace leeward::lab
