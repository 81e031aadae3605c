#include "lab/trees/unlocked.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lab/trees/beneath.h"

namespace leeward::lab::trees {
namespace {

constexpr std::uint32_t kOpenToOwner = 0700;

}  // namespace

Unlocked::Unlocked(int directory) : directory_(directory) {
  Entry now;
  if (::geteuid() == 0 || LookAt(directory, now) != 0 || (now.mode & kOpenToOwner) == kOpenToOwner)
    return;
  mode_ = now.mode;
  changed_ = ::fchmod(directory, now.mode | kOpenToOwner) == 0;
}

Unlocked::~Unlocked() {
  if (changed_) static_cast<void>(::fchmod(directory_, mode_));
}

}  // namespace leeward::lab::trees
