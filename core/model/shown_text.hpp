// Shown text: words of others (a guest, a file, a server), made fit for a terminal.
//
// Called by everyone who stores or prints what he has not written himself: a guest may have been taken over, and control
// characters drive terminals. Pure; cannot fail.
#pragma once

#include <cstddef>
#include <string>

namespace neonvm {

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

// At most `most` bytes of it, not ending within a character of UTF-8; each control character, newline too, is a '?'.
std::string harmless(std::string text, std::size_t most);

}  // namespace neonvm
