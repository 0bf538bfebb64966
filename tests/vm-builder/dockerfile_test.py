"""Dockerfile text in a spec (build, merge), run by the real buildah on a local image; no network. Standard library only."""
import os
import subprocess
import unittest

import images_test


class Dockerfile(unittest.TestCase):
    setUp, path, argv, run_it, build, write, left_over, workload = (
        getattr(images_test.Images, name) for name in ("setUp", "path", "argv", "run_it", "build", "write", "left_over", "workload"))

    def image(self):
        with open("/bin/busybox", "rb") as file:
            busybox = file.read()
        config = {"User": "www", "Env": ["KEPT=yes"], "Cmd": ["/bin/sh"], "Healthcheck": {"Test": ["CMD", "/bin/sh", "-c", "true"]}}
        files = (("bin/busybox", busybox), ("bin/sh", busybox), ("etc/passwd", b"root:x:0:0::/root:/bin/sh\nwww:x:33:34::/:/bin/sh\n"))
        # A name that no reference could hold.
        return images_test.oci_image(self.path("An Image:1.tar"), config=config, files=files, mode=0o755)

    def cat(self, disk, name):
        done = subprocess.run(["/sbin/debugfs", "-R", "cat " + name, disk], capture_output=True, text=True, check=True)
        return done.stdout

    def test_build_and_merge_with_files_and_arguments(self):
        spec = self.write("spec.yaml", """
build: |
  FROM localhost/neonvm-base:latest AS tools
  USER root
  RUN echo made in a stage > /tool
merge: |
  COPY --from=tools /tool /usr/tool
  COPY hello.txt /hello.txt
  ARG WHO=nobody
  RUN echo "$WHO" > /who
  ENV GREETING="hi there"
  CMD ["/bin/busybox", "sleep", "7"]
files:
  - filename: hello.txt
    content: hello from the spec
""")
        disk = self.path("disk.raw")
        self.build(self.image(), "--spec", spec, "--build-arg", "WHO=a builder", "--name", "made", "--format", "raw", "-o", disk)
        self.assertEqual(self.cat(disk, "/usr/tool"), "made in a stage\n")
        self.assertIn("hello from the spec", self.cat(disk, "/hello.txt"))
        self.assertEqual(self.cat(disk, "/who"), "a builder\n")
        workload = self.workload("made")
        self.assertEqual(workload["cmd"], ["/bin/busybox", "sleep", "7"])
        self.assertIn("GREETING=hi there", workload["env"])
        self.assertIn("KEPT=yes", workload["env"])
        self.assertEqual((workload["user"], workload["uid"]), ("www", 33), "the text runs as root, the workload does not")
        self.assertEqual(workload["healthcheck"]["argv"], ["/bin/sh", "-c", "true"])

    def test_text_that_fails_is_told_and_leaves_nothing(self):
        spec = self.write("spec.yaml", "merge: |\n  RUN echo before the end >&2; exit 3\n")
        error = self.build(self.image(), "--spec", spec, "--name", "never", code=6)
        self.assertIn("before the end", error)
        self.assertIn("buildah failed with code 3", error)
        self.assertEqual(self.left_over(), [])
        self.assertNotIn("never", self.run_it("image", "list"))


if __name__ == "__main__":
    unittest.main()
