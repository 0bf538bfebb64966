# neonvm_embed(OUT NAMESPACE FUNCTION FILE …): writes OUT, a source with `std::string_view NAMESPACE::FUNCTION()`, which returns the
# files one after the other as YAML documents. A change of a file configures anew.
function(neonvm_embed out namespace function)
  set(text "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} document)
    string(APPEND text "---\n${document}")
  endforeach()
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [[
#include <string_view>

namespace @namespace@ {

std::string_view @function@();
std::string_view @function@() {
  static constexpr std::string_view text = R"embedded(@text@)embedded";
  return text;
}

}  // namespace @namespace@
]])
endfunction()
