#include "core/wire/migration_fields.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/rewrite.hpp"

namespace neonvm::wire {

Result<MigrationSpec> decode_migration_spec(std::string_view json) {
  return read_text<MigrationSpec>(json, Keys::strict);
}
std::string encode(const MigrationSpec& spec) { return write_text(spec); }
std::string encode_over(std::string_view before, const MigrationSpec& spec) { return rewrite(before, spec); }

Result<MigrationStatus> decode_migration_status(std::string_view json) {
  return read_text<MigrationStatus>(json, Keys::strict);
}
std::string encode(const MigrationStatus& status) { return write_text(status); }
std::string encode_over(std::string_view before, const MigrationStatus& status) { return rewrite(before, status); }

Result<MigrationReport> decode_migration_report(std::string_view json) {
  return read_text<MigrationReport>(json, Keys::strict);
}
std::string encode(const MigrationReport& report) { return write_text(report); }

}  // namespace neonvm::wire
