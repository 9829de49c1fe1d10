# Every library that is not ours: how it is found, and the Debian package that brings it.
# Used by the build and, installed beside the package files, by find_package(sluice).

# sluice_third_party(<name>): makes its imported target available, or says what to install.
#   gtest     -> GTest::gtest_main, GTest::gmock
#   simdjson  -> simdjson::simdjson
#   sqlite3   -> SQLite::SQLite3
#   openssl   -> OpenSSL::Crypto, OpenSSL::SSL
#   cli11     -> CLI11::CLI11
#   libbacktrace -> libbacktrace::libbacktrace
#   zlib      -> ZLIB::ZLIB
macro(sluice_third_party name)
  if("${name}" STREQUAL "gtest")
    if(CMAKE_CROSSCOMPILING)
      sluice_build_gtest()
    else()
      sluice_find_or_say(GTest libgtest-dev libgmock-dev)
    endif()
  elseif("${name}" STREQUAL "simdjson")
    sluice_find_or_say(simdjson libsimdjson-dev)
  elseif("${name}" STREQUAL "sqlite3")
    sluice_find_or_say(SQLite3 libsqlite3-dev)
  elseif("${name}" STREQUAL "openssl")
    sluice_find_or_say(OpenSSL libssl-dev)
  elseif("${name}" STREQUAL "cli11")
    sluice_find_or_say(CLI11 libcli11-dev)
  elseif("${name}" STREQUAL "zlib")
    sluice_find_or_say(ZLIB zlib1g-dev)
  elseif("${name}" STREQUAL "libbacktrace")
    sluice_find_libbacktrace()
  else()
    message(FATAL_ERROR "cmake/sluice_third_party.cmake does not know '${name}'")
  endif()
endmacro()

macro(sluice_find_or_say cmake_name)
  find_package(${cmake_name} QUIET)
  if(NOT ${cmake_name}_FOUND)
    string(REPLACE ";" " " sluice_missing "${ARGN}")
    if(DEFINED sluice_third_party_missing)
      list(APPEND sluice_third_party_missing ${sluice_missing})
    else()
      message(FATAL_ERROR "${cmake_name} is missing. Install it with: "
                          "apt-get install ${sluice_missing}   (or run tools/setup)")
    endif()
  endif()
endmacro()

# It comes with GCC and lies in GCC's own folders: g++ finds both parts, clang only the library.
macro(sluice_find_libbacktrace)
  if(NOT TARGET libbacktrace::libbacktrace)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libbacktrace.a
                    OUTPUT_VARIABLE sluice_libbacktrace OUTPUT_STRIP_TRAILING_WHITESPACE)
    cmake_path(GET sluice_libbacktrace PARENT_PATH sluice_libbacktrace_folder)
    if(EXISTS "${sluice_libbacktrace_folder}/include/backtrace.h")
      add_library(libbacktrace::libbacktrace STATIC IMPORTED)
      set_target_properties(libbacktrace::libbacktrace PROPERTIES
                            IMPORTED_LOCATION "${sluice_libbacktrace}")
      # Last in the search: beside the header lie GCC's own <stddef.h> and the like.
      set_property(TARGET libbacktrace::libbacktrace PROPERTY INTERFACE_COMPILE_OPTIONS
                   $<$<CXX_COMPILER_ID:Clang>:-idirafter${sluice_libbacktrace_folder}/include>)
    elseif(DEFINED sluice_third_party_missing)
      list(APPEND sluice_third_party_missing g++)
    else()
      message(FATAL_ERROR "libbacktrace.a is missing. It comes with GCC's libgcc-<version>-dev: "
                          "apt-get install g++   (or run tools/setup)")
    endif()
  endif()
endmacro()

# Debian's libgtest is for the machine that builds; its source package serves the others.
macro(sluice_build_gtest)
  if(NOT EXISTS /usr/src/googletest/CMakeLists.txt)
    message(FATAL_ERROR "GoogleTest's source is missing. Install it with: "
                        "apt-get install googletest   (or run tools/setup cross)")
  endif()
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
endmacro()

# Google Benchmark is needed by the bench targets only.
macro(sluice_find_benchmark)
  if(NOT SLUICE_BENCHES STREQUAL "off")
    find_package(benchmark QUIET)
    if(NOT benchmark_FOUND AND SLUICE_BENCHES STREQUAL "on")
      message(FATAL_ERROR "Google Benchmark is missing. Install it with: "
                          "apt-get install libbenchmark-dev   (or run tools/setup bench)")
    endif()
  endif()
endmacro()
