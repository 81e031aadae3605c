# Precompiled headers and the optimization of each kind of file, which a precompiled header has to share.
#
# The headers are the standard library and fmt, and GoogleTest for tests. They only save time: each file still names what
# it includes, and the dev preset and clang-tidy do without them and so hold it to that.
set(CMAKE_PCH_WARN_INVALID OFF)  # a compiler that cannot use them reads the headers instead
set(std_headers <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <cstdint> <deque> <filesystem>
  <functional> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <utility> <variant> <vector>
  <fmt/format.h>)
file(WRITE ${CMAKE_BINARY_DIR}/headers/empty.cc "")

# leeward_precompile(KIND OPTIONS option... HEADERS header... LINKS library...)
function(leeward_precompile kind)
  cmake_parse_arguments(KIND "" "" "OPTIONS;HEADERS;LINKS" ${ARGN})
  add_library(${kind}_headers OBJECT ${CMAKE_BINARY_DIR}/headers/empty.cc)
  target_compile_options(${kind}_headers PRIVATE ${KIND_OPTIONS})
  target_link_libraries(${kind}_headers PRIVATE leeward_warnings fmt::fmt ${KIND_LINKS})
  target_precompile_headers(${kind}_headers PRIVATE ${std_headers} ${KIND_HEADERS})
  set_target_properties(${kind}_headers PROPERTIES KIND_OPTIONS "${KIND_OPTIONS}")
endfunction()

# A precompiled header serves those that are compiled with its own definitions; hiredis brings this one to all who use it.
add_compile_definitions(_FILE_OFFSET_BITS=64)

# A precompiled header fills the heap at which GCC first collects garbage, so it would in every file, for nothing. One that
# cannot be used is an error: reading the headers instead takes a second in each file, and nobody would notice.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  add_compile_options(--param=ggc-min-expand=1000 --param=ggc-min-heapsize=1000000 -Winvalid-pch)
endif()

# What runs through millions of steps (the core, the simulator) is a HOT room, built as the build type says. The rest waits for
# networks and processes, and a test runs once: optimizing them further would be half of a build.
leeward_precompile(hot)
# -Og finds uninitialized variables that are none, as its manual says; the HOT rooms and the dev build look for them.
leeward_precompile(room OPTIONS $<$<CONFIG:Release>:-Og> $<$<CONFIG:Release>:-Wno-maybe-uninitialized>)
leeward_precompile(test OPTIONS -O0 HEADERS <gmock/gmock.h> <gtest/gtest.h> LINKS GTest::gtest GTest::gmock)

# leeward_kind(TARGET hot|room|test): compiles a target as that kind is compiled.
function(leeward_kind target kind)
  get_target_property(options ${kind}_headers KIND_OPTIONS)
  if(options)
    target_compile_options(${target} PRIVATE ${options})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${kind}_headers)
endfunction()
