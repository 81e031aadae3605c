#include "os/shared_memory.h"

#include <stdio.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include <fstream>
#include <string>

namespace leeward::os {

void RemoveSharedMemoryOf(const std::set<int>& processes) {
  std::ifstream list("/proc/sysvipc/shm");
  std::string line;
  while (std::getline(list, line)) {
    int id = 0;
    int creator = 0;
    int users = 0;
    // key shmid perms size cpid lpid nattch ...
    if (sscanf(line.c_str(), "%*s %d %*s %*s %d %*s %d", &id, &creator, &users) != 3) continue;
    if (users == 0 && processes.contains(creator)) shmctl(id, IPC_RMID, nullptr);
  }
}

}  // namespace leeward::os
