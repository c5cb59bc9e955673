# add_proto_layer(NAME PROTO...): protobuf-c sources in the build tree, and the descriptor set (with
# imports) as a C array NAME_descriptor_set for the reflection service.
function(add_proto_layer name)
  set(gen ${CMAKE_CURRENT_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${gen})
  set(outputs "")
  foreach(proto IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${gen}/${stem}.pb-c.c ${gen}/${stem}.pb-c.h
      COMMAND ${PROTOC_C} -I${CMAKE_CURRENT_SOURCE_DIR} -I/usr/include --c_out=${gen}
              ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
    list(APPEND outputs ${gen}/${stem}.pb-c.c)
  endforeach()
  add_custom_command(
    OUTPUT ${gen}/descriptors.pb
    COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR} -I/usr/include --include_imports
            --descriptor_set_out=${gen}/descriptors.pb ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} DEPENDS ${ARGN} VERBATIM)
  add_custom_command(
    OUTPUT ${gen}/descriptors.c
    COMMAND ${CMAKE_COMMAND} -DIN=${gen}/descriptors.pb -DOUT=${gen}/descriptors.c
            -DSYMBOL=${name}_descriptor_set -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${gen}/descriptors.pb ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake VERBATIM)
  add_library(sy_${name} STATIC ${outputs} ${gen}/descriptors.c)
  target_include_directories(sy_${name} SYSTEM PUBLIC ${gen})
  target_include_directories(sy_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(sy_${name} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
