# Fuzz targets: libFuzzer programs, made only with NEONVM_FUZZ and Clang. Then every room counts its branches for them.
if(NEONVM_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "NEONVM_FUZZ needs Clang (preset \"asan\"); found ${CMAKE_CXX_COMPILER_ID}")
  endif()
  target_compile_options(neonvm_flags INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(fuzz_programs)
endif()

# neonvm_fuzz(NAME [SOURCES …] LINKS …): without SOURCES, NAME.cpp. Seeds are in tests/fuzz/corpus/NAME; ctest does a short
# run over them, `NAME corpus-folder` a long one. Does nothing without NEONVM_FUZZ, so that a call needs no condition.
function(neonvm_fuzz name)
  if(NOT NEONVM_FUZZ)
    return()
  endif()
  cmake_parse_arguments(FUZZ "" "" "SOURCES;LINKS" ${ARGN})
  if(NOT FUZZ_SOURCES)
    set(FUZZ_SOURCES ${name}.cpp)
  endif()
  add_executable(${name} ${FUZZ_SOURCES})
  target_link_libraries(${name} PRIVATE ${FUZZ_LINKS} neonvm_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)

  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}_found)
  set(seeds ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set(dictionary ${CMAKE_SOURCE_DIR}/tests/fuzz/json.dict)
  file(MAKE_DIRECTORY ${found})
  set(folders ${found})
  if(EXISTS ${seeds})
    list(APPEND folders ${seeds})  # libFuzzer writes to the first folder only
  endif()
  add_test(NAME ${name} COMMAND ${name} -runs=20000 -seed=1 -max_len=4096 -timeout=10 -rss_limit_mb=1024 -verbosity=0
           -print_final_stats=1 -dict=${dictionary} -artifact_prefix=${found}/ ${folders})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 600)
  add_dependencies(fuzz_programs ${name})
endfunction()
