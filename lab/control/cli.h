// The command line of leeward-lab.
#pragma once

namespace leeward::lab {

// Exit codes: 0 done, 1 failed, 2 bad usage (a lab that is already running, too), 4 cannot reach
// what it needs.
int RunCli(int argc, char** argv);

}  // namespace leeward::lab
