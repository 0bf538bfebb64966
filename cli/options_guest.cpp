// Options of the static guest program: the same interface as the host's, by hand instead of with CLI11, because a guest
// has a handful of commands and counts its memory in pages; and with stdio, because C++ streams bring locales with them.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>

#include "cli/options.hpp"
#include "cli/suggest.hpp"
#include "cli/version.hpp"

namespace neonvm::cli {

// The host's has configuration, plugins and a store; a guest's command needs none of it.
class Context {};

namespace {

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

struct Known {
  std::vector<std::string> names;      // "-f", "--follow"; for a positional its name
  std::string placeholder, help;
  bool takes_value = true, positional = false, required = false, many = false;
  std::function<std::optional<std::string>(const std::string&)> set;  // the refusal, if any
  bool given = false;
};

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t comma = names.find(','); comma != std::string::npos; comma = names.find(',', from)) {
    parts.push_back(names.substr(from, comma - from));
    from = comma + 1;
  }
  parts.push_back(names.substr(from));
  return parts;
}

using Setter = std::function<std::optional<std::string>(const std::string&)>;

class PlainOptions : public Options {
 public:
  void flag(const std::string& names, bool& value, const std::string& help) override {
    add(names, "", help, [&value](const std::string&) { value = true; return std::optional<std::string>(); }).takes_value = false;
  }
  void text(const std::string& names, std::string& value, const std::string& placeholder, const std::string& help,
            bool required) override {
    add(names, placeholder, help, setter(value)).required = required;
  }
  void list(const std::string& names, std::vector<std::string>& values, const std::string& placeholder,
            const std::string& help) override {
    add(names, placeholder, help, adder(values));
  }
  void number(const std::string& names, std::int64_t& value, std::int64_t least, std::int64_t most,
              const std::string& placeholder, const std::string& help) override {
    add(names, placeholder, help, [&value, least, most](const std::string& word) -> std::optional<std::string> {
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      const bool whole = error == std::errc{} && end == word.data() + word.size();
      if (whole && value >= least && value <= most) return std::nullopt;
      return "give a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    });
  }
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& choices,
              const std::string& help) override {
    add(names, "", help, [&value, choices](const std::string& word) -> std::optional<std::string> {
      if (std::find(choices.begin(), choices.end(), word) == choices.end()) return did_you_mean(word, choices);
      value = word;
      return std::nullopt;
    });
  }
  void positional(const std::string& name, std::string& value, const std::string&, const std::string& help,
                  bool required) override {
    Known& known = add(name, "", help, setter(value));
    known.positional = true;
    known.required = required;
  }
  void rest(const std::string& name, std::vector<std::string>& values, const std::string& help, bool required) override {
    Known& known = add(name, "", help, adder(values));
    known.positional = known.many = true;
    known.required = required;
  }
  void example(const std::string& line) override { examples += "  " + line + "\n"; }

  // The refusal, if any.
  std::optional<std::string> parse(const std::vector<std::string>& words);
  void print_help(const Command& command) const;
  std::string examples;

 private:
  static Setter setter(std::string& value) {
    return [&value](const std::string& word) { value = word; return std::optional<std::string>(); };
  }
  static Setter adder(std::vector<std::string>& values) {
    return [&values](const std::string& word) { values.push_back(word); return std::optional<std::string>(); };
  }
  Known& add(const std::string& names, const std::string& placeholder, const std::string& help, Setter set) {
    Known known;
    known.names = split_names(names);
    known.placeholder = placeholder;
    known.help = help;
    known.set = std::move(set);
    return known_.emplace_back(std::move(known));
  }
  Known* find(const std::string& name);
  Known* next_positional();
  std::optional<std::string> take(Known& known, const std::string& value);
  [[nodiscard]] std::vector<std::string> long_names() const;

  std::vector<Known> known_;
};

Known* PlainOptions::find(const std::string& name) {
  for (Known& known : known_) {
    if (!known.positional && std::find(known.names.begin(), known.names.end(), name) != known.names.end()) return &known;
  }
  return nullptr;
}

Known* PlainOptions::next_positional() {
  for (Known& known : known_) {
    if (known.positional && (!known.given || known.many)) return &known;
  }
  return nullptr;
}

std::vector<std::string> PlainOptions::long_names() const {
  std::vector<std::string> names;
  for (const Known& known : known_) {
    if (!known.positional) names.push_back(known.names.back());
  }
  return names;
}

std::optional<std::string> PlainOptions::take(Known& known, const std::string& value) {
  known.given = true;
  const auto refused = known.set(value);
  if (!refused) return std::nullopt;
  return known.names.back() + ": \"" + value + "\": " + *refused;
}

std::optional<std::string> PlainOptions::parse(const std::vector<std::string>& words) {
  bool only_positionals = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--" && !only_positionals) {
      only_positionals = true;
      continue;
    }
    if (only_positionals || word.size() < 2 || word[0] != '-') {
      Known* known = next_positional();
      if (known == nullptr) return "\"" + word + "\" is one word too many";
      if (const auto refused = take(*known, word)) return refused;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    Known* known = find(name);
    if (known == nullptr) return "there is no option \"" + name + "\"." + did_you_mean(name, long_names());
    const bool inside = equals != std::string::npos;
    if (known->takes_value && !inside && i + 1 == words.size()) return name + " needs a value";
    const std::string value = !known->takes_value ? "" : inside ? word.substr(equals + 1) : words[++i];
    if (const auto refused = take(*known, value)) return refused;
  }
  for (const Known& known : known_) {
    if (known.required && !known.given) return known.names.back() + " is required";
  }
  return std::nullopt;
}

