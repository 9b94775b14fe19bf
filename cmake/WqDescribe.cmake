# Manual pages and completions. Each program says them itself, from the texts of its --help. A
# program that was built for another machine cannot be asked; then there are none.
set(WQ_DESCRIPTIONS ${PROJECT_BINARY_DIR}/descriptions)
set(WQ_DESCRIPTIONS ${WQ_DESCRIPTIONS} PARENT_SCOPE)
if(CMAKE_CROSSCOMPILING)
  return()
endif()

set(described)
foreach(program wq-worker wq-push wqctl)
  foreach(kind man bash zsh)
    set(folder ${kind})
    set(file ${program})
    if(kind STREQUAL "man")
      set(folder man1)
      set(file ${program}.1)
    elseif(kind STREQUAL "zsh")
      set(file _${program})
    endif()
    set(output ${WQ_DESCRIPTIONS}/${folder}/${file})
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${WQ_DESCRIPTIONS}/${folder}
      COMMAND ${program} --describe ${kind} > ${output}.new
      COMMAND ${CMAKE_COMMAND} -E rename ${output}.new ${output}
      DEPENDS ${program}
      VERBATIM)
    list(APPEND described ${output})
  endforeach()
endforeach()
add_custom_target(wq_descriptions ALL DEPENDS ${described})
