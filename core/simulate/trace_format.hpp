// TraceFormat: from one line of a published trace to a reading. Private to simulate.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/simulate/trace.hpp"

namespace neonvm::simulate {

struct Reading {
  std::string vm;
  double at = 0, cpu = 0, memory = 0, file = 0;     // at: as in the file, in seconds
  bool closed = false;                              // see Track
  struct Columns {
    std::size_t at = 0, cpu = 0, memory = 0, file = 0;
  } columns;                                        // where in the line they stand, for faults
};

// What is wrong in a line, and at which of its letters (from 1; 0: the whole line).
struct LineFault {
  std::size_t column = 0;
  std::string what;
};

class TraceFormat {
 public:
  virtual ~TraceFormat() = default;
  // Empty fault.what: `out` is a reading, or not, if the line is none (`found` stays false).
  virtual LineFault read(std::string_view line, bool first, Reading& out, bool& found) = 0;
};

std::unique_ptr<TraceFormat> make_csv_format();
std::unique_ptr<TraceFormat> make_azure_format(const TraceOptions& options);
std::unique_ptr<TraceFormat> make_alibaba_format(const TraceOptions& options);
std::unique_ptr<TraceFormat> make_bitbrains_format(const std::string& vm);
std::unique_ptr<TraceFormat> make_jsonl_format();
std::unique_ptr<TraceFormat> make_borg_format(const TraceOptions& options);
// Null: no such format. path: names the VM where the file does.
std::unique_ptr<TraceFormat> make_format(const std::string& path, const TraceOptions& options);

// Ranges that every format has in common.
LineFault check_reading(const Reading& reading);

}  // namespace neonvm::simulate
