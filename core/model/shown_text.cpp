#include "core/model/shown_text.hpp"

#include <algorithm>

namespace neonvm {

std::string harmless(std::string text, std::size_t most) {
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80) --most;
    text.resize(most);
  }
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

}  // namespace neonvm
