# SWITCHYARD_SANITIZE is a list for -fsanitize: "address,undefined" or "thread"; empty switches it off.
set(SWITCHYARD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

if(SWITCHYARD_SANITIZE)
  add_compile_options(-fsanitize=${SWITCHYARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SWITCHYARD_SANITIZE})
endif()
