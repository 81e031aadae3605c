// Which paths of a tree take part: patterns separated by `|`, as people write them in a task.
//
// A pattern is compared with the whole path from the root ("/folder/file"), and with every folder
// above it: one that matches a folder matches all in it. `*` stands for any bytes, also slashes;
// `\` takes the next byte as it is. Names are bytes, so case counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::lab::trees {

enum class Stars { kAnywhere, kAtTheEnd };

class Patterns {
 public:
  // kInvalid: a star where none may stand, an empty pattern, a last backslash. "" is no pattern.
  static base::Result<Patterns> Parse(std::string_view text, Stars stars);

  bool empty() const { return patterns_.empty(); }
  // `path` begins with a slash.
  bool Match(std::string_view path) const;
  // Something below this directory may match. Only for stars at the end.
  bool LeadTo(std::string_view directory) const;

 private:
  struct Pattern {
    std::vector<std::string> literals;  // with a star between each two
  };
  static bool MatchOne(const Pattern& pattern, std::string_view path);
  std::vector<Pattern> patterns_;
};

enum class Part : std::uint8_t {
  kTakes,    // takes part
  kPassage,  // a directory on the way to what takes part
  kNone,     // neither side of it is looked at
};

class Filter {
 public:
  Filter() = default;
  // kInvalid, naming which of both is wrong.
  static base::Result<Filter> Make(std::string_view include, std::string_view exclude);

  bool empty() const { return include_.empty() && exclude_.empty(); }
  // `path` is relative to the root: "folder/file"; "" is the root.
  Part Judge(std::string_view path) const;
  // Both patterns as they were given, for comparing filters.
  const std::string& text() const { return text_; }

 private:
  Patterns include_;
  Patterns exclude_;
  std::string text_;
};

}  // namespace leeward::lab::trees
