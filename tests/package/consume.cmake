# One package test; run as cmake -DKIND=... -P consume.cmake, see CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)
set(consumer ${CMAKE_CURRENT_LIST_DIR}/consumer)
set(WITH_REDIS ${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/with_redis)
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

# run_failing(TEXT COMMAND...): the command must fail and say TEXT, however its lines are broken.
function(run_failing text)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT OUTPUT_VARIABLE output ERROR_VARIABLE output
                  RESULT_VARIABLE status)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  string(FIND "${output}" "${text}" found)
  if(status EQUAL 0 OR found LESS 0)
    message(FATAL_ERROR "expected to fail with \"${text}\": ${ARGN}:\n${output}")
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

# Every file that help, manual pages and public headers name is among the documents.
function(check_named_files prefix)
  file(GLOB_RECURSE texts ${prefix}/share/man/* ${prefix}/share/bash-completion/*
       ${prefix}/share/zsh/* ${prefix}/include/*.h)
  foreach(path IN LISTS texts)
    file(READ ${path} text)
    string(REPLACE "\\-" "-" text "${text}")
    string(REGEX MATCHALL
           "(docs|examples|k8s|scripts|libwq|worker|tools|tests|bench)/[A-Za-z0-9_./-]*[A-Za-z0-9]|[A-Za-z0-9_./-]+\\.md"
           names "${text}")
    foreach(name IN LISTS names)
      list(APPEND all ${name})
      if(NOT EXISTS ${prefix}/share/doc/wq/${name})
        message(FATAL_ERROR "${path} names ${name}, which is not in share/doc/wq")
      endif()
    endforeach()
  endforeach()
  if(NOT "docs/coprocess.md" IN_LIST all OR NOT "docs/protocol.md" IN_LIST all)
    message(FATAL_ERROR "found only these names, so the search is broken: ${all}")
  endif()
endfunction()

# Exported is what is in namespace wq but not in its inner ones, and, each weak, what was instantiated
# of the headers of others. Names are read as the linker has them, since a demangled one begins with
# the type that is returned.
function(check_exports library)
  execute_process(COMMAND nm --dynamic --defined-only --format=posix ${library}
                  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${output}")
  set(head "^_Z(T[ISV]|GV)?Z?N?[KO]*2wq")
  set(symbols)
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([^ ]+) ([A-Za-z])" matched "${line}")
    set(symbol ${CMAKE_MATCH_1})
    set(type ${CMAKE_MATCH_2})
    list(APPEND symbols ${symbol})
    if((NOT symbol MATCHES "${head}" AND NOT type MATCHES "[VWu]") OR
       symbol MATCHES "${head}(8internal|3cli|7metrics|3ctl|4push)")
      message(SEND_ERROR "${library} exports ${symbol}")
    endif()
  endforeach()
  foreach(symbol IN LISTS ARGN)
    if(NOT symbol IN_LIST symbols)
      message(SEND_ERROR "${library} does not export ${symbol}")
    endif()
  endforeach()
endfunction()

# Fills a queue and drains it with the worker of the consumer, then with wq-worker.
function(drain_with bin)
  run(${WITH_REDIS} ${REDIS_SERVER} sh -ec [=[
    "$1/wq-push" lengths one three
    "$2" --queue lengths --suffix !
    "$1/wqctl" results lengths | grep -c '!'
    "$1/wq-push" throws throws
    "$2" --queue throws && exit 1 || test $? = 2
    "$1/wq-push" programs a b c
    "$1/wq-worker" --queue programs -- true
    "$1/wq-push" nowhere a
    "$1/wq-worker" --queue nowhere -- /nowhere/program && exit 1 || test $? = 2
    "$1/wqctl" status programs]=] drain ${bin} ${WORK}/consumer_worker)
endfunction()

# Links with what pkg-config says and nothing else.
function(build_with_pkg_config prefix flags source package program)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  run_expecting("${VERSION}" pkg-config --modversion ${package})
  execute_process(COMMAND pkg-config ${flags} --cflags --libs ${package} OUTPUT_VARIABLE output
                          COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(output UNIX_COMMAND "${output}")
  run(${CXX} -std=c++20 -Wall -Wextra -Werror -o ${program} ${consumer}/${source} ${output}
      -Wl,-rpath,${prefix}/${LIBDIR})
endfunction()

set(folder ${WORK})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})

if(KIND STREQUAL "install")
  file(REMOVE_RECURSE ${PREFIX})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})
  run_installed_programs(${PREFIX})
  check_named_files(${PREFIX})
  # A package that names the folders it was built in works on one machine only.
  file(GLOB_RECURSE texts ${PREFIX}/*.cmake ${PREFIX}/*.pc ${PREFIX}/*.h)
  if(NOT EXISTS ${PREFIX}/share/wq/tsan.supp)
    message(FATAL_ERROR "docs/library.md names share/wq/tsan.supp, which is not there")
  endif()
  file(READ ${PREFIX}/share/wq/protocol.json protocol)  # docs/protocol.md names it
  string(JSON ignored GET "${protocol}" scripts 0 sha1)
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
  drain_with(${PREFIX}/bin)
elseif(KIND STREQUAL "components")
  set(ask ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/components -B ${WORK} ${common}
          -DCMAKE_PREFIX_PATH=${PREFIX})
  set(advice "wq has no component \"nosuch\". There is one, worker_main")
  run_failing("${advice}" ${ask} "-DASK=REQUIRED COMPONENTS nosuch")
  run_failing("${advice}" ${ask} "-DASK=REQUIRED COMPONENTS worker_main nosuch")
  run_failing("no component \"nosuch\", \"neither\"." ${ask} "-DASK=REQUIRED COMPONENTS nosuch neither")
  run_failing("needs Boost, which was not found" ${ask} "-DASK=REQUIRED COMPONENTS worker_main"
              -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON)
  set(ask ${ask} -DCMAKE_DISABLE_FIND_PACKAGE_Boost=OFF)
  # Not required: wq is not found, and the project goes on.
  run_expecting("found 0, worker_main , nosuch FALSE" ${ask} "-DASK=COMPONENTS nosuch")
  run_expecting("found 0, worker_main , nosuch FALSE" ${ask} "-DASK=QUIET COMPONENTS nosuch")
  # Optional: the rest is found.
  run_expecting("found 1, worker_main , nosuch FALSE\n-- there is wq::wq\n" ${ask}
                "-DASK=REQUIRED OPTIONAL_COMPONENTS nosuch")
  run_expecting("found 1, worker_main TRUE, nosuch FALSE\n-- there is wq::wq\n-- there is wq::worker_main"
                ${ask} "-DASK=REQUIRED COMPONENTS worker_main OPTIONAL_COMPONENTS nosuch")
elseif(KIND STREQUAL "thread_sanitizer")
  build_consumer(-DCMAKE_PREFIX_PATH=${PREFIX} -DCONSUMER_WORKER=OFF -DCONSUMER_TSAN=ON)
  set(ENV{TSAN_OPTIONS} "suppressions=${PREFIX}/share/wq/tsan.supp exitcode=66")
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=WQ_REDIS ${WORK}/consumer_tsan
                  ERROR_VARIABLE output)
  if(output MATCHES "unexpected memory mapping")
    message("SKIPPED: the thread sanitizer does not start here (sysctl vm.mmap_rnd_bits=28)")
    return()
  endif()
  run_expecting("nothing to report" ${WITH_REDIS} ${REDIS_SERVER} ${WORK}/consumer_tsan)
  run_failing("data race" ${WITH_REDIS} ${REDIS_SERVER} ${WORK}/consumer_tsan race)
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
  # -O0, and in groups: what is tried here is how it is put together.
  build_consumer(-DWQ_SOURCE=${SOURCE} -DBUILD_SHARED_LIBS=ON -DWQ_INSTALL=ON
                 -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=40
                 -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_INSTALL_LIBDIR=${LIBDIR})
  run_library()
  run_worker(${WORK}/consumer_worker)
  set(prefix ${WORK}/prefix)
  run(${CMAKE_COMMAND} --install ${WORK} --prefix ${prefix})
  run_installed_programs(${prefix})
  check_exports(${prefix}/${LIBDIR}/libwq.so _ZTIN2wq5ErrorE _ZTIN2wq9CannotRunE)
  check_exports(${prefix}/${LIBDIR}/libwq_worker_main.so)
  set(WORK ${WORK}/installed)
  build_consumer(-DCMAKE_PREFIX_PATH=${prefix})
  run_library()
  run_worker(${WORK}/consumer_worker)
  drain_with(${prefix}/bin)
  build_with_pkg_config(${prefix} --shared worker.cc wq-worker-main ${WORK}/with_pkg_config)
  run_worker(${WORK}/with_pkg_config)
else()
  message(FATAL_ERROR "unknown KIND ${KIND}")
endif()
file(REMOVE_RECURSE ${folder})
