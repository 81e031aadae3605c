// leeward-lab: a cloud of three Regions on one machine.
#include "lab/control/cli.h"

int main(int argc, char** argv) { return leeward::lab::RunCli(argc, argv); }
