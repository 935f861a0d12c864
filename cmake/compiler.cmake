# Which compiler: clang 19, found by itself, also when pip drives the build.
# (pip sets CXX to the compiler of Python, so that variable says nothing; -DCMAKE_CXX_COMPILER does.)
# g++ 12.2 destroys some temporaries of a co_await expression twice, so no other compiler is accepted.
if(NOT DEFINED CMAKE_CXX_COMPILER)
  find_program(KACHERY_CLANG NAMES clang++-19)
  if(KACHERY_CLANG)
    set(CMAKE_CXX_COMPILER ${KACHERY_CLANG})
  endif()
endif()
find_program(KACHERY_CCACHE NAMES ccache)
if(KACHERY_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KACHERY_CCACHE})
endif()
