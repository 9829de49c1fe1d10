# What every target is compiled with, whichever preset is used. Warnings live in the presets only.

# Goroutine stacks are walked by frame pointer.
add_compile_options(-fno-omit-frame-pointer)

if(PROJECT_IS_TOP_LEVEL)
  find_program(SLUICE_CCACHE ccache)
  mark_as_advanced(SLUICE_CCACHE)
  if(SLUICE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${SLUICE_CCACHE})
  endif()

  include(CheckLinkerFlag)
  check_linker_flag(CXX -fuse-ld=mold SLUICE_LINKS_WITH_MOLD)
  if(SLUICE_LINKS_WITH_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

if(SLUICE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SLUICE_FUZZ needs clang: install clang-19 and libclang-rt-19-dev "
                        "(or run tools/setup fuzz), then use -DCMAKE_CXX_COMPILER=clang++-19")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address)
  add_link_options(-fsanitize=address)
endif()
