#include "os/http_pool.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>

#include <list>
#include <map>
#include <utility>

#include "os/clock.h"
#include "os/http_message.h"

namespace leeward::os {
namespace {

constexpr std::size_t kReadSize = 64 << 10;

// Which connections may stand in for each other.
std::string KeyOf(const HttpCallOptions& options) {
  return fmt::format("{}|{}|{}|{}", options.to.host, options.to.port, options.to.path,
                     options.source);
}

bool IsOfTheConnection(std::string_view name) {
  return SameFieldName(name, "Content-Length") || SameFieldName(name, "Transfer-Encoding") ||
         SameFieldName(name, "Connection") || SameFieldName(name, "Expect");
}

enum class Keep { kConnection, kNothing };

std::string Serialise(const HttpForward& request, Keep keep) {
  std::size_t size = request.method.size() + request.target.size() + request.body.size() + 96;
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 4;
  std::string text;
  text.reserve(size);
  text.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  for (const auto& [name, value] : request.headers) {
    if (!IsOfTheConnection(name)) text.append(name).append(": ").append(value).append("\r\n");
  }
  text.append("Content-Length: ").append(fmt::to_string(request.body.size()));
  text.append(keep == Keep::kConnection ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n")
      .append(request.body);
  return text;
}

}  // namespace

struct HttpPool::Impl {
  struct Idle {
    std::unique_ptr<Descriptor> descriptor;
    base::MonotonicTime since;
  };
  using IdleList = std::list<Idle>;

  Impl(EventLoop& its_loop, HttpPoolOptions its_options) : loop(its_loop), options(its_options) {}

  // The one used last: the others may then grow old together.
  std::unique_ptr<Descriptor> Take(const std::string& key);
  static void Put(const std::shared_ptr<Impl>& self, const std::string& key,
                  std::unique_ptr<Descriptor> descriptor);
  void Drop(const std::string& key, const Descriptor* descriptor);
  static void Sweep(const std::shared_ptr<Impl>& self);

  EventLoop& loop;
  HttpPoolOptions options;
  SystemClock clock;
  std::map<std::string, IdleList> idle;
  EventLoop::TimerId sweep = 0;
};

std::unique_ptr<Descriptor> HttpPool::Impl::Take(const std::string& key) {
  const auto found = idle.find(key);
  if (found == idle.end() || found->second.empty()) return nullptr;
  auto descriptor = std::move(found->second.back().descriptor);
  found->second.pop_back();
  return descriptor;
}

void HttpPool::Impl::Put(const std::shared_ptr<Impl>& self, const std::string& key,
                         std::unique_ptr<Descriptor> descriptor) {
  IdleList& list = self->idle[key];
  if (list.size() >= self->options.max_idle) return;
  // Whatever comes while nothing was asked ends it: the other side's farewell, or bytes that belong
  // to no answer.
  descriptor->OnReadable([weak = std::weak_ptr<Impl>(self), key, raw = descriptor.get()] {
    if (const auto pool = weak.lock()) pool->Drop(key, raw);
  });
  list.push_back({std::move(descriptor), self->clock.Monotonic()});
  if (self->sweep == 0) Sweep(self);
}

void HttpPool::Impl::Drop(const std::string& key, const Descriptor* descriptor) {
  idle[key].remove_if([&](const Idle& each) { return each.descriptor.get() == descriptor; });
}

void HttpPool::Impl::Sweep(const std::shared_ptr<Impl>& self) {
  const base::MonotonicTime now = self->clock.Monotonic();
  bool any = false;
  for (auto& [key, list] : self->idle) {
    list.remove_if(
        [&](const Idle& each) { return now - each.since > self->options.max_idle_time; });
    any = any || !list.empty();
  }
  self->sweep = 0;
  if (!any) return;
  self->sweep = self->loop.After(self->options.max_idle_time, [weak = std::weak_ptr<Impl>(self)] {
    if (const auto pool = weak.lock()) Sweep(pool);
  });
}

namespace {

class Call : public HttpCall {
 public:
  Call(std::shared_ptr<HttpPool::Impl> pool, const HttpCallOptions& options,
       const HttpForward& request, Done done)
      : pool_(std::move(pool)),
        options_(options),
        key_(KeyOf(options)),
        output_(
            Serialise(request, pool_->options.max_idle > 0 ? Keep::kConnection : Keep::kNothing)),
        reader_(options.max_body,
                request.method == "HEAD" ? AnswerReader::Body::kNone : AnswerReader::Body::kAsSaid),
        done_(std::move(done)) {
    timer_ = pool_->loop.After(options.deadline, [this] {
      timer_ = 0;
      Finish(base::Unreachable(fmt::format("{} did not answer within {}", options_.to.ToString(),
                                           base::HumanDuration(options_.deadline))));
    });
    descriptor_ = pool_->Take(key_);
    descriptor_ != nullptr ? Write() : Connect();
  }
  ~Call() override {
    if (timer_ != 0) pool_->loop.Cancel(timer_);
    if (later_ != 0) pool_->loop.Cancel(later_);
  }

