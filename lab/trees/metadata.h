// Everything of a file but its bytes: owners, permissions, times, extended attributes. Functions
// answer 0 or errno.
#pragma once

#include "lab/trees/entry.h"
#include "lab/trees/options.h"

namespace leeward::lab::trees {

// Makes what `descriptor` is open on look like `source`, as far as it is kept. `now` is how it
// looks: what is so already is not set. Times come last, for everything else moves them.
int ApplyMetadata(int descriptor, const Entry& source, const Entry& now, const Options& options);
// The same for a symbolic link, by its name.
int ApplyMetadataToLink(int directory, const char* name, const Entry& source, const Entry& now,
                        const Options& options);

// Extended attributes of `user.`: given to a file that has none, made equal, compared.
int AddAttributes(int from, int to);
int CopyAttributes(int from, int to);
struct Sameness {
  bool same = false;
  int error = 0;
};
Sameness CompareAttributes(int left, int right);

}  // namespace leeward::lab::trees
