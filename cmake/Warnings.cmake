# The warning set. Every target of ours links switchyard_warnings; generated code does not.
option(SWITCHYARD_WERROR "Treat warnings as errors" ON)

add_library(switchyard_warnings INTERFACE)
target_compile_options(switchyard_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wno-sign-conversion
  -Wvla -Wimplicit-fallthrough -Wswitch-enum -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings
  # clang 14 sees what is inside others' macros as ours: fall-throughs of uthash's, casts of the initialisers
  # that protobuf-c generates. gcc checks both for the same files.
  $<$<C_COMPILER_ID:Clang>:-Wno-implicit-fallthrough -Wno-cast-qual>
  $<$<BOOL:${SWITCHYARD_WERROR}>:-Werror>)
