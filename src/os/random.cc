#include "os/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

namespace leeward::os {

std::uint64_t SystemRandom::Next() {
  std::uint64_t value = 0;
  ssize_t got = -1;
  do {
    got = getrandom(&value, sizeof value, 0);
  } while (got < 0 && errno == EINTR);
  CHECK(got == static_cast<ssize_t>(sizeof value));
  return value;
}

}  // namespace leeward::os
