# What find_package(sluice) needs after `cmake --install`. Included last: it lists what was built.

include(CMakePackageConfigHelpers)

# sluice::core is floors 0-2: it links nothing beyond the system's own libraries.
add_library(sluice_core INTERFACE)
add_library(sluice::core ALIAS sluice_core)
set_target_properties(sluice_core PROPERTIES EXPORT_NAME core)
set(core_packages "")
foreach(package base runtime chan context sync run)
  if(TARGET sluice_${package})
    target_link_libraries(sluice_core INTERFACE sluice::${package})
    list(APPEND core_packages sluice::${package})
  endif()
endforeach()
sluice_install_package(core sluice_core "" "${core_packages}")

# One line a package: its name, the packages it needs, the libraries it needs.
get_property(installed GLOBAL PROPERTY sluice_installed)
set(sluice_package_table "set(sluice_packages ${installed})\n")
foreach(package IN LISTS installed)
  foreach(what deps third_party)
    get_property(value GLOBAL PROPERTY sluice_installed_${package}_${what})
    string(APPEND sluice_package_table "set(sluice_${package}_${what} ${value})\n")
  endforeach()
endforeach()

configure_package_config_file(
  cmake/sluiceConfig.cmake.in sluiceConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
write_basic_package_version_file(sluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sluiceConfig.cmake
              ${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake
              cmake/sluice_third_party.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
