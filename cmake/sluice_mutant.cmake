# sluice_mutant(<out> <source> <FROM> <TO> [<FROM> <TO> ...])
#
# Writes a copy of <source>, a file of the project, to the build folder, in which each text FROM,
# which must stand in it exactly once, is replaced by TO, and sets <out> to the copy's path: for
# tests that show that a bug would be found. Linked as a source of the test, it stands in for the
# library's. Of a header, <out> is the folder to be searched for headers before the project's.
function(sluice_mutant out source)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${source})
  file(READ ${PROJECT_SOURCE_DIR}/${source} text)
  set(folder "")
  math(EXPR last "${ARGC} - 1")
  foreach(i RANGE 2 ${last} 2)
    math(EXPR j "${i} + 1")
    set(from "${ARGV${i}}")
    set(to "${ARGV${j}}")
    string(FIND "${text}" "${from}" first)
    string(FIND "${text}" "${from}" other REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL other)
      message(FATAL_ERROR
        "the mutant of ${source} for ${out}: not there, or more than once: ${from}")
    endif()
    string(REPLACE "${from}" "${to}" text "${text}")
  endforeach()
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/mutants/${out}.cc)
  if(source MATCHES "[.]h$")
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/${out})
    set(copy ${folder}/${source})
  endif()
  file(CONFIGURE OUTPUT ${copy} CONTENT "${text}" @ONLY)
  if(folder)
    set(copy ${folder})
  endif()
  set(${out} ${copy} PARENT_SCOPE)
endfunction()
