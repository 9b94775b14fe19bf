# Run as a script: cmake -DSCRIPTS=a.lua;b.lua -DOUTPUT=file.cc -P EmbedLua.cmake
# Writes the text of each script and the SHA-1 by which Redis knows it (EVALSHA) into a C++ source.
set(body "")
foreach(script IN LISTS SCRIPTS)
  get_filename_component(name ${script} NAME_WE)
  file(READ ${script} text)
  file(SHA1 ${script} sha1)
  string(APPEND body "const EmbeddedScript k_${name}{\"${name}\", \"${sha1}\", R\"lua(${text})lua\"};\n")
endforeach()
file(WRITE ${OUTPUT}.new "// Generated from libwq/scripts by cmake/EmbedLua.cmake.
#include \"script/embedded.h\"

namespace wq::internal::embedded {
${body}}  // namespace wq::internal::embedded
")
execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${OUTPUT}.new ${OUTPUT})
file(REMOVE ${OUTPUT}.new)
