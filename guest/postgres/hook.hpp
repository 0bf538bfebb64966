// hook: keeps a PostgreSQL server in step with the size of its VM. One run answers one question of the monitor
// (wire/hook_protocol): settings are written to $PGDATA/neonvm.conf and the server reloads them.
//
// Called by cli/postgres_hook in the guest build, which /etc/neonvm/hooks/postgres starts. Blocking, well within the two
// seconds that a hook has. As root it becomes the owner of the data directory before it touches anything in there, because
// that one could put links in its way; only its own notes are opened before. Failure: a server that is down or cannot be
// asked agrees to everything, and pg_up is 0; one that lets nobody in is a notice. A question that cannot be read, and a
// data directory that cannot be written to, are Errors.
#pragma once

#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::guest::postgres {

struct HookOptions {
  std::string data = "/var/lib/postgresql/data";
  std::string socket = "/run/postgresql/.s.PGSQL.5432";
  std::string user = "postgres";                  // of the database; the kernel tells the server who we are
  std::string notes = "/run/neonvm-postgres";     // what is kept between two runs
};
// PGDATA, PGHOST (a folder), PGPORT, PGUSER and NEONVM_HOOK_STATE, where they are set.
HookOptions options_of_environment();

// The answer, one line of JSON.
Result<std::string> answer_question(const HookOptions& options, std::string_view question);

}  // namespace neonvm::guest::postgres
