int run_all_tests(int argc, char** argv);

int main(int argc, char** argv) { return run_all_tests(argc, argv); }
