# Finds hiredis from 0.14 on; Debian's package has a pkg-config file but, before 1.0, no CMake one.
# Defines Hiredis::hiredis and Hiredis_VERSION.
find_package(PkgConfig QUIET)
pkg_check_modules(PC_HIREDIS QUIET hiredis)
find_path(Hiredis_INCLUDE_DIR hiredis/hiredis.h HINTS ${PC_HIREDIS_INCLUDEDIR})
find_library(Hiredis_LIBRARY hiredis HINTS ${PC_HIREDIS_LIBDIR})
set(Hiredis_VERSION ${PC_HIREDIS_VERSION})

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Hiredis
  REQUIRED_VARS Hiredis_LIBRARY Hiredis_INCLUDE_DIR
  VERSION_VAR Hiredis_VERSION)
mark_as_advanced(Hiredis_INCLUDE_DIR Hiredis_LIBRARY)

if(Hiredis_FOUND AND NOT TARGET Hiredis::hiredis)
  add_library(Hiredis::hiredis UNKNOWN IMPORTED)
  set_target_properties(
    Hiredis::hiredis PROPERTIES IMPORTED_LOCATION "${Hiredis_LIBRARY}"
                                INTERFACE_INCLUDE_DIRECTORIES "${Hiredis_INCLUDE_DIR}")
endif()
