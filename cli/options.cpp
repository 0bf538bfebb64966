#include "cli/options.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <map>

#include "cli/context.hpp"
#include "cli/suggest.hpp"
#include "cli/version.hpp"

namespace neonvm::cli {

namespace {

// Remembers the facts, and binds to CLI11 if there is an app.
class Recorder : public Options {
 public:
  explicit Recorder(CLI::App* app) : app_(app) {}

  void flag(const std::string& names, bool& value, const std::string& help) override {
    note(names, "", help);
    if (app_) app_->add_flag(names, value, help)->disable_flag_override();  // no --follow=7
  }
  void text(const std::string& names, std::string& value, const std::string& placeholder, const std::string& help,
            bool required) override {
    note(names, placeholder, help);
    if (!app_) return;
    auto* option = app_->add_option(names, value, help)->type_name(placeholder);
    if (required) option->required();
  }
  void list(const std::string& names, std::vector<std::string>& values, const std::string& placeholder,
            const std::string& help) override {
    note(names, placeholder, help);
    if (app_) app_->add_option(names, values, help)->type_name(placeholder)->expected(1)->allow_extra_args(false)->take_all();
  }
  void number(const std::string& names, std::int64_t& value, std::int64_t least, std::int64_t most,
              const std::string& placeholder, const std::string& help) override {
    note(names, placeholder, help);
    if (app_) app_->add_option(names, value, help)->type_name(placeholder)->check(CLI::Range(least, most));
  }
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& choices,
              const std::string& help) override {
    note(names, "", help);
    facts.back().choices = choices;
    if (!app_) return;
    std::string shown;
    for (const auto& one : choices) shown += (shown.empty() ? "" : "|") + one;
    app_->add_option(names, value, help)->type_name(shown)->check([choices](const std::string& given) -> std::string {
      if (std::find(choices.begin(), choices.end(), given) != choices.end()) return "";
      std::string all;
      for (const auto& one : choices) all += (all.empty() ? "" : ", ") + one;
      return "\"" + given + "\" is none of " + all + "." + did_you_mean(given, choices);
    });
  }
  void positional(const std::string& name, std::string& value, const std::string& complete, const std::string& help,
                  bool required) override {
    note(name, "", help);
    facts.back().positional = true;
    facts.back().complete = complete;
    if (!app_) return;
    auto* option = app_->add_option(name, value, help)->type_name("");
    if (required) option->required();
  }
  void rest(const std::string& name, std::vector<std::string>& values, const std::string& help, bool required) override {
    note(name, "", help);
    facts.back().positional = true;
    if (!app_) return;
    app_->prefix_command(false);
    auto* option = app_->add_option(name, values, help)->type_name("");
    if (required) option->required();
  }
  void example(const std::string& line) override { examples += "  " + line + "\n"; }

  std::vector<OptionFacts> facts;
  std::string examples;

 private:
  void note(const std::string& names, const std::string& placeholder, const std::string& help) {
    OptionFacts fact;
    fact.names = names;
    fact.placeholder = placeholder;
    fact.help = help;
    facts.push_back(std::move(fact));
  }
  CLI::App* app_;
};

std::vector<std::string> names_of(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  return names;
}

std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// The first word that is no option, and where it is. Global options stand before it, some with a value.
int command_at(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.empty() || word[0] != '-') return i;
    const CLI::Option* option = app.get_option_no_throw(word);
    if (option && option->get_items_expected_max() > 0) ++i;
  }
  return argc;
}

// What is wrong with the first long option among the words that neither of both knows, or that gives a flag a value.
std::string wrong_option(const CLI::App& app, const CLI::App& command, char** begin, char** end) {
  auto known = long_options(command);
  for (const std::string& name : long_options(app)) known.push_back(name);
  for (char** each = begin; each != end; ++each) {
    const std::string word = *each, name = word.substr(0, word.find('='));
    if (word == "--") break;
    if (word.rfind("--", 0) != 0) continue;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return "there is no option \"" + name + "\"." + did_you_mean(name, known);
    }
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option && option->get_items_expected_max() == 0 && word != name) return name + " takes no value";
  }
  return "";
}

int usage_error(const CLI::App& app, const CLI::App* command, const CLI::ParseError& error,
                const std::vector<Command>& commands, int argc, char** argv) {
  if (argc < 2) {
    std::cout << app.help();
    return 2;
  }
  const std::string name = command ? " " + command->get_name() : "";
  const int at = command_at(app, argc, argv);
  std::string text = wrong_option(app, app, argv + 1, argv + at);
  if (text.empty() && command) text = wrong_option(app, *command, argv + std::min(at + 1, argc), argv + argc);
  if (text.empty() && !command && at < argc) {
    text = "there is no command \"" + std::string(argv[at]) + "\"." + did_you_mean(argv[at], names_of(commands));
  }
  if (text.empty()) text = error.what();
  std::cerr << "neonvm" << name << ": " << text << "\nSee: neonvm" << name << " --help\n";
  return 2;
}

struct Program {
  CLI::App app{"Vertical autoscaler for virtual machines: a VM that grows and shrinks by itself.", "neonvm"};
  GlobalOptions globals;
  std::map<const CLI::App*, std::function<Result<int>(Context&)>> runs;
};

