// Happening: room for what will happen once. A simulation has millions of them, each of a few
// words, and none is ever copied: unlike std::function it keeps them in place.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace leeward::sim {

class Happening {
 public:
  Happening() = default;
  Happening(const Happening&) = delete;
  Happening& operator=(const Happening&) = delete;
  ~Happening() {
    if (kind_ != nullptr) kind_->end(room_);
  }

  // There is nothing in it yet, or not any more.
  template <typename F>
  void Set(F what) {
    if constexpr (sizeof(F) <= kRoom && alignof(F) <= alignof(std::max_align_t)) {
      new (room_) F(std::move(what));
      kind_ = &kKindOf<F>;
    } else {
      Set([held = std::make_unique<F>(std::move(what))] { (*held)(); });
    }
  }

  // There is nothing in it afterwards.
  void Happen() {
    kind_->run(room_);
    std::exchange(kind_, nullptr)->end(room_);
  }

 private:
  static constexpr std::size_t kRoom = 128;
  struct Kind {
    void (*run)(void* what);
    void (*end)(void* what);
  };
  template <typename F>
  static constexpr Kind kKindOf = {[](void* what) { (*static_cast<F*>(what))(); },
                                   [](void* what) { static_cast<F*>(what)->~F(); }};

  const Kind* kind_ = nullptr;
  alignas(std::max_align_t) std::byte room_[kRoom];
};

}  // namespace leeward::sim
