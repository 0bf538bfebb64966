// neonvm completion: a script for bash, zsh or fish, made from the table of commands.
#include <iostream>

#include "cli/commands_host.hpp"

namespace neonvm::cli {

namespace {

std::string words_of(const std::vector<Command>& commands) {
  std::string words;
  for (const Command& command : commands) words += (words.empty() ? "" : " ") + command.name;
  return words;
}

std::string options_of(const Command& command) {
  std::string words = "--help";
  for (const OptionFacts& fact : facts_of(command)) {
    if (fact.positional) continue;
    std::string names = fact.names;
    for (char& c : names) c = c == ',' ? ' ' : c;
    words += " " + names;
  }
  return words;
}

// What the first word without a dash is: "vm", "file", "policy" or "".
std::string first_word_of(const Command& command) {
  for (const OptionFacts& fact : facts_of(command)) {
    if (fact.positional) return fact.complete.empty() && fact.names == "name" && command.name != "run" ? "vm" : fact.complete;
  }
  return "";
}

void bash(const std::vector<Command>& commands) {
  std::cout << "# neonvm completion for bash: source <(neonvm completion bash)\n"
               "_neonvm() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
               "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \""
            << words_of(commands)
            << "\" -- \"$word\")); return; fi\n"
               "  local options= kind=\n"
               "  case $command in\n";
  for (const Command& command : commands) {
    std::cout << "    " << command.name << ") options=\"" << options_of(command) << "\" kind=" << first_word_of(command)
              << " ;;\n";
  }
  std::cout << "  esac\n"
               "  case $word in -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")); return ;; esac\n"
               "  case $kind in\n"
               "    vm) COMPREPLY=($(compgen -W \"$(neonvm list -o name 2>/dev/null)\" -- \"$word\")) ;;\n"
               "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
               "  esac\n"
               "}\n"
               "complete -F _neonvm neonvm\n";
}

std::string zsh_quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return text;
}

void zsh(const std::vector<Command>& commands) {
  std::cout << "#compdef neonvm\n"
               "# neonvm completion for zsh: neonvm completion zsh > \"${fpath[1]}/_neonvm\"\n"
               "_neonvm() {\n"
               "  local -a commands\n"
               "  commands=(\n";
  for (const Command& command : commands) {
    std::cout << "    '" << command.name << ":" << zsh_quoted(command.summary) << "'\n";
  }
  std::cout << "  )\n"
               "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
               "  local options= kind=\n"
               "  case $words[2] in\n";
  for (const Command& command : commands) {
    std::cout << "    " << command.name << ") options=\"" << options_of(command) << "\" kind=" << first_word_of(command)
              << " ;;\n";
  }
  std::cout << "  esac\n"
               "  if [[ $words[CURRENT] == -* ]]; then compadd -- ${=options}; return; fi\n"
               "  case $kind in\n"
               "    vm) compadd -- ${(f)\"$(neonvm list -o name 2>/dev/null)\"} ;;\n"
               "    *) _files ;;\n"
               "  esac\n"
               "}\n"
               "_neonvm \"$@\"\n";
}

void fish(const std::vector<Command>& commands) {
  std::cout << "# neonvm completion for fish: neonvm completion fish | source\n"
               "complete -c neonvm -f\n";
  for (const Command& command : commands) {
    std::cout << "complete -c neonvm -n __fish_use_subcommand -a " << command.name << " -d '" << command.summary << "'\n";
    for (const OptionFacts& fact : facts_of(command)) {
      if (fact.positional) continue;
      std::cout << "complete -c neonvm -n '__fish_seen_subcommand_from " << command.name << "'";
      std::string names = fact.names + ",";
      for (std::size_t comma = 0; (comma = names.find(',')) != std::string::npos; names.erase(0, comma + 1)) {
        const std::string name = names.substr(0, comma);
        std::cout << (name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1));
      }
      std::string choices;
      for (const auto& choice : fact.choices) choices += (choices.empty() ? "" : " ") + choice;
      if (!choices.empty()) std::cout << " -x -a '" << choices << "'";
      std::cout << " -d '" << fact.help << "'\n";
    }
    if (first_word_of(command) == "vm") {
      std::cout << "complete -c neonvm -n '__fish_seen_subcommand_from " << command.name
                << "' -a '(neonvm list -o name 2>/dev/null)'\n";
    }
  }
}

}  // namespace

Command completion_command() {
  return {"completion", "Setup", "Print a completion script for a shell", [](Options& o) {
            auto shell = std::make_shared<std::string>();
            o.positional("shell", *shell, "", "bash, zsh or fish");
            o.example("source <(neonvm completion bash)");
            return [shell](Context& context) -> Result<int> {
              if (*shell == "bash") bash(context.commands());
              else if (*shell == "zsh") zsh(context.commands());
              else if (*shell == "fish") fish(context.commands());
              else return Error{Code::invalid_argument, "\"" + *shell + "\" is none of bash, zsh, fish"};
              return 0;
            };
          }};
}

}  // namespace neonvm::cli
