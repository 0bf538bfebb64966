// Without the right to make a network namespace there is nothing to be tried here.
#include <cstdio>

#include "tests/support/own_namespace.hpp"

int run_all_tests(int argc, char** argv);

int main(int argc, char** argv) {
  if (!neonvm::tests::OwnNamespace::possible()) {
    std::puts("skipped: needs a network namespace of its own; run as root, or under `unshare -r`");
    return 77;
  }
  return run_all_tests(argc, argv);
}
