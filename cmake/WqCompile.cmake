# wq_target(NAME): how every target of this project is compiled.
function(wq_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  # A shared library exports what its headers mark with WQ_API, and nothing else.
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                           VISIBILITY_INLINES_HIDDEN ON)
  if(BUILD_SHARED_LIBS)
    # For the static library that the shared wq::worker_main takes in.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                         -Wnon-virtual-dtor -Woverloaded-virtual)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # g++ 12 takes "literal" + std::string for an overlapping copy (GCC bug 105651).
    target_compile_options(${name} PRIVATE -Wno-restrict)
  endif()
  if(PROJECT_IS_TOP_LEVEL AND WQ_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  if(WQ_SANITIZE)
    target_compile_options(${name} PUBLIC -fsanitize=${WQ_SANITIZE} -fno-omit-frame-pointer
                                          -fno-sanitize-recover=all)
    target_link_options(${name} PUBLIC -fsanitize=${WQ_SANITIZE})
  endif()
endfunction()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()
option(WQ_WERROR "Treat warnings as errors" OFF)

find_program(WQ_CCACHE ccache)
if(PROJECT_IS_TOP_LEVEL AND WQ_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WQ_CCACHE})
endif()
