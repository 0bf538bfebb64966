# How a plugin is declared, here and, through find_package(neonvm), by others:
#
#   neonvm_plugin(NAME qemu KIND hypervisor SOURCES a.cpp plugin.cpp [LINKS …] [VERSION 1.2] [BUILTIN])
#
# One of the sources holds NEONVM_PLUGIN(qemu, hypervisor, Class). Makes
#   neonvm_hypervisor_qemu         a static library, for tests and for programs that link the plugin in
#   neonvm_hypervisor_qemu_module  hypervisor-qemu.so: everything hidden but neonvm_plugin_v1
# BUILTIN puts it into the list that neonvm_builtin_plugins carries; what is not built in is installed as a module.
include(GNUInstallDirs)
set(NEONVM_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/neonvm_plugin.map)

function(neonvm_plugin)
  cmake_parse_arguments(P "BUILTIN" "NAME;KIND;VERSION" "SOURCES;LINKS" ${ARGN})
  if(P_UNPARSED_ARGUMENTS OR NOT P_NAME OR NOT P_SOURCES)
    message(FATAL_ERROR "neonvm_plugin: needs NAME, KIND, SOURCES; does not know: ${P_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT P_KIND MATCHES "^(hypervisor|orchestrator|policy)$")
    message(FATAL_ERROR "neonvm_plugin ${P_NAME}: KIND is hypervisor, orchestrator or policy, not '${P_KIND}'")
  endif()
  if(NOT P_VERSION)
    set(P_VERSION ${PROJECT_VERSION})
  endif()
  if(NOT P_VERSION)
    set(P_VERSION 0)
  endif()
  set(target neonvm_${P_KIND}_${P_NAME})
  set(getter neonvm_plugin_v1_${P_KIND}_${P_NAME})

  add_library(${target} STATIC ${P_SOURCES})
  target_compile_definitions(${target} PRIVATE NEONVM_PLUGIN_VERSION="${P_VERSION}")
  target_link_libraries(${target} PUBLIC neonvm::plugin_sdk ${P_LINKS})
  neonvm_plugin_module(${target} ${P_KIND}-${P_NAME} ${getter})

  if(P_BUILTIN)
    set_property(GLOBAL APPEND PROPERTY NEONVM_BUILTIN_TARGETS ${target})
    set_property(GLOBAL APPEND PROPERTY NEONVM_BUILTIN_GETTERS ${getter})
  else()
    install(TARGETS ${target}_module LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/neonvm/plugins COMPONENT plugins)
  endif()
endfunction()

# The shared library around a plugin's static one: it adds the exported alias of the getter.
function(neonvm_plugin_module target file getter)
  set(alias ${CMAKE_CURRENT_BINARY_DIR}/${file}_export.cpp)
  file(CONFIGURE OUTPUT ${alias} @ONLY CONTENT [[
struct neonvm_plugin_descriptor;
extern "C" const neonvm_plugin_descriptor* @getter@(void);
extern "C" __attribute__((visibility("default"))) const neonvm_plugin_descriptor* neonvm_plugin_v1(void) {
  return @getter@();
}
]])
  add_library(${target}_module MODULE ${alias})
  target_link_libraries(${target}_module PRIVATE ${target})
  # Missing symbols show at link time; a sanitizer's runtime comes with the program, so not there.
  target_link_options(${target}_module PRIVATE -Wl,--version-script=${NEONVM_PLUGIN_MAP}
                      $<$<NOT:$<BOOL:${NEONVM_SANITIZE}>>:-Wl,-z,defs>)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                        VISIBILITY_INLINES_HIDDEN ON)
  set_target_properties(${target}_module PROPERTIES PREFIX "" OUTPUT_NAME ${file}
                        LINK_DEPENDS ${NEONVM_PLUGIN_MAP}
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
endfunction()

# Writes the list of what is built in and makes neonvm_builtin_plugins of it. Run at the end of the root list, when all
# plugins are declared.
function(neonvm_write_builtin_plugins)
  get_property(targets GLOBAL PROPERTY NEONVM_BUILTIN_TARGETS)
  get_property(getters GLOBAL PROPERTY NEONVM_BUILTIN_GETTERS)
  set(declarations "")
  set(entries "")
  foreach(getter ${getters})
    string(APPEND declarations "extern \"C\" const neonvm_plugin_descriptor* ${getter}(void);\n")
    string(APPEND entries "      ${getter},\n")
  endforeach()
  list(LENGTH getters count)
  set(file ${CMAKE_BINARY_DIR}/builtin_plugins.cpp)
  file(CONFIGURE OUTPUT ${file} @ONLY CONTENT [[
#include "core/plugin/builtin_plugins.hpp"

#include <array>

@declarations@
namespace neonvm::plugin {

std::span<const neonvm_plugin_getter> builtin_plugins() {
  static constexpr std::array<neonvm_plugin_getter, @count@> getters = {
@entries@  };
  return getters;
}

}  // namespace neonvm::plugin
]])
  add_library(neonvm_builtin_plugins STATIC ${file})
  target_link_libraries(neonvm_builtin_plugins PUBLIC neonvm_flags ${targets})
endfunction()
