// Golden files: reviewed texts that a test holds its output against.
//
// To rewrite one, delete it and run the test: it is written anew, that run fails, and the
// difference is reviewed.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace leeward::base::testing {

// `path` is relative to the root of the source tree, where tests run.
inline void ExpectGolden(const std::string& path, const std::string& actual) {
  std::ifstream file(path);
  if (!file) {
    std::ofstream(path) << actual;
    ADD_FAILURE() << path << " was not there and has been written; review it and run again";
    return;
  }
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(actual, expected.str())
      << path << " differs; delete it and run again to rewrite it, then review";
}

}  // namespace leeward::base::testing
