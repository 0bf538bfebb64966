// Catch2, compiled once. The main that calls this is in a file of its own (catch_entry.cpp), so that a program with a
// main of its own does not get two.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

int run_all_tests(int argc, char** argv);
int run_all_tests(int argc, char** argv) { return Catch::Session().run(argc, argv); }
