// The formats with columns: generic CSV, Azure, Alibaba, Bitbrains.
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/simulate/trace_format.hpp"

namespace neonvm::simulate {
namespace {

struct Cell {
  std::string_view text;
  std::size_t column = 1;
};

std::string_view trimmed(std::string_view text, std::size_t& skipped) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1), ++skipped;
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<Cell> cells_of(std::string_view line, char separator) {
  std::vector<Cell> cells;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] != separator) continue;
    std::size_t skipped = 0;
    const std::string_view text = trimmed(line.substr(begin, i - begin), skipped);
    cells.push_back({text, begin + skipped + 1});
    begin = i + 1;
  }
  return cells;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 40)) out += c >= ' ' && c < 127 ? c : '?';
  return out + (text.size() > 40 ? "…\"" : "\"");
}

LineFault number(const Cell& cell, const char* name, double& out) {
  double value = 0;
  const auto* end = cell.text.data() + cell.text.size();
  const auto [stopped, code] = std::from_chars(cell.text.data(), end, value);
  if (code != std::errc{} || stopped != end) return {cell.column, std::string(name) + ": " + quoted(cell.text) + " is no number"};
  if (!std::isfinite(value)) return {cell.column, std::string(name) + ": " + quoted(cell.text) + " is not finite"};
  if (value < 0) return {cell.column, std::string(name) + ": " + quoted(cell.text) + " is negative"};
  out = value;
  return {};
}

LineFault expect(const std::vector<Cell>& cells, std::size_t count) {
  if (cells.size() == count) return {};
  const std::size_t column = cells.size() > count ? cells[count].column : cells.back().column;
  return {column, "there are " + std::to_string(cells.size()) + " columns, but this format has " + std::to_string(count)};
}

LineFault vm_name(const Cell& cell, std::string& out) {
  if (cell.text.empty()) return {cell.column, "vm: the name is empty"};
  out.assign(cell.text);
  return {};
}

class Csv final : public TraceFormat {
 public:
  LineFault read(std::string_view line, bool first, Reading& out, bool& found) override {
    const std::vector<Cell> cells = cells_of(line, ',');
    if (first) return header(cells);
    if (LineFault f = expect(cells, count_); !f.what.empty()) return f;
    out = {"vm", 0, 0, 0, 0, false, columns(cells)};
    if (LineFault f = number(cells[*places_[0]], "time", out.at); !f.what.empty()) return f;
    if (places_[1]) {
      if (LineFault f = vm_name(cells[*places_[1]], out.vm); !f.what.empty()) return f;
    }
    double* const fields[] = {&out.cpu, &out.memory, &out.file};
    for (std::size_t i = 0; i < 3; ++i) {
      if (!places_[i + 2]) continue;
      if (LineFault f = number(cells[*places_[i + 2]], names[i + 2], *fields[i]); !f.what.empty()) return f;
    }
    found = true;
    return {};
  }

 private:
  static constexpr std::array<const char*, 5> names = {"time", "vm", "cpu", "memory", "file"};

  [[nodiscard]] Reading::Columns columns(const std::vector<Cell>& cells) const {
    const auto of = [&](std::size_t name) { return places_[name] ? cells[*places_[name]].column : 0; };
    return {of(0), of(2), of(3), of(4)};
  }

  LineFault header(const std::vector<Cell>& cells) {
    count_ = cells.size();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      bool known = false;
      for (std::size_t n = 0; n < names.size(); ++n) {
        if (cells[i].text != names[n]) continue;
        if (places_[n]) return {cells[i].column, "the column " + quoted(cells[i].text) + " is there twice"};
        places_[n] = i;
        known = true;
      }
      if (!known) return {cells[i].column, "unknown column " + quoted(cells[i].text) + "; the header may name time, vm, cpu, memory, file"};
    }
    if (!places_[0] || !places_[2]) return {1, "the header must name at least time and cpu"};
    return {};
  }

  std::array<std::optional<std::size_t>, 5> places_;
  std::size_t count_ = 0;
};

