// Stage: the AWS calls that put an application's home Region in place, from a file.
// docs/formats/stage.md.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::cli {

struct StageCall {
  int line = 0;  // in the file, from 1
  std::string region, service, operation;
  shapes::Value input;                       // its texts may hold ${name}
  std::map<std::string, std::string> until;  // path in the answer → value that ends the asking
  std::map<std::string, std::string> over;   // the same; with it the asking ends as a failure
  std::map<std::string, std::string> save;   // name → path in the answer
};

struct Stage {
  std::string path;
  std::vector<StageCall> calls;
};

using Variables = std::map<std::string, std::string>;

// Checks the text against the service models. kInvalid: "stage.yaml:12: what; what next".
base::Result<Stage> ParseStage(std::string_view text, const std::string& path);

// How the calls are made, and how time passes between two looks.
struct StageHands {
  std::function<base::Result<shapes::Value>(const StageCall& call, const std::string& region,
                                            const shapes::Value& input)>
      call;
  std::function<base::Status(base::Duration)> pause;  // kCancelled: asked to stop
  std::function<void(const StageCall& call)> tell;    // a call begins
};

// Makes the calls in order; the first that fails ends it. `variables` are what ${name} stands for,
// and take what calls save.
base::Status ApplyStage(const Stage& stage, Variables variables, const StageHands& hands);

// The value at "A.B[0].C", as text; kNotFound when there is none.
base::Result<std::string> TextAt(const shapes::Value& value, std::string_view path);
// The text with each ${name} replaced. kNotFound names a variable that has no value.
base::Result<std::string> Expand(std::string_view text, const Variables& variables);

}  // namespace leeward::cli
