// The neonvm command of a guest: the static program's main. Started as `init` it is PID 1 and looks at no arguments.
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/commands.hpp"
#include "guest/init/init.hpp"

namespace {

bool is_called_init(std::string_view program) { return program.substr(program.rfind('/') + 1) == "init"; }

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 0 && is_called_init(argv[0])) return neonvm::guest::run_init();
    return neonvm::cli::run_program(neonvm::cli::all_commands(), argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "neonvm: internal error: %s\n", error.what());
    return 1;
  }
}
