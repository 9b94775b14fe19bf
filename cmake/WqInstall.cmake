# What `cmake --install` puts where: headers, libraries, programs, the package that find_package(wq)
# finds, and pkg-config files. All paths in them are relative, so a prefix may be moved. The component
# `programs` is what the image needs: the programs alone.
include(CMakePackageConfigHelpers)
set(WQ_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/wq)
get_target_property(library_type wq TYPE)
if(library_type STREQUAL "STATIC_LIBRARY")
  set(WQ_IS_STATIC ON)
else()
  set(WQ_IS_STATIC OFF)
endif()

# Before 1.0 a new minor version may break its users, so it is a new SOVERSION.
set(WQ_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

# wq_library(TARGET EXPORT NAME): installs a library that find_package(wq) offers as wq::NAME.
function(wq_library target export name)
  set_target_properties(
    ${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${WQ_SOVERSION}
                         INSTALL_RPATH $ORIGIN EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT ${export})
endfunction()

# wq_pkg_config(FILE MODULES LIBS): MODULES and LIBS are what the library itself is linked with.
# If it is static, its users link them too, with and without pkg-config --static.
function(wq_pkg_config file modules libs)
  if(WQ_IS_STATIC)
    set(WQ_PC_MODULES ${modules})
    set(WQ_PC_LIBS ${libs})
  else()
    set(WQ_PC_PRIVATE_MODULES ${modules})
    set(WQ_PC_PRIVATE_LIBS ${libs})
  endif()
  file(RELATIVE_PATH WQ_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" WQ_PC_PREFIX "${WQ_PC_PREFIX}")
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${file}.in ${PROJECT_BINARY_DIR}/${file} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

wq_library(wq wqTargets wq)
install(EXPORT wqTargets NAMESPACE wq:: DESTINATION ${WQ_PACKAGE_DIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/libwq/include/wq ${PROJECT_BINARY_DIR}/libwq/include/wq
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
wq_pkg_config(wq.pc "hiredis >= 0.14, libssl >= 3, libcrypto >= 3, fmt" "-pthread")

if(WQ_BUILD_PROGRAMS)
  wq_library(wq_worker_main wqWorkerMainTargets worker_main)
  if(WQ_IS_STATIC)
    # Parts of worker_main for the linker alone: they have no headers to install.
    wq_library(wq_metrics wqWorkerMainTargets internal_metrics)
    wq_library(wq_cli wqWorkerMainTargets internal_cli)
    set(WQ_PC_CLI "-lwq_metrics -lwq_cli")
  endif()
  install(EXPORT wqWorkerMainTargets NAMESPACE wq:: DESTINATION ${WQ_PACKAGE_DIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/worker/include/wq
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
  file(RELATIVE_PATH bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(wq-worker wq-push wqctl PROPERTIES INSTALL_RPATH $ORIGIN/${bin_to_lib})
  install(TARGETS wq-worker wq-push wqctl COMPONENT programs)
  if(NOT CMAKE_CROSSCOMPILING)
    install(DIRECTORY ${WQ_DESCRIPTIONS}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
    install(DIRECTORY ${WQ_DESCRIPTIONS}/bash/
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(DIRECTORY ${WQ_DESCRIPTIONS}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  endif()
  wq_pkg_config(wq-worker-main.pc "spdlog, fmt, prometheus-cpp-pull, prometheus-cpp-core"
                "-lboost_program_options")
endif()

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/wqConfig.cmake.in ${PROJECT_BINARY_DIR}/wqConfig.cmake
  INSTALL_DESTINATION ${WQ_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/wqConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
# What help, manual pages and headers name, in the folders of the source, so that its links hold.
set(WQ_DOC_DIR ${CMAKE_INSTALL_DATADIR}/doc/wq)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${WQ_DOC_DIR})
install(DIRECTORY docs examples k8s DESTINATION ${WQ_DOC_DIR} USE_SOURCE_PERMISSIONS
        PATTERN __pycache__ EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/libwq/tsan.supp ${WQ_PROTOCOL}/protocol.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/wq)

install(FILES ${PROJECT_BINARY_DIR}/wqConfig.cmake ${PROJECT_BINARY_DIR}/wqConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindHiredis.cmake DESTINATION ${WQ_PACKAGE_DIR})
