# The static program that runs in a guest: no interpreter, no dlopen, no resolver, no locale; and small, because every
# page of it is a page that the guest's owner pays for.
add_executable(neonvm-guest ${guest_files} suggest.cpp version.cpp)
target_link_libraries(neonvm-guest PRIVATE neonvm_guest)
target_compile_definitions(neonvm-guest PRIVATE NEONVM_VERSION="${PROJECT_VERSION}")
# For every room that is linked in.
target_compile_options(neonvm_flags INTERFACE -ffunction-sections -fdata-sections -fno-pie -fno-plt)
set_target_properties(neonvm_model neonvm_decide neonvm_wire neonvm_runtime neonvm_guest neonvm-guest PROPERTIES
                      POSITION_INDEPENDENT_CODE OFF)
target_link_options(neonvm-guest PRIVATE -static -no-pie -Wl,--gc-sections -Wl,-z,norelro -Wl,-z,noseparate-code)
set_target_properties(neonvm-guest PROPERTIES OUTPUT_NAME neonvm RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
