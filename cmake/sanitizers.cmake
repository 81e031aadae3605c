# LEEWARD_SANITIZE = "" | "address,undefined" | "thread"
set(LEEWARD_SANITIZE "" CACHE STRING "sanitizers to build with")
if(LEEWARD_SANITIZE)
  add_compile_options(-fsanitize=${LEEWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -g1)  # lines are enough for a stack trace
  add_link_options(-fsanitize=${LEEWARD_SANITIZE})
  if(LEEWARD_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # As a shared library it would have to be the first one, and the lab preloads one of its own into what it starts.
    add_link_options(-static-libasan -static-libubsan)
  endif()
  if(LEEWARD_SANITIZE STREQUAL "thread")
    add_compile_options(-Wno-tsan)  # Asio has fences, which it does not know; what they guard is tested with the rest
  endif()
endif()