void PlainOptions::print_help(const Command& command) const {
  std::string text = command.summary + "\n\nUsage: neonvm " + command.name;
  for (const Known& known : known_) {
    if (known.positional) text += " " + known.names[0] + (known.many ? "…" : "");
  }
  text += " [OPTIONS]\n\n";
  for (const Known& known : known_) {
    std::string left;
    for (const std::string& name : known.names) left += (left.empty() ? "" : ",") + name;
    if (!known.placeholder.empty()) left += " " + known.placeholder;
    left.resize(std::max<std::size_t>(left.size() + 2, 32), ' ');
    text += "  " + left + known.help + "\n";
  }
  if (!examples.empty()) text += "\nExamples:\n" + examples;
  print(stdout, text);
}

void print_commands(const std::vector<Command>& commands) {
  std::string text = "neonvm in a guest: what a VM needs to grow and shrink by itself.\n\nUsage: neonvm COMMAND [OPTIONS]\n\n";
  for (const Command& command : commands) {
    std::string name = command.name;
    name.resize(12, ' ');
    text += "  " + name + command.summary + "\n";
  }
  print(stdout, text + "\nneonvm COMMAND --help says more; neonvm --version which one this is.\n");
}

int run_command(const Command& command, const std::vector<std::string>& words) {
  PlainOptions options;
  const auto run = command.add(options);
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    options.print_help(command);
    return 0;
  }
  if (const auto refused = options.parse(words)) {
    print(stderr, "neonvm " + command.name + ": " + *refused + "\nSee: neonvm " + command.name + " --help\n");
    return 2;
  }
  Context context;
  const Result<int> result = run(context);
  if (result) return *result;
  print(stderr, "neonvm " + command.name + ": " + result.error().message + "\n");
  return result.error().code == Code::invalid_argument ? 2 : 1;
}

}  // namespace

int run_program(const std::vector<Command>& commands, int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + std::max(argc, 1));
  if (words.empty() || words[0] == "--help" || words[0] == "help") {
    print_commands(commands);
    return words.empty() ? 2 : 0;
  }
  if (words[0] == "--version" || words[0] == "version") {
    print(stdout, version_line() + "\n");
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == words[0]) return run_command(command, {words.begin() + 1, words.end()});
    names.push_back(command.name);
  }
  print(stderr, "neonvm: there is no command \"" + words[0] + "\" in a guest." + did_you_mean(words[0], names) +
                    "\nSee: neonvm --help\n");
  return 2;
}

}  // namespace neonvm::cli
