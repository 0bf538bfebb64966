# How a room is declared: one static library, every source in its folder, linked only along the arrows of design.md.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(THREADS_PREFER_PTHREAD_FLAG ON)
include(GNUInstallDirs)
find_package(Threads REQUIRED)

find_program(NEONVM_CCACHE ccache)
if(NEONVM_CCACHE)
  # What one clone has compiled is there for another, wherever it lies: nothing that is hashed names this tree.
  set(cached ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${NEONVM_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${cached})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${cached})
endif()

add_library(neonvm_flags INTERFACE)
target_compile_options(neonvm_flags INTERFACE -Wall -Wextra -Wconversion $<$<BOOL:${NEONVM_WERROR}>:-Werror>
                       -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_include_directories(neonvm_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(NEONVM_SANITIZE)
  target_compile_options(neonvm_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer)
  target_link_options(neonvm_flags INTERFACE -fsanitize=address,undefined)
endif()

# CMAKE_UNITY_BUILD (presets host and asan): several sources per compiler run, a quarter of the time for a build from
# nothing. Two sources of a room that have the same name in their unnamed namespaces cannot be read together:
# neonvm_apart(FILE …) keeps one of them out.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 10)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Told of every struct with a member of an unnamed namespace, because here its source is an included file.
  target_compile_options(neonvm_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
function(neonvm_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

include(NeonvmFuzz)

# neonvm_room(NAME [SOURCES …] [LINKS …]): without SOURCES, every .cpp of the folder.
function(neonvm_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINKS" ${ARGN})
  if(NOT ROOM_SOURCES)
    file(GLOB ROOM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  if(ROOM_SOURCES)
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(${name} PUBLIC neonvm_flags ${ROOM_LINKS} Threads::Threads)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE neonvm_flags ${ROOM_LINKS} Threads::Threads)
  endif()
endfunction()

# neonvm_hot(TARGET …): what `neonvm simulate` goes through hundreds of millions of times. GCC copies a struct of 16 bytes
# in one vector register by default; where its two fields were written just before, one by one, as those of Resources and
# of every std::optional are, the processor must wait until both have left its store buffer.
function(neonvm_hot)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -mno-stv)
    endforeach()
  endif()
endfunction()

# What the sanitizers run over.
add_custom_target(unit_tests)

# neonvm_test(NAME [SOURCES …] LINKS … [LABEL unit]): one Catch2 program; without SOURCES, every *_test.cpp of the folder.
function(neonvm_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT T_SOURCES)
    file(GLOB T_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  endif()
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINKS} catch_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT})
  if(T_LABEL STREQUAL vm)
    set_tests_properties(${name} PROPERTIES PROCESSORS 2)  # QEMU under TCG takes a core and more
  endif()
  if(T_LABEL STREQUAL unit)
    add_dependencies(unit_tests ${name})
  endif()
endfunction()

# neonvm_cluster_test(NAME [SOURCES …] LINKS … [FLAGS --fake-nodes 3 …]): one Catch2 program with a Kubernetes of its own, whose
# kubeconfig $NEONVM_TEST_KUBECONFIG names (tests/cluster/cluster exec). Skipped, with the reason, where none can run.
function(neonvm_cluster_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LINKS;FLAGS" ${ARGN})
  if(NOT T_SOURCES)
    file(GLOB T_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINKS} catch_main)
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/cluster/cluster exec ${T_FLAGS} -- $<TARGET_FILE:${name}>)
  set_tests_properties(${name} PROPERTIES LABELS cluster TIMEOUT 900 PROCESSORS 2 SKIP_RETURN_CODE 77)
endfunction()
