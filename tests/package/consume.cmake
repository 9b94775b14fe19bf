# One package test; run as cmake -DKIND=... -P consume.cmake, see CMakeLists.txt.
set(consumer ${CMAKE_CURRENT_LIST_DIR}/consumer)
set(common -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release
           -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# run_expecting(TEXT COMMAND...): the command must succeed and print TEXT.
function(run_expecting text)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT OUTPUT_VARIABLE output
                          COMMAND_ERROR_IS_FATAL ANY)
  string(FIND "${output}" "${text}" found)
  if(found LESS 0)
    message(FATAL_ERROR "expected \"${text}\" in the output of ${ARGN}:\n${output}")
  endif()
endfunction()

function(build_consumer)
  run(${CMAKE_COMMAND} -S ${consumer} -B ${WORK} ${common} ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK} --parallel 2)
endfunction()

function(run_library)
  run_expecting("consumer of wq ${VERSION}: " ${WORK}/consumer_library)
endfunction()

function(run_worker program)
  run_expecting("--queue" ${program} --help)
  run_expecting("${VERSION}" ${program} --version)
endfunction()

function(run_installed_programs prefix)
  foreach(program wq-worker wq-push wqctl)
    run_expecting("${VERSION}" ${prefix}/bin/${program} --version)
    foreach(file man/man1/${program}.1 bash-completion/completions/${program}
                 zsh/site-functions/_${program})
      file(READ ${prefix}/share/${file} text)
      string(REPLACE "\\-" "-" text "${text}")
      string(FIND "${text}" "${program}" found)
      if(found LESS 0)
        message(FATAL_ERROR "${prefix}/share/${file} is not about ${program}")
      endif()
    endforeach()
  endforeach()
endfunction()

# Links with what pkg-config says and nothing else.
function(build_with_pkg_config prefix flags source package program)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  run_expecting("${VERSION}" pkg-config --modversion ${package})
  execute_process(COMMAND pkg-config ${flags} --cflags --libs ${package} OUTPUT_VARIABLE output
                          COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(output UNIX_COMMAND "${output}")
  run(${CXX} -std=c++20 -o ${program} ${consumer}/${source} ${output}
      -Wl,-rpath,${prefix}/${LIBDIR})
endfunction()

set(folder ${WORK})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})

if(KIND STREQUAL "install")
  file(REMOVE_RECURSE ${PREFIX})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})
  run_installed_programs(${PREFIX})
  # A package that names the folders it was built in works on one machine only.
  file(GLOB_RECURSE texts ${PREFIX}/*.cmake ${PREFIX}/*.pc ${PREFIX}/*.h)
  foreach(path IN LISTS texts)
    file(READ ${path} text)
    foreach(folder ${SOURCE} ${BUILD})
      string(FIND "${text}" "${folder}/" found)
      if(found GREATER_EQUAL 0)
        message(FATAL_ERROR "${path} names ${folder}; use a generator expression")
      endif()
    endforeach()
  endforeach()
elseif(KIND STREQUAL "find_package")
  build_consumer(-DCMAKE_PREFIX_PATH=${PREFIX})
  run_library()
  run_worker(${WORK}/consumer_worker)
elseif(KIND STREQUAL "without_boost")
  build_consumer(-DCMAKE_PREFIX_PATH=${PREFIX} -DCONSUMER_WORKER=OFF
                 -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON
                 -DCMAKE_DISABLE_FIND_PACKAGE_prometheus-cpp=ON)
  run_library()
elseif(KIND STREQUAL "pkg_config")
  foreach(flags --shared --static)
    build_with_pkg_config(${PREFIX} ${flags} library.cc wq ${WORK}/consumer_library)
    run_library()
    build_with_pkg_config(${PREFIX} ${flags} worker.cc wq-worker-main ${WORK}/consumer_worker)
    run_worker(${WORK}/consumer_worker)
  endforeach()
elseif(KIND STREQUAL "add_subdirectory")
  # -O0: what is tried here is how it is put together.
  build_consumer(-DWQ_SOURCE=${SOURCE} -DBUILD_SHARED_LIBS=ON -DWQ_INSTALL=ON
                 -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_INSTALL_LIBDIR=${LIBDIR})
  run_library()
  run_worker(${WORK}/consumer_worker)
  set(prefix ${WORK}/prefix)
  run(${CMAKE_COMMAND} --install ${WORK} --prefix ${prefix})
  run_installed_programs(${prefix})
  set(WORK ${WORK}/installed)
  build_consumer(-DCMAKE_PREFIX_PATH=${prefix})
  run_library()
  run_worker(${WORK}/consumer_worker)
  build_with_pkg_config(${prefix} --shared worker.cc wq-worker-main ${WORK}/with_pkg_config)
  run_worker(${WORK}/with_pkg_config)
else()
  message(FATAL_ERROR "unknown KIND ${KIND}")
endif()
file(REMOVE_RECURSE ${folder})