void add_globals(CLI::App& app, GlobalOptions& globals) {
  app.add_option("--home", globals.home, "Where VMs and their state are kept (default: $NEONVM_HOME)")->type_name("DIR");
  app.add_option("--config", globals.config, "Configuration file (default: $XDG_CONFIG_HOME/neonvm/config.toml)")
      ->type_name("FILE");
  app.add_option("--orchestrator", globals.orchestrator, "Where VMs are kept: local, k8s, or another plugin")->type_name("NAME");
  app.add_option("--kubeconfig", globals.kubeconfig, "With k8s: the kubeconfig (default: as kubectl)")->type_name("FILE");
  app.add_option("--context", globals.kube_context, "With k8s: the kubeconfig's context")->type_name("NAME");
  app.add_option("--namespace", globals.kube_namespace, "With k8s: the namespace of the VMs")->type_name("NAME");
  app.add_flag("-v,--verbose", globals.verbose, "Say more on standard error");
}

void build(Program& program, const std::vector<Command>& commands) {
  program.app.set_version_flag("--version", version_line());
  program.app.require_subcommand(1);
  program.app.fallthrough();
  program.app.get_formatter()->column_width(34);
  add_globals(program.app, program.globals);
  for (const Command& command : commands) {
    CLI::App* sub = program.app.add_subcommand(command.name, command.summary);
    sub->group(command.group);
    sub->get_formatter()->column_width(34);
    Recorder recorder(sub);
    program.runs[sub] = command.add(recorder);
    if (!recorder.examples.empty()) sub->footer("Examples:\n" + recorder.examples);
  }
}

// "-src=x" as "--src=x", where the command takes it so.
std::vector<std::string> with_two_dashes(const std::vector<Command>& commands, int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  const auto is_command = [&words](const Command& each) { return std::find(words.begin(), words.end(), each.name) != words.end(); };
  const auto command = std::find_if(commands.begin(), commands.end(), [&](const Command& each) { return !each.one_dash.empty() && is_command(each); });
  if (command == commands.end()) return words;
  for (std::string& word : words) {
    if (word == "--") break;
    if (word.size() < 3 || word[0] != '-' || word[1] == '-') continue;
    const std::string name = word.substr(1, word.find('=') == std::string::npos ? std::string::npos : word.find('=') - 1);
    if (std::find(command->one_dash.begin(), command->one_dash.end(), name) != command->one_dash.end()) word.insert(0, "-");
  }
  return words;
}

// "neonvm help scale" is "neonvm scale --help".
std::vector<char*> help_as_option(int argc, char** argv) {
  static char option[] = "--help";
  std::vector<char*> words(argv, argv + argc);
  if (argc < 2 || std::string(argv[1]) != "help") return words;
  words.erase(words.begin() + 1);
  words.insert(words.begin() + std::min<std::ptrdiff_t>(2, static_cast<std::ptrdiff_t>(words.size())), option);
  return words;
}

}  // namespace

std::vector<OptionFacts> facts_of(const Command& command) {
  Recorder recorder(nullptr);
  (void)command.add(recorder);
  return recorder.facts;
}

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument: return 2;
    case Code::unavailable: return 3;
    case Code::not_found: return 4;
    case Code::deadline_exceeded: return 5;
    case Code::refused: return 6;
    case Code::out_of_capacity:
    case Code::already_exists:
    case Code::conflict:
    case Code::cancelled:
    case Code::unsupported:
    case Code::permission_denied:
    case Code::data_loss:
    case Code::internal:
    case Code::failed_precondition: return 1;
  }
  return 1;
}

int run_program(const std::vector<Command>& commands, int given_count, char** given) {
  Program program;
  build(program, commands);
  std::vector<char*> words = help_as_option(given_count, given);
  const int argc = static_cast<int>(words.size());
  char** argv = words.data();
  try {
    auto dashed = with_two_dashes(commands, argc, argv);
    std::vector<char*> pointers;
    for (std::string& word : dashed) pointers.push_back(word.data());
    program.app.parse(argc, pointers.data());
  } catch (const CLI::CallForHelp& help) {
    const auto chosen = program.app.get_subcommands();
    if (chosen.empty() && command_at(program.app, argc, argv) < argc) {
      return usage_error(program.app, nullptr, help, commands, argc, argv);
    }
    std::cout << (chosen.empty() ? program.app.help() : chosen.front()->help("neonvm"));
    return 0;
  } catch (const CLI::CallForVersion&) {
    std::cout << version_line() << "\n";
    return 0;
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.app.get_subcommands();
    return usage_error(program.app, chosen.empty() ? nullptr : chosen.front(), error, commands, argc, argv);
  }
  const CLI::App* chosen = program.app.get_subcommands().front();
  Context context(program.globals, commands);
  const Result<int> result = program.runs.at(chosen)(context);
  if (result) return *result;
  std::cerr << "neonvm " << chosen->get_name() << ": " << result.error().message << "\n";
  return exit_code_of(result.error());
}

}  // namespace neonvm::cli
