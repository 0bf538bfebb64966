// Options: how a command says what it takes. A thin face over CLI11, so that its heavy header stays in one .cpp.
//
// Used by every command's add_options(). The variables bound here must outlive parse(). Failure: a wrong value is
// reported with the option's name, the value and what is accepted, and a near-miss name is suggested.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::cli {

class Options {
 public:
  virtual ~Options() = default;
  // names: "-f,--follow". Help is one sentence without a full stop.
  virtual void flag(const std::string& names, bool& value, const std::string& help) = 0;
  // placeholder: what stands in the help for the value, "SIZE".
  virtual void text(const std::string& names, std::string& value, const std::string& placeholder,
                    const std::string& help, bool required = false) = 0;
  virtual void list(const std::string& names, std::vector<std::string>& values, const std::string& placeholder,
                    const std::string& help) = 0;
  virtual void number(const std::string& names, std::int64_t& value, std::int64_t least, std::int64_t most,
                      const std::string& placeholder, const std::string& help) = 0;
  virtual void choice(const std::string& names, std::string& value, const std::vector<std::string>& choices,
                      const std::string& help) = 0;
  // A word without a dash. `complete`: what completion offers for it: "vm", "file", "", or words, "show|path".
  virtual void positional(const std::string& name, std::string& value, const std::string& complete,
                          const std::string& help, bool required = true) = 0;
  // Everything after the positionals; with `after_dashes` only what stands behind "--".
  virtual void rest(const std::string& name, std::vector<std::string>& values, const std::string& help,
                    bool required = false) = 0;
  virtual void example(const std::string& line) = 0;  // shown under "Examples:" in --help
};

class Context;

// One command of the program. `add` binds its options and returns what is to be run after parsing.
struct Command {
  std::string name;
  std::string group;    // heading in `neonvm --help`
  std::string summary;  // one line
  std::function<std::function<Result<int>(Context&)>(Options&)> add;
  std::vector<std::string> one_dash = {};  // long options that may have one dash, as Go programs write them
};

// What is known of a command line: for help, completion and tests.
struct OptionFacts {
  std::string names, placeholder, help;
  std::vector<std::string> choices;
  bool positional = false;
  std::string complete;
};

// Parses, runs, prints errors; the exit code. 0 done, 1 failed, 2 wrong usage or input, 3 not reachable, 4 not found,
// 5 out of time, 6 refused.
int run_program(const std::vector<Command>& commands, int argc, char** argv);
int exit_code_of(const Error& error);
// The options of one command, for completion.
std::vector<OptionFacts> facts_of(const Command& command);

}  // namespace neonvm::cli
