// Stop requests from outside: the first SIGINT, SIGTERM or SIGHUP asks for a clean stop, the next
// one ends the process as it would have without Leeward's help.
#pragma once

#include <stop_token>
#include <thread>

namespace leeward::cli {

class StopSignals {
 public:
  // Before any other thread is started, so that all of them leave the signals to this one.
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void Listen();

  std::stop_source source_;
  std::stop_source closing_;
  std::thread thread_;
};

}  // namespace leeward::cli
