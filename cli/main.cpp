// The neonvm command: parse, dispatch, turn an Error into an exit code; nothing else. The same file in both profiles.
#include <exception>
#include <iostream>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
  try {
    return neonvm::cli::run_program(neonvm::cli::all_commands(), argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "neonvm: internal error: " << error.what() << "\n";
    return 1;
  }
}
