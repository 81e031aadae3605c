// Network: messages within and between Regions. They take time, and may be lost, doubled or cut
// off in one direction.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "ports/random.h"
#include "sim/agenda.h"
#include "sim/history.h"
#include "sim/process.h"

namespace leeward::sim {

struct Link {
  Duration delay{0};    // one way
  Duration slow_by{0};  // a fault's part of it
  bool cut = false;
  double lost = 0;     // share of messages
  double doubled = 0;  // share of messages that arrive twice
};

class Network {
 public:
  Network(Agenda& agenda, ports::Random& random) : agenda_(agenda), random_(random) {}

  Link& link(Place from, Place to) { return links_[Slot(from)][Slot(to)]; }
  bool alive(Place place) const { return alive_[Slot(place)]; }
  void SetAlive(Place place, bool alive) { alive_[Slot(place)] = alive; }

  // Whether a message that is sent now would get there, apart from chance.
  bool Carries(Place from, Place to) const {
    return alive(from) && alive(to) && !links_[Slot(from)][Slot(to)].cut;
  }
  // Whether one that is sent now does, by chance, too.
  bool Arrives(Place from, Place to) {
    const Link& one = link(from, to);
    return Carries(from, to) && !(one.lost > 0 && random_.Unit() < one.lost);
  }
  bool Answers(Place from, Place to) const { return Carries(from, to) && Carries(to, from); }
  // How long one way takes this time.
  Duration Delay(Place from, Place to);
  // `arrives` happens at `to` after a while; or never; or twice.
  template <typename F>
  void Send(Place from, Place to, F arrives) {
    const Link& one = link(from, to);
    if (!Arrives(from, to)) return;
    auto deliver = [this, from, to, arrives = std::move(arrives)] {
      // What is under way when a line is cut or its end dies does not get there.
      if (Carries(from, to)) arrives();
    };
    if (one.doubled > 0 && random_.Unit() < one.doubled) agenda_.After(Delay(from, to), deliver);
    agenda_.After(Delay(from, to), std::move(deliver));
  }

 private:
  static std::size_t Slot(Place place) { return static_cast<std::size_t>(place); }

  Agenda& agenda_;
  ports::Random& random_;
  std::array<std::array<Link, kPlaces>, kPlaces> links_;
  std::array<bool, kPlaces> alive_{true, true, true};
};

struct Route {
  Place from, to;
};

// Asks `serve` at another place, and hands the answer to `done` in the calling process; or
// kUnreachable after `patience` on its clock, which says nothing about whether `serve` ran or will
// still run.
template <typename T, typename Serve, typename Done>
void Call(Network& network, Process& caller, Route route, Duration patience, Serve serve,
          Done done) {
  struct Waiting {
    bool over = false;
    std::optional<base::Result<T>> answer;
    Done done;
  };
  auto waiting = std::make_shared<Waiting>(Waiting{false, std::nullopt, std::move(done)});
  const auto finish = caller.Bound([waiting] {
    if (std::exchange(waiting->over, true)) return;
    waiting->done(std::move(*waiting->answer));
  });
  network.Send(route.from, route.to, [&network, route, serve = std::move(serve), waiting, finish] {
    base::Result<T> answer = serve();
    network.Send(route.to, route.from, [waiting, finish, answer = std::move(answer)] {
      if (waiting->over) return;
      waiting->answer = answer;
      finish();
    });
  });
  caller.After(patience, [waiting] {
    if (std::exchange(waiting->over, true)) return;
    waiting->done(base::Unreachable("no answer in time"));
  });
}

}  // namespace leeward::sim
