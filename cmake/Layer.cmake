# add_layer(NAME [FOLDER dir] [USES layer...] [LIBS external...])
#
# One folder is one static library `sy_NAME`. It links only the layers in USES, so the link fails when a
# symbol comes from elsewhere; tests/lint/layers.sh reads the #include lines for the rest. Includes are
# written from the repository root. External libraries are private: their headers stay in the folder.
function(add_layer name)
  cmake_parse_arguments(L "" "FOLDER" "USES;LIBS" ${ARGN})
  if(NOT L_FOLDER)
    set(L_FOLDER ${name})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${L_FOLDER}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  add_library(sy_${name} STATIC ${sources})
  target_include_directories(sy_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  foreach(layer IN LISTS L_USES)
    target_link_libraries(sy_${name} PUBLIC sy_${layer})
  endforeach()
  target_link_libraries(sy_${name} PRIVATE switchyard_warnings ${L_LIBS})
endfunction()

# add_unit_tests(DIR LABEL [USES layer...])
#
# Every DIR/test_*.c is one cmocka program and one ctest case; a new file is found by its place.
function(add_unit_tests dir label)
  cmake_parse_arguments(T "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/test_*.c)
  foreach(source IN LISTS sources)
    file(RELATIVE_PATH rel ${PROJECT_SOURCE_DIR}/tests ${source})
    string(REGEX REPLACE "\\.c$" "" rel ${rel})
    string(REPLACE "/" "." test ${rel})
    add_executable(${test} ${source})
    target_include_directories(${test} PRIVATE ${PROJECT_SOURCE_DIR})
    foreach(layer IN LISTS T_USES)
      target_link_libraries(${test} PRIVATE sy_${layer})
    endforeach()
    target_link_libraries(${test} PRIVATE switchyard_warnings PkgConfig::CMOCKA)
    add_test(NAME ${test} COMMAND ${test} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 600
      ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
  endforeach()
endfunction()
