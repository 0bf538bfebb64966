"""The demonstration with a Postgres VM: pgbench from the host is the load, and a psql session stays open while the VM changes."""
import os

from demo import Demo, Failed, step
from postgres_vm import Client, client_programs, example_disk, example_disk_path, free_port  # noqa: F401


class PostgresDemo(Demo):
    load = "/neonvm/bin/neonvm"

    def __init__(self, program, policy):
        super().__init__(program, policy)
        self.client = Client(client_programs(), free_port())
        self.disk = example_disk()
        self.server = self.pgbench = None

    def image(self):
        return "--image", self.disk, "-p", f"{self.client.port}:5432"

    def boot(self):
        super().boot()
        self.measured("Postgres answers after", f"{self.until(self.client_answers, 'Postgres answers', 300):.1f} s")
        self.client.fill(1)
        self.server = self.client.ask_session()

    def client_answers(self):
        if "PGPASSWORD" not in os.environ:
            secret = self.run("exec", "-n", "demo", "--", "cat", "/var/lib/postgresql/password", check=False, quiet=True).strip()
            if not secret:
                return False
            os.environ["PGPASSWORD"] = secret
        return self.client.answers()

    def begin_load(self):
        step("Eight clients of pgbench")
        self.pgbench = self.client.begin(8, 60)

    def end_load(self):
        process, points, words, reader = self.pgbench
        process.wait()
        reader.join()
        if process.returncode != 0 or "aborted" in "".join(words):
            raise Failed("pgbench lost a connection: " + "".join(words)[-300:])
        rates = [tps for _, tps, _ in points if tps > 0]
        if rates:
            self.measured("transactions per second, worst and best second", f"{min(rates):.0f}, {max(rates):.0f}")
        self.same_session("while CPUs came and went")

    def same_session(self, when):
        if not self.server or self.client.ask_session() != self.server:
            raise Failed("the psql session was lost " + when)
        self.measured("psql session kept", when)

    def grow_memory(self):
        super().grow_memory()
        self.same_session("while memory came")

    def migrate(self):
        super().migrate()
        # What came through -p ended with the QEMU that it came through; the server runs on.
        self.client.session = None
        self.until(self.client.answers, "Postgres answers at its new place", 60)
        self.server = self.client.ask_session()

    def shrink(self):
        super().shrink()
        self.same_session("while both went")