class Azure final : public TraceFormat {
 public:
  explicit Azure(const TraceOptions& o) : cores_(o.cores), memory_(o.memory / 4) {}
  LineFault read(std::string_view line, bool, Reading& out, bool& found) override {
    const std::vector<Cell> cells = cells_of(line, ',');
    if (LineFault f = expect(cells, 5); !f.what.empty()) return f;
    double least = 0, most = 0, mean = 0;
    if (LineFault f = number(cells[0], "timestamp", out.at); !f.what.empty()) return f;
    if (LineFault f = vm_name(cells[1], out.vm); !f.what.empty()) return f;
    if (LineFault f = number(cells[2], "min cpu", least); !f.what.empty()) return f;
    if (LineFault f = number(cells[3], "max cpu", most); !f.what.empty()) return f;
    if (LineFault f = number(cells[4], "avg cpu", mean); !f.what.empty()) return f;
    if (mean > 100.5) return {cells[4].column, "avg cpu: " + quoted(cells[4].text) + " is above 100 percent"};
    out.cpu = mean / 100 * cores_;
    out.memory = memory_;
    out.file = 0;
    out.columns = {cells[0].column, cells[4].column, 0, 0};
    found = true;
    return {};
  }

 private:
  double cores_, memory_;
};

class Alibaba final : public TraceFormat {
 public:
  explicit Alibaba(const TraceOptions& o) : cores_(o.cores), memory_(o.memory) {}
  LineFault read(std::string_view line, bool, Reading& out, bool& found) override {
    const std::vector<Cell> cells = cells_of(line, ',');
    if (LineFault f = expect(cells, 11); !f.what.empty()) return f;
    double cpu = 0, memory = 0;
    if (LineFault f = vm_name(cells[0], out.vm); !f.what.empty()) return f;
    if (LineFault f = number(cells[2], "time_stamp", out.at); !f.what.empty()) return f;
    // Some machines did not report: the cells are empty, and nothing is known.
    if (cells[3].text.empty() || cells[4].text.empty()) return {};
    if (LineFault f = number(cells[3], "cpu_util_percent", cpu); !f.what.empty()) return f;
    if (LineFault f = number(cells[4], "mem_util_percent", memory); !f.what.empty()) return f;
    if (memory > 100.5) return {cells[4].column, "mem_util_percent: " + quoted(cells[4].text) + " is above 100"};
    out.cpu = cpu / 100 * cores_;
    out.memory = memory / 100 * memory_;
    out.file = 0;
    out.columns = {cells[2].column, cells[3].column, cells[4].column, 0};
    found = true;
    return {};
  }

 private:
  double cores_, memory_;
};

class Bitbrains final : public TraceFormat {
 public:
  explicit Bitbrains(std::string vm) : vm_(std::move(vm)) {}
  LineFault read(std::string_view line, bool first, Reading& out, bool& found) override {
    const std::vector<Cell> cells = cells_of(line, ';');
    if (LineFault f = expect(cells, 11); !f.what.empty()) return f;
    if (first) {
      if (cells[0].text.substr(0, 9) == "Timestamp") return {};
      return {1, "the first line must be the header, \"Timestamp [ms];\tCPU cores;\t…\""};
    }
    double cores = 0, percent = 0, used = 0;
    if (LineFault f = number(cells[0], "Timestamp", out.at); !f.what.empty()) return f;
    if (LineFault f = number(cells[1], "CPU cores", cores); !f.what.empty()) return f;
    if (LineFault f = number(cells[4], "CPU usage [%]", percent); !f.what.empty()) return f;
    if (LineFault f = number(cells[6], "Memory usage [KB]", used); !f.what.empty()) return f;
    out.vm = vm_;
    out.cpu = cores * percent / 100;
    out.memory = used * 1024;
    out.file = 0;
    out.columns = {cells[0].column, cells[4].column, cells[6].column, 0};
    found = true;
    return {};
  }

 private:
  std::string vm_;
};

}  // namespace

std::unique_ptr<TraceFormat> make_csv_format() { return std::make_unique<Csv>(); }
std::unique_ptr<TraceFormat> make_azure_format(const TraceOptions& o) { return std::make_unique<Azure>(o); }
std::unique_ptr<TraceFormat> make_alibaba_format(const TraceOptions& o) { return std::make_unique<Alibaba>(o); }
std::unique_ptr<TraceFormat> make_bitbrains_format(const std::string& vm) { return std::make_unique<Bitbrains>(vm); }

}  // namespace neonvm::simulate
