// neonvm completion: a script for bash, zsh or fish, made from the table of commands.
#include <algorithm>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/suggest.hpp"

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

// What the first word without a dash is: "vm", "node", "file", "" or the words to choose from, "show|path".
std::string first_word_of(const Command& command) {
  for (const OptionFacts& fact : facts_of(command)) {
    if (fact.positional) return fact.complete.empty() && fact.names == "name" && command.name != "run" ? "vm" : fact.complete;
  }
  return "";
}

std::string spaced(std::string words, char by) {
  std::replace(words.begin(), words.end(), by, ' ');
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Lines of a `case` over "command option", for the options whose values are known: pattern, then the values.
void value_cases(const std::vector<Command>& commands, const std::string& open, const std::string& close) {
  for (const Command& command : commands) {
    for (const OptionFacts& fact : facts_of(command)) {
      if (fact.choices.empty()) continue;
      std::string names = fact.names + ",", pattern;
      for (std::size_t comma = 0; (comma = names.find(',')) != std::string::npos; names.erase(0, comma + 1)) {
        pattern += (pattern.empty() ? "" : "|") + std::string("\"") + command.name + " " + names.substr(0, comma) + "\"";
      }
      std::cout << "    " << pattern << ") " << open << joined(fact.choices) << close << " ;;\n";
    }
  }
}

void command_cases(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    std::cout << "    " << command.name << ") options=\"" << options_of(command) << "\" kind=\"" << first_word_of(command)
              << "\" ;;\n";
  }
}

void bash(const std::vector<Command>& commands) {
  std::cout << "# neonvm completion for bash: source <(neonvm completion bash)\n"
               "_neonvm() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
               "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \""
            << words_of(commands)
            << "\" -- \"$word\")); return; fi\n"
               "  local options= kind= values=\n"
               "  case \"$command ${COMP_WORDS[COMP_CWORD-1]}\" in\n";
  value_cases(commands, "values=\"", "\"");
  std::cout << "  esac\n"
               "  if [ -n \"$values\" ]; then COMPREPLY=($(compgen -W \"$values\" -- \"$word\")); return; fi\n"
               "  case $command in\n";
  command_cases(commands);
  std::cout << "  esac\n"
               "  case $word in -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")); return ;; esac\n"
               "  case $kind in\n"
               "    vm) COMPREPLY=($(compgen -W \"$(neonvm list -o name 2>/dev/null)\" -- \"$word\")) ;;\n"
               "    *'|'*) COMPREPLY=($(compgen -W \"${kind//|/ }\" -- \"$word\")) ;;\n"
               "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
               "  esac\n"
               "}\n"
               "complete -F _neonvm neonvm\n";
}

// Within single quotes of zsh and fish.
std::string escaped(std::string text, const std::string& quote) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += quote.size()) text.replace(at, 1, quote);
  return text;
}

void zsh(const std::vector<Command>& commands) {
  std::cout << "#compdef neonvm\n"
               "# neonvm completion for zsh: neonvm completion zsh > \"${fpath[1]}/_neonvm\"\n"
               "_neonvm() {\n"
               "  local -a commands\n"
               "  commands=(\n";
  for (const Command& command : commands) {
    std::cout << "    '" << command.name << ":" << escaped(command.summary, "'\\''") << "'\n";
  }
  std::cout << "  )\n"
               "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
               "  local options= kind=\n"
               "  case \"$words[2] $words[CURRENT-1]\" in\n";
  value_cases(commands, "compadd -- ", "; return");
  std::cout << "  esac\n"
               "  case $words[2] in\n";
  command_cases(commands);
  std::cout << "  esac\n"
               "  if [[ $words[CURRENT] == -* ]]; then compadd -- ${=options}; return; fi\n"
               "  case $kind in\n"
               "    vm) compadd -- ${(f)\"$(neonvm list -o name 2>/dev/null)\"} ;;\n"
               "    *'|'*) compadd -- ${(s:|:)kind} ;;\n"
               "    *) _files ;;\n"
               "  esac\n"
               "}\n"
               "_neonvm \"$@\"\n";
}

void fish_options(const Command& command, const std::string& when) {
  for (const OptionFacts& fact : facts_of(command)) {
    if (fact.positional) continue;
    std::cout << when;
    std::string names = fact.names + ",";
    for (std::size_t comma = 0; (comma = names.find(',')) != std::string::npos; names.erase(0, comma + 1)) {
      const std::string name = names.substr(0, comma);
      std::cout << (name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1));
    }
    if (!fact.choices.empty()) std::cout << " -x -a '" << joined(fact.choices) << "'";
    else if (!fact.placeholder.empty()) std::cout << " -r";
    std::cout << " -d '" << escaped(fact.help, "\\'") << "'\n";
  }
}

void fish(const std::vector<Command>& commands) {
  std::cout << "# neonvm completion for fish: neonvm completion fish | source\n"
               "complete -c neonvm -f\n";
  for (const Command& command : commands) {
    std::cout << "complete -c neonvm -n __fish_use_subcommand -a " << command.name << " -d '"
              << escaped(command.summary, "\\'") << "'\n";
    const std::string when = "complete -c neonvm -n '__fish_seen_subcommand_from " + command.name + "'";
    fish_options(command, when);
    const std::string kind = first_word_of(command);
    if (kind == "vm") std::cout << when << " -a '(neonvm list -o name 2>/dev/null)'\n";
    else if (kind == "file") std::cout << when << " -F\n";
    else if (kind.find('|') != std::string::npos) std::cout << when << " -a '" << spaced(kind, '|') << "'\n";
  }
}

}  // namespace

Command completion_command() {
  return {"completion", "Setup", "Print a completion script for a shell", [](Options& o) {
            auto shell = std::make_shared<std::string>();
            o.positional("shell", *shell, "bash|zsh|fish", "bash, zsh or fish");
            o.example("source <(neonvm completion bash)");
            return [shell](Context& context) -> Result<int> {
              if (*shell == "bash") bash(context.commands());
              else if (*shell == "zsh") zsh(context.commands());
              else if (*shell == "fish") fish(context.commands());
              else return Error{Code::invalid_argument, "\"" + *shell + "\" is none of bash, zsh, fish." +
                                                       did_you_mean(*shell, {"bash", "zsh", "fish"})};
              return 0;
            };
          }};
}

}  // namespace neonvm::cli
