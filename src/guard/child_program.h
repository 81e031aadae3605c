// ChildProgram: a program as a child process, in a process group of its own.
#pragma once

#include "guard/program.h"
#include "ports/clock.h"

namespace leeward::guard {

class ChildProgram : public Program {
 public:
  // The clock outlives it.
  explicit ChildProgram(const ports::Clock& clock) : clock_(clock) {}
  // When it ends by itself, what is left of its process group is ended, too; when it is ended,
  // everything below it is.
  ProgramEnd Run(const ProgramCall& call, const Cancelled& stopped) override;

 private:
  const ports::Clock& clock_;
};

}  // namespace leeward::guard
