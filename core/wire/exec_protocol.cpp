// The text messages of /v1/exec, and the bodies of /cpu_current and /cpu_change: see runner_protocol.hpp.
#include "core/wire/reader.hpp"
#include "core/wire/runner_protocol.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<ExecRequest> auto& r) {
  v.field_or("op", r.op, "exec");
  v.field("argv", r.argv);
  v.field("path", r.path);
  v.field_or("mode", r.mode, 0600);
  v.field_or("tty", r.tty, false);
  v.field_or("rows", r.rows, 24);
  v.field_or("columns", r.columns, 80);
}

void describe(auto& v, Like<ExecEnd> auto& e) {
  v.field("error", e.error);
  v.field("exitCode", e.exit_code);
}

void describe(auto& v, Like<CpuMessage> auto& m) { v.need("VCPUs", m.cpus); }

Result<CpuMessage> decode_cpu_message(std::string_view json) { return read_text<CpuMessage>(json, Keys::lenient); }
std::string encode(const CpuMessage& message) { return write_text(message); }

Result<ExecRequest> decode_exec_request(std::string_view json) {
  auto request = read_text<ExecRequest>(json, Keys::lenient);
  if (!request) return request;
  const std::string& op = request->op;
  if (op != "exec" && op != "put" && op != "get") {
    return Error{Code::unsupported, "op: \"" + printable(op) + "\" is not one of exec, put and get"};
  }
  if (op == "exec" && request->argv.empty()) return Error{Code::invalid_argument, "argv: is missing"};
  if (op != "exec" && request->path.empty()) return Error{Code::invalid_argument, "path: is missing"};
  return request;
}
std::string encode(const ExecRequest& request) { return write_text(request); }

Result<ExecEnd> decode_exec_end(std::string_view json) { return read_text<ExecEnd>(json, Keys::lenient); }
std::string encode(const ExecEnd& end) { return write_text(end); }

}  // namespace neonvm::wire
