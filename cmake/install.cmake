# SPDX-License-Identifier: MIT
# What `cmake --install` puts where. The prefix may be moved afterwards, or be given only then.
install(DIRECTORY include/mqtt_e2e DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mqtt-e2e)

# Two export sets: whoever links the shared library needs neither libmosquitto's nor libcrypto's headers.
foreach(kind shared static)
  install(TARGETS mqtt-e2e-${kind} EXPORT mqtt-e2e-${kind})
  install(EXPORT mqtt-e2e-${kind} NAMESPACE mqtt-e2e:: DESTINATION ${package_dir})
endforeach()
configure_package_config_file(cmake/mqtt-e2e-config.cmake.in mqtt-e2e-config.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(mqtt-e2e-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mqtt-e2e-config.cmake ${PROJECT_BINARY_DIR}/mqtt-e2e-config-version.cmake
  DESTINATION ${package_dir})

# pkg-config: the prefix is found from where the file lies.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH pc_prefix /prefix/${pc_dir} /prefix)
  string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
  set(pc_${dir} ${CMAKE_INSTALL_${dir}})
  if(NOT IS_ABSOLUTE ${pc_${dir}})
    string(PREPEND pc_${dir} "\${prefix}/")
  endif()
endforeach()
configure_file(cmake/mqtt-e2e.pc.in mqtt-e2e.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mqtt-e2e.pc DESTINATION ${pc_dir})

# Man pages: man/NAME.SECTION.scd
find_program(SCDOC scdoc)
file(GLOB pages CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/man man/*.scd)
if(NOT SCDOC AND pages)
  message(STATUS "scdoc not found: no man pages")
  set(pages)
endif()
foreach(page ${pages})
  string(REGEX REPLACE "\\.scd$" "" page ${page})
  string(REGEX MATCH "[0-9]$" section ${page})
  add_custom_command(OUTPUT man/${page} DEPENDS man/${page}.scd VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory man
    COMMAND sh -c "\"$0\" <\"$1\" >\"$2\"" ${SCDOC} ${PROJECT_SOURCE_DIR}/man/${page}.scd man/${page})
  list(APPEND built_pages ${PROJECT_BINARY_DIR}/man/${page})
  install(FILES ${PROJECT_BINARY_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
add_custom_target(man ALL DEPENDS ${built_pages})
