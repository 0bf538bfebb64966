"""A real PostgreSQL 15 for tests, on a Unix socket in a folder of its own, that may be given a stand-in for the extension `neon`:
the settings, functions and views that upstream's monitor and exporter call, with their names, signatures and units
(guest.md 3.11, 4.2, 4.3), over numbers that a test writes into a table. Everything else is the server's own.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from debian_programs import unpacked, with_libraries

PACKAGES = ["postgresql-15", "postgresql-client-15", "libpq5", "libllvm14", "libxslt1.1", "libz3-4", "libedit2", "libbsd0", "libmd0"]

NEON_CONTROL = "comment = 'stands for neon'\ndefault_version = '1.6'\nrelocatable = false\nsuperuser = true\n"
NEON_SQL = r"""
create table stand_in (hits bigint, misses bigint, used bigint, writes bigint, pages_a_minute int);
insert into stand_in values (900, 100, 64, 50, 1000);
create function neon_get_lfc_stats(out lfc_key text, out lfc_value bigint) returns setof record language sql as
  $$ select k, v from @extschema@.stand_in, lateral (values ('file_cache_misses', misses), ('file_cache_hits', hits), ('file_cache_used', used),
     ('file_cache_writes', writes), ('file_cache_size', used), ('file_cache_used_pages', used * 128), ('file_cache_evicted_pages', 0),
     ('file_cache_limit', 0), ('file_cache_chunk_size_pages', 128), ('file_cache_chunks_pinned', null::bigint)) as t(k, v) $$;
create view neon_lfc_stats as select * from neon_get_lfc_stats();
create function approximate_working_set_size_seconds(duration int default null) returns int language sql as
  $$ select case when current_setting('neon.file_cache_size_limit') in ('0', '0MB') then null
     else pages_a_minute * coalesce(duration, 3600) / 60 end from @extschema@.stand_in $$;
"""


def installation(folder):
    """A PostgreSQL of its own below `folder`, whose extensions are those of the package and neon; the folder of its programs."""
    installed = os.path.exists("/usr/lib/postgresql/15/bin/postgres")
    # What is unpacked may be in a home that nobody else looks into: then it is copied.
    source, put = ("", link_all) if installed else (unpacked("postgresql-15", PACKAGES), copy_all)
    programs, share = folder + "/usr/lib/postgresql/15/bin", folder + "/usr/share/postgresql/15"
    os.makedirs(programs)
    os.makedirs(share + "/extension")
    # A server looks for its files beside itself: it has to be here, the rest may be linked to.
    for name in ("postgres", "initdb", "psql"):
        shutil.copy2(f"{source}/usr/lib/postgresql/15/bin/{name}", programs)
    put(f"{source}/usr/lib/postgresql/15", folder + "/usr/lib/postgresql/15")
    put(f"{source}/usr/share/postgresql/15", share)
    put(f"{source}/usr/share/postgresql/15/extension", share + "/extension")
    for libraries in glob.glob(source + "/usr/lib/*-linux-gnu") if source else ():
        copy_all(libraries, folder + libraries.removeprefix(source))
    for name, text in (("neon.control", NEON_CONTROL), ("neon--1.6.sql", NEON_SQL)):
        with open(f"{share}/extension/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return programs


def link_all(source, goal):
    for name in os.listdir(source):
        if not os.path.lexists(f"{goal}/{name}"):
            os.symlink(f"{source}/{name}", f"{goal}/{name}")


def copy_all(source, goal):
    shutil.copytree(source, goal, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bitcode", "locale"))


class PostgresServer:
    """`settings`: lines of postgresql.conf. Runs as nobody when we are root, which a PostgreSQL refuses to be."""

    def __init__(self, settings=()):
        self.folder = tempfile.mkdtemp(prefix="nvmp")
        os.chmod(self.folder, 0o755)
        self.owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.programs = installation(self.folder + "/root")
        self.environment = with_libraries(self.folder + "/root")
        self.home = self.folder + "/home"
        os.mkdir(self.home)
        os.chown(self.home, self.owner.pw_uid, self.owner.pw_gid)
        self.data = self.home + "/data"
        self.run("initdb", "-D", self.data, "--username=postgres", "--auth=peer", "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8")
        # Who owns the server may be the database's superuser, by the kernel's word.
        self.write("pg_hba.conf", "local all postgres peer map=owner\n")
        self.write("pg_ident.conf", f"owner {self.owner.pw_name} postgres\nowner root postgres\n")
        self.write("postgresql.conf", "\n".join(["include_if_exists = 'neonvm.conf'", "listen_addresses = ''", "fsync = off", "autovacuum = off",
                                                 f"unix_socket_directories = '{self.home}'", *settings]) + "\n")
        self.process = None
        self.start()

    def identity(self):
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(self, program, *words, **kw):
        return subprocess.run([f"{self.programs}/{program}", *words], check=True, capture_output=True, cwd="/", env=self.environment, **self.identity(), **kw)

    def write(self, name, text):
        with open(f"{self.data}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        self.log = open(self.folder + "/log", "ab")
        self.process = subprocess.Popen([f"{self.programs}/postgres", "-D", self.data], stdout=self.log, stderr=self.log, cwd="/", env=self.environment,
                                        **self.identity())
        self.until(lambda: self.sql("select 1") == "1", "the server answers")

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.log.close()

    def sql(self, query):
        """What psql prints for it, unaligned; None: it failed."""
        done = subprocess.run([self.programs + "/psql", "-XAtq", "-h", self.home, "-U", "postgres", "-d", "postgres", "-c", query],
                              capture_output=True, text=True, check=False, cwd="/", env=self.environment, **self.identity())
        return done.stdout.strip() if done.returncode == 0 else None

    def until(self, condition, what, limit=60):
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                with open(self.folder + "/log", encoding="utf-8", errors="replace") as file:
                    raise AssertionError(f"not within {limit} s: {what}\n{file.read()[-3000:]}")
            time.sleep(0.05)  # a server tells nobody

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
