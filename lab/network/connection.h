// One carried connection: a client's TCP socket, a backend's Unix socket, and the bytes on their
// way.
#pragma once

#include <memory>
#include <string>

#include "lab/network/carrier.h"
#include "lab/network/delay_queue.h"
#include "os/event_loop.h"

namespace leeward::lab {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Parties {
    std::string from;
    std::string to;
  };
  // `greeting` reaches the backend before anything the client sends.
  Connection(Carrier& carrier, int client, Parties parties, std::string backend_path,
             std::string greeting);

  void Start();
  const Parties& parties() const { return parties_; }
  // A side of it was killed: nothing moves any more, in either direction, until it is reset.
  void Kill();
  bool killed() const { return killed_; }
  // The faults between its parties may have changed.
  void Refresh();
  // Both sides learn that it is broken, now.
  void Reset();

 private:
  // One direction.
  struct Flow {
    explicit Flow(std::size_t max_bytes) : queue(max_bytes) {}
    DelayQueue queue;
    std::unique_ptr<os::Descriptor>* source = nullptr;
    std::unique_ptr<os::Descriptor>* sink = nullptr;
    const std::string* from = nullptr;
    const std::string* to = nullptr;
    os::EventLoop::TimerId timer = 0;
    bool reading = false;
    bool writing = false;
    bool ended = false;      // the source has said its last
    bool delivered = false;  // and the sink has heard it
  };

  base::Duration DelayOf(const Flow& flow) const;
  bool Blocked(const Flow& flow) const;
  void ConnectBackend();
  void WaitReadable(Flow& flow);
  void Read(Flow& flow);
  void Deliver(Flow& flow);
  bool WriteDue(Flow& flow);  // false: the sink takes no more for now
  void SinkGone(Flow& flow);
  void DeliverEnd(Flow& flow, DelayQueue::End end);
  void FinishIfDone();

  Carrier& carrier_;
  Parties parties_;
  std::string backend_path_;
  std::string greeting_;
  std::unique_ptr<os::Descriptor> client_;
  std::unique_ptr<os::Descriptor> backend_;
  Flow up_;                          // client to backend
  Flow down_;                        // backend to client
  base::MonotonicTime established_;  // when the handshake would be over
  bool killed_ = false;
  bool silenced_ = false;
  bool closed_ = false;
};

}  // namespace leeward::lab
