#include "sim/client.h"

namespace leeward::sim {

Client::Client(World& world, const Times& times) : world_(world), times_(times) {
  world_.agenda.At(times_.begins, [this] { WriteHome(); });
  world_.agenda.At(times_.asks, [this] { Ask(); });
}

// A Region that is lost is not asked again: nothing there will answer.
void Client::WriteHome() {
  if (!world_.site(Place::kHome).Write(++writes_)) return;
  world_.agenda.After(times_.write_every, [this] { WriteHome(); });
}

void Client::Ask() {
  if (world_.traffic == Place::kRecovery) {
    world_.agenda.After(times_.late, [this] { WriteRecovery(); });
  } else {
    world_.agenda.After(times_.ttl, [this] { Ask(); });
  }
}

void Client::WriteRecovery() {
  if (world_.site(Place::kRecovery).Write(++writes_)) {
    recovered_ = world_.agenda.now();
  } else {
    world_.agenda.After(times_.write_every, [this] { WriteRecovery(); });
  }
}

}  // namespace leeward::sim
