#include "lab/network/line_channel.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"

namespace leeward::lab {
namespace {

constexpr std::size_t kMaxLine = 4 << 20;
constexpr std::size_t kReadSize = 64 << 10;

}  // namespace

struct LineChannel::Impl : std::enable_shared_from_this<Impl> {
  Impl(os::EventLoop& loop, int socket)
      : descriptor(std::make_unique<os::Descriptor>(loop, socket)) {}

  void Wait() {
    descriptor->OnReadable([this, self = weak_from_this()] {
      if (const auto alive = self.lock()) Read();
    });
  }
  void Close() {
    descriptor.reset();
    received = nullptr;
    if (closed) std::exchange(closed, nullptr)();
  }
  void Read() {
    char buffer[kReadSize];
    const ssize_t got = recv(descriptor->get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Wait();
    if (got <= 0) return Close();
    input.append(buffer, static_cast<std::size_t>(got));
    for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      const std::string line = input.substr(0, end);
      input.erase(0, end + 1);
      auto message = shapes::FromJson(line);
      if (!message.ok() || !message->is_members()) return Close();
      const auto keep = received;
      if (keep) keep(std::move(*message));
      if (descriptor == nullptr) return;
    }
    if (input.size() > kMaxLine) return Close();
    Wait();
  }
  void Flush() {
    while (!output.empty() && descriptor != nullptr && !writing) {
      const ssize_t sent = send(descriptor->get(), output.data(), output.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) {
        output.clear();  // the reading side learns that the other one is gone
        return;
      }
      if (sent < 0) {
        writing = true;
        descriptor->OnWritable([this, self = weak_from_this()] {
          const auto alive = self.lock();
          if (alive == nullptr) return;
          writing = false;
          Flush();
        });
        return;
      }
      output.erase(0, static_cast<std::size_t>(sent));
    }
  }

  std::unique_ptr<os::Descriptor> descriptor;
  std::function<void(shapes::Value)> received;
  std::function<void()> closed;
  std::string input;
  std::string output;
  bool writing = false;
};

LineChannel::LineChannel(os::EventLoop& loop, int socket,
                         std::function<void(shapes::Value)> received, std::function<void()> closed)
    : impl_(std::make_shared<Impl>(loop, socket)) {
  impl_->received = std::move(received);
  impl_->closed = std::move(closed);
  impl_->Wait();
}

LineChannel::~LineChannel() {
  impl_->descriptor.reset();
  impl_->received = nullptr;
  impl_->closed = nullptr;
}

void LineChannel::Send(const shapes::Value& message) {
  if (impl_->descriptor == nullptr) return;
  impl_->output += shapes::ToJson(message) + "\n";
  impl_->Flush();
}

base::Result<std::unique_ptr<LineCaller>> LineCaller::Connect(const std::string& path,
                                                              base::Duration limit) {
  const os::Address address{"", 0, path};
  ASSIGN_OR_RETURN(const int socket, os::StartConnect(address));
  auto caller = std::make_unique<LineCaller>(socket);
  pollfd wait{socket, POLLOUT, 0};
  if (poll(&wait, 1, static_cast<int>(base::Millis(limit))) != 1) {
    return base::Unreachable(fmt::format("{} does not answer", path));
  }
  RETURN_IF_ERROR(os::ConnectOutcome(socket, address));
  return caller;
}

LineCaller::~LineCaller() { close(socket_); }

base::Result<shapes::Value> LineCaller::Ask(const shapes::Value& message, base::Duration limit) {
  std::string text = shapes::ToJson(message) + "\n";
  while (!text.empty()) {
    const ssize_t sent = send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      pollfd wait{socket_, POLLOUT, 0};
      if (poll(&wait, 1, static_cast<int>(base::Millis(limit))) == 1) continue;
    }
    if (sent < 0)
      return base::Unreachable(fmt::format("cannot send to the lab: {}", strerror(errno)));
    text.erase(0, static_cast<std::size_t>(sent));
  }
  return Receive(limit);
}

base::Result<shapes::Value> LineCaller::Receive(base::Duration limit) {
  const os::SystemClock clock;
  const base::MonotonicTime deadline = clock.Monotonic() + limit;
  for (;;) {
    const auto end = input_.find('\n');
    if (end != std::string::npos) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return shapes::FromJson(line);
    }
    const base::Duration left = deadline - clock.Monotonic();
    pollfd wait{socket_, POLLIN, 0};
    if (left <= base::Duration{0} ||
        poll(&wait, 1, static_cast<int>(base::Millis(left)) + 1) == 0) {
      return base::Unreachable(fmt::format("no answer within {}", base::HumanDuration(limit)));
    }
    char buffer[kReadSize];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return base::Unreachable("the other side closed the connection");
    input_.append(buffer, static_cast<std::size_t>(got));
    if (input_.size() > kMaxLine) return base::Exhausted("the answer is too long");
  }
}

}  // namespace leeward::lab