 private:
  void Connect() {
    auto socket = StartConnect(options_.to, options_.source);
    if (!socket.ok()) return FinishLater(socket.error());
    descriptor_ = std::make_unique<Descriptor>(pool_->loop, *socket);
    descriptor_->OnWritable([this] {
      const base::Status outcome = ConnectOutcome(descriptor_->get(), options_.to);
      if (!outcome.ok()) return Finish(outcome.error());
      Write();
    });
  }
  void Write() {
    while (written_ < output_.size()) {
      const ssize_t sent = send(descriptor_->get(), output_.data() + written_,
                                output_.size() - written_, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return descriptor_->OnWritable([this] { Write(); });
      if (sent < 0) return FinishLater(Broken(strerror(errno)));
      written_ += static_cast<std::size_t>(sent);
    }
    output_ = std::string();
    descriptor_->OnReadable([this] { Read(); });
  }
  void Read() {
    char buffer[kReadSize];
    const ssize_t got = recv(descriptor_->get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return descriptor_->OnReadable([this] { Read(); });
    if (got < 0) return Finish(Broken(strerror(errno)));
    const ReadState state =
        got == 0 ? reader_.End() : reader_.Feed({buffer, static_cast<std::size_t>(got)});
    if (state == ReadState::kBad) return Finish(Broken(reader_.problem()));
    if (state == ReadState::kPartial) return descriptor_->OnReadable([this] { Read(); });
    if (got > 0 && reader_.reusable()) HttpPool::Impl::Put(pool_, key_, std::move(descriptor_));
    Finish(reader_.Take());
  }
  base::Error Broken(std::string_view why) const {
    return base::Unreachable(
        fmt::format("the connection to {} broke: {}", options_.to.ToString(), why));
  }
  // Not inside Start: the caller does not hold the call yet.
  void FinishLater(base::Error error) {
    later_ = pool_->loop.After(base::Duration{0}, [this, error = std::move(error)] {
      later_ = 0;
      Finish(error);
    });
  }
  void Finish(base::Result<ports::HttpResponse> result) {
    if (timer_ != 0) pool_->loop.Cancel(timer_);
    timer_ = 0;
    descriptor_.reset();
    // Moved out first: the callback may drop this object.
    if (done_) std::exchange(done_, nullptr)(std::move(result));
  }

  std::shared_ptr<HttpPool::Impl> pool_;
  HttpCallOptions options_;
  std::string key_;
  std::string output_;
  std::size_t written_ = 0;
  AnswerReader reader_;
  Done done_;
  std::unique_ptr<Descriptor> descriptor_;
  EventLoop::TimerId timer_ = 0;
  EventLoop::TimerId later_ = 0;
};

}  // namespace

HttpPool::HttpPool(EventLoop& loop, HttpPoolOptions options)
    : impl_(std::make_shared<Impl>(loop, options)) {}

HttpPool::~HttpPool() {
  if (impl_->sweep != 0) impl_->loop.Cancel(impl_->sweep);
  impl_->sweep = 0;
  impl_->idle.clear();
}

std::size_t HttpPool::idle() const {
  std::size_t count = 0;
  for (const auto& [key, list] : impl_->idle) count += list.size();
  return count;
}

void HttpPool::Forget(const HttpCallOptions& options) { impl_->idle.erase(KeyOf(options)); }

std::unique_ptr<HttpCall> HttpPool::Start(const HttpCallOptions& options,
                                          const HttpForward& request, HttpCall::Done done) {
  return std::make_unique<Call>(impl_, options, request, std::move(done));
}

}  // namespace leeward::os
