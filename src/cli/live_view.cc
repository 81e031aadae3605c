#include "cli/live_view.h"

#include <unistd.h>

#include <utility>
#include <vector>

namespace leeward::cli {
namespace {

constexpr base::Duration kFrame{100'000'000};
constexpr int kEveryLine = 100'000;

}  // namespace

void StandardOutput::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;  // nobody reads any more; the work goes on
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

LiveView::LiveView(const ports::Clock& clock, const Terminal& terminal, Output& output)
    : clock_(clock), terminal_(terminal), output_(output), thread_([this] { Write(); }) {}

LiveView::~LiveView() {
  Settle();
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LiveView::Write() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, kFrame, [this] { return closing_ || fresh_; });
    ++frame_;
    const bool last = closing_;
    const std::string text = Compose();
    lock.unlock();
    if (!text.empty()) output_.Write(text);
    if (last) return;
    lock.lock();
  }
}

std::string LiveView::Table(int limit) {
  std::string text;
  for (const std::string& line : table_->Lines(clock_.Now(), terminal_, frame_, limit)) {
    text += line + "\n";
    ++drawn_;
  }
  return text;
}

// Back over what was drawn, then the lines that stay, then the table and the status line as they
// are now; wrapped so that a terminal that can shows all of it at once.
std::string LiveView::Compose() {
  fresh_ = false;
  std::string text;
  if (drawn_ > 0) text = "\r\x1b[" + std::to_string(std::exchange(drawn_, 0)) + "A\x1b[J";
  text += std::exchange(said_, "");
  if (terminal_.live) {
    terminal_ = WithSizeNow(terminal_);
    if (table_) text += Table(terminal_.height - 3);
    const std::string status = status_ ? status_() : "";
    if (!status.empty()) {
      text +=
          "  " +
          Paint(terminal_, Colour::kFaint, Fit(terminal_, status, terminal_.width - 3, Pad::kNo)) +
          "\n";
      ++drawn_;
    }
  }
  return terminal_.live && !text.empty() ? "\x1b[?2026h" + text + "\x1b[?2026l" : text;
}

void LiveView::Say(std::string_view line) {
  std::lock_guard lock(mutex_);
  said_ += std::string(line) + "\n";
  fresh_ = true;
  changed_.notify_all();
}

void LiveView::SetStatus(std::function<std::string()> line) {
  std::lock_guard lock(mutex_);
  status_ = std::move(line);
}

void LiveView::Settle() {
  std::lock_guard lock(mutex_);
  if (terminal_.live && table_) {
    const int drawn = drawn_;
    said_ += Table(kEveryLine);
    drawn_ = drawn;
  }
  table_.reset();
  fresh_ = true;
  changed_.notify_all();
}

void LiveView::OnPlan(const model::Plan& plan, const execute::State& state) {
  std::lock_guard lock(mutex_);
  table_.emplace(plan, state);
}

void LiveView::OnEvent(const model::Event& event) {
  std::lock_guard lock(mutex_);
  if (!table_) return;
  table_->Apply(event);
  if (!terminal_.live) {
    if (const std::string line = table_->Line(event); !line.empty()) said_ += line + "\n";
  }
  fresh_ = true;
  changed_.notify_all();
}

void LiveView::OnProgress(const model::StepId& step, std::string_view line) {
  std::lock_guard lock(mutex_);
  if (table_) table_->Progress(step, line);
}

}  // namespace leeward::cli
