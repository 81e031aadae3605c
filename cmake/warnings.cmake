# Warnings are errors in every build of ours; system headers are exempt.
add_library(leeward_warnings INTERFACE)
if(LEEWARD_FUZZ)  # by Clang, which has other warnings than those held everywhere else
  target_compile_options(leeward_warnings INTERFACE -w)
  return()
endif()
target_compile_options(leeward_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
  -Wunused -Woverloaded-virtual -Wswitch -Wunused-result -Wimplicit-fallthrough -Wno-missing-field-initializers
  # GCC 12's optimizer warns falsely about std::string's own copies.
  -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
