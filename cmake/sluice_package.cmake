# One folder = one package = one target; a package's CMakeLists.txt is a statement of its contents.
#
#   sluice_package(chan
#     HEADERS channel.h select.h internal/core.h   # installed; each must compile alone
#     SOURCES internal/core.cc internal/x.S        # assembly is welcome
#     TESTS channel_test.cc                        # -> chan_test, one ctest entry
#     BENCHES channel_bench.cc                     # -> chan_bench (target `benches`)
#     FUZZ frame_fuzz.cc                           # -> frame_fuzz, replays corpus/frame/ in ctest
#     DEPS sluice::runtime                         # what the headers need
#     PRIVATE_DEPS SQLite::SQLite3                 # what only the sources need
#     TEST_DEPS sluice::testing                    # what only tests, benches and fuzzers need
#     THIRD_PARTY sqlite3)                         # names of cmake/sluice_third_party.cmake
#
# Further programs of a package: sluice_test() and sluice_program(). Include root: the repository.

include(GNUInstallDirs)

add_custom_target(benches)

# A half-written package must not stop work on the others: a stated file that is not there, or a
# package whose dependency is not there, is left out with a warning. `make test` and ci configure
# with -Werror=dev, which makes an error of it.
macro(sluice_keep_existing list)
  foreach(file IN LISTS ${list})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(AUTHOR_WARNING "${name}: ${file} is stated but is not there")
      list(REMOVE_ITEM ${list} ${file})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR})
    endif()
  endforeach()
endmacro()

# Leaves the function that calls it when one of the targets is not there.
macro(sluice_need_targets)
  foreach(target ${ARGN})
    if(NOT TARGET ${target})
      message(AUTHOR_WARNING "${name} is left out: it needs ${target}, which is not there")
      return()
    endif()
  endforeach()
endmacro()

function(sluice_package name)
  cmake_parse_arguments(arg "" ""
    "HEADERS;SOURCES;TESTS;BENCHES;FUZZ;DEPS;PRIVATE_DEPS;TEST_DEPS;THIRD_PARTY" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sluice_package(${name}): unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(files HEADERS SOURCES TESTS BENCHES FUZZ)
    sluice_keep_existing(arg_${files})
  endforeach()
  foreach(library IN LISTS arg_THIRD_PARTY)
    sluice_third_party(${library})
  endforeach()
  sluice_need_targets(${arg_DEPS} ${arg_PRIVATE_DEPS})

  set(target sluice_${name})
  set(scope PUBLIC)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE_DEPS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(sluice::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${scope} cxx_std_23)
  target_sources(${target} ${scope} FILE_SET HEADERS
                 BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} ${scope} ${arg_DEPS} Threads::Threads)
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/sluice/")
    sluice_install_package(${name} ${target} "${arg_THIRD_PARTY}" "${arg_DEPS};${arg_PRIVATE_DEPS}")
  endif()

  if(SLUICE_TESTS AND arg_TESTS)
    sluice_test(${name}_test SOURCES ${arg_TESTS} DEPS sluice::${name} ${arg_TEST_DEPS})
  endif()
  if(arg_BENCHES AND benchmark_FOUND)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${arg_BENCHES})
    target_link_libraries(${name}_bench PRIVATE
                          sluice::${name} ${arg_TEST_DEPS} benchmark::benchmark_main)
    add_dependencies(benches ${name}_bench)
  endif()
  foreach(source IN LISTS arg_FUZZ)
    sluice_fuzz(${source} sluice::${name} ${arg_TEST_DEPS})
  endforeach()
endfunction()

# Parsed once for all tests where SLUICE_TEST_PCH is on: under the sanitizers, whose builds are the
# longest. Not in dev, where it would hide an include that a test forgot.
if(SLUICE_TESTS AND SLUICE_TEST_PCH)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_pch.cc CONTENT "")
  add_library(sluice_test_pch OBJECT ${PROJECT_BINARY_DIR}/test_pch.cc)
  target_compile_features(sluice_test_pch PRIVATE cxx_std_23)
  target_link_libraries(sluice_test_pch PRIVATE GTest::gmock Threads::Threads)
  target_precompile_headers(sluice_test_pch PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <chrono> <map> <mutex> <random> <thread>)
endif()

# sluice_test(<name> SOURCES ... [DEPS ...] [ENVIRONMENT A=1 ...] [ARGS ...] [TIMEOUT seconds])
# One GoogleTest executable, one ctest entry of the same name.
function(sluice_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPS;ENVIRONMENT;ARGS" ${ARGN})
  if(NOT SLUICE_TESTS)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  if(TARGET sluice_test_pch)
    target_precompile_headers(${name} REUSE_FROM sluice_test_pch)
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1 ${arg_ARGS}
           WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES
                       TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()

# sluice_program(<name> SOURCES ... [DEPS ...]): an executable that is neither a test nor a bench.
function(sluice_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  sluice_need_targets(${arg_DEPS})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

# frame_fuzz.cc -> frame_fuzz: under SLUICE_FUZZ a libFuzzer program; otherwise ctest replays
# corpus/frame/ through it.
function(sluice_fuzz source)
  if(NOT SLUICE_TESTS AND NOT SLUICE_FUZZ)
    return()
  endif()
  cmake_path(GET source STEM target)
  string(REGEX REPLACE "_fuzz$" "" subject ${target})
  add_executable(${target} ${source})
  target_link_libraries(${target} PRIVATE ${ARGN})
  if(SLUICE_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY sluice_fuzz_targets ${target})
  else()
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tools/fuzz/replay.cc)
    add_test(NAME ${target} COMMAND ${target} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${subject})
    set_tests_properties(${target} PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# Each package is installed as a file set of headers, its library, and an export of its own, so that
# a program that uses sluice::core needs none of the libraries that sluice::sqlite does.
function(sluice_install_package name target third_party deps)
  install(TARGETS ${target} EXPORT sluice_${name}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT sluice_${name} FILE sluice_${name}.cmake NAMESPACE sluice::
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
  list(FILTER deps INCLUDE REGEX "^sluice::")
  list(TRANSFORM deps REPLACE "^sluice::" "")
  set_property(GLOBAL APPEND PROPERTY sluice_installed ${name})
  set_property(GLOBAL PROPERTY sluice_installed_${name}_third_party ${third_party})
  set_property(GLOBAL PROPERTY sluice_installed_${name}_deps ${deps})
endfunction()
