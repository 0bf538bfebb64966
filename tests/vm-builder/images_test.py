"""neonvm build and neonvm image as a user drives them, good input and bad. Standard library only; no network, no VM."""
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import tempfile
import time
import unittest

NEONVM = os.environ["NEONVM"]


def add(tar, name, text=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(text)
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(text))


def oci_image(path, architecture="amd64", config=None, files=(("hello", b"world"),), mode=0o644):
    """An OCI layout in a tar, with one layer."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:gz") as tar:
        for name, text in files:
            add(tar, name, text, mode=mode)
    diff_id = "sha256:" + hashlib.sha256(gzip.decompress(layer.getvalue())).hexdigest()
    blobs = {}

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}

    image = {"architecture": architecture, "os": "linux", "config": config or {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    manifest = {"schemaVersion": 2,
                "config": blob(json.dumps(image).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [blob(layer.getvalue(), "application/vnd.oci.image.layer.v1.tar+gzip")]}
    top = blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    blobs["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in blobs.items():
            add(tar, name, data)
    return path


class Images(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="nvmi")
        self.addCleanup(self.folder.cleanup)
        self.home = self.path("home")
        self.root = self.path("root.tar")
        with tarfile.open(self.root, "w") as tar:
            add(tar, "bin/hello", b"#!/bin/sh\n", mode=0o755)
            add(tar, "etc/passwd", b"root:x:0:0::/root:/bin/sh\nwww:x:33:34::/srv:/bin/false\n")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def argv(self, *args):
        return [NEONVM, "--home", self.home, *args]

    def run_it(self, *args, code=0, **kw):
        done = subprocess.run(self.argv(*args), capture_output=True, text=True, timeout=120, check=False, **kw)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def build(self, source, *args, code=0):
        return self.run_it("build", source, "--no-init", *args, code=code)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def left_over(self):
        return [name for name in os.listdir(os.path.join(self.home, "images/part")) if name != ".lock"]

    def workload(self, name):
        return json.loads(self.run_it("image", "inspect", name))["workload"]

    def test_an_image_by_name(self):
        self.build(self.root, "--name", "demo", "--cmd", "/bin/hello 'two words'", "--user", "www", "--env", "A=$x `y` \"z\"")
        listed = json.loads(self.run_it("image", "list", "-o", "json"))
        self.assertEqual([image["names"] for image in listed], [["demo"]])
        with open(listed[0]["path"], "rb") as file:
            self.assertEqual("sha256:" + hashlib.sha256(file.read()).hexdigest(), listed[0]["image"]["digest"])
        workload = self.workload("demo")
        self.assertEqual(workload["entrypoint"], ["/bin/hello", "two words"])
        self.assertEqual((workload["uid"], workload["gid"], workload["home"]), (33, 34, "/srv"))
        self.assertEqual(workload["env"], ["A=$x `y` \"z\""])
        self.assertEqual(self.left_over(), [])

    def test_added_folders_go_over_the_source(self):
        for folder, text in (("one", "first"), ("two", "second")):
            os.makedirs(self.path(f"{folder}/etc/deep"))
            os.makedirs(self.path(f"{folder}/bin"))
            self.write(f"{folder}/etc/deep/file", text)
            os.chmod(self.write(f"{folder}/bin/tool", "#!/bin/sh\n"), 0o770)
        with tarfile.open(self.path("odd.tar"), "w") as tar:
            add(tar, "bin", type=tarfile.DIRTYPE, mode=0o711, uid=33)
            add(tar, "etc/deep/file", b"the source's")
        self.build(self.path("odd.tar"), "--add", self.path("one"), "--add", self.path("two"), "--format", "raw", "-o", self.path("disk"))
        said = lambda command: subprocess.run(["/sbin/debugfs", "-R", command, self.path("disk")], capture_output=True, text=True,
                                              check=True).stdout
        self.assertEqual(said("cat /etc/deep/file"), "second")
        self.assertRegex(said("stat /etc/deep/file"), r"Mode:\s+0644[\s\S]*User:\s+0\s+Group:\s+0")
        self.assertRegex(said("stat /bin/tool"), r"Mode:\s+0755[\s\S]*User:\s+0\s+Group:\s+0")
        self.assertRegex(said("stat /bin"), r"Mode:\s+0711[\s\S]*User:\s+33\s")
        wrong = self.build(self.path("odd.tar"), "--add", self.path("missing"), "-o", self.path("none"), code=4)
        self.assertIn("missing", wrong)
        self.assertFalse(os.path.exists(self.path("none")))

    def test_the_same_input_gives_the_same_bytes(self):
        for kind in ("ext4", "erofs"):
            digests = set()
            for name in ("one", "two"):
                self.build(self.root, "--root", kind, "-o", self.path(name))
                with open(self.path(name), "rb") as file:
                    digests.add(hashlib.sha256(file.read()).hexdigest())
            self.assertEqual(len(digests), 1, kind)
            self.assertEqual(json.loads(self.run_it("image", "list", "-o", "json")), [])

    def test_upstreams_flags(self):
        image = oci_image(self.path("image.tar"), config={"Cmd": ["/hello"], "User": "7:8", "StopSignal": "SIGQUIT", "WorkingDir": "/srv"})
        self.run_it("build", "-src", image, "-dst=vm-hello:1", "-size=256M", "-file", self.path("disk.qcow2"), "-target-arch",
                    "linux/amd64", "-quiet", "-daemon-image", "x", "-build-arg", "a=b", "--no-init")
        self.assertTrue(os.path.exists(self.path("disk.qcow2")))
        facts = json.loads(self.run_it("image", "inspect", "vm-hello:1"))
        self.assertEqual(facts["virtualSize"], 256 << 20)
        self.assertEqual((facts["workload"]["uid"], facts["workload"]["stopSignal"], facts["workload"]["workdir"]), (7, "SIGQUIT", "/srv"))

    def test_a_spec_with_a_typo_is_told_with_line_and_column(self):
        spec = self.write("spec.yaml", "commands:\n  - name: a\n    user: root\n    sysvInitAction: once\n    shel: b\n")
        said = self.build(self.root, "--spec", spec, code=2)
        self.assertIn("spec.yaml:5:5: commands[0].shel: there is no such field; did you mean shell?", said)
        self.assertIn("spec.yaml:2:5: commands[0]: shell is missing", said)
        said = self.build(self.root, "--spec", self.write("odd.yaml", "commands: [\n"), code=2)
        self.assertIn("odd.yaml:", said)

    def test_dockerfile_text_on_a_root_file_system_is_refused(self):
        spec = self.write("spec.yaml", "merge: |\n  RUN true\n")
        self.assertIn("need an image to work on", self.build(self.root, "--spec", spec, code=2))

    def test_what_cannot_be_built_is_told_and_leaves_nothing(self):
        arm = oci_image(self.path("arm.tar"), architecture="arm64")
        cases = [
            ((arm, "--target-arch", "amd64"), 2, "linux/arm64, not for linux/amd64"),
            ((self.path("none"),), 4, "there is no such file or folder"),
            ((self.root, "--user", "nobody-here"), 4, "is not in the image's /etc/passwd"),
            ((self.root, "--size", "1M"), 2, "is too small: the files need"),
            ((self.root, "--name", "a\nb"), 2, "cannot be an image's name"),
            ((self.root, "--name", "it's \"x\""), 2, "cannot be an image's name"),
            ((self.root, "--name", "größe"), 2, "cannot be an image's name"),
            ((self.root, "--cmd", "echo 'x"), 2, "is not closed"),
            ((self.root, "--stop-signal", "SIGNONE"), 2, "is no signal"),
            ((self.root, "--target-arch", "linux/mips"), 2, "is none of linux/amd64, linux/arm64"),
            ((self.root, "--max-entries", "1"), 2, "more than 1 entries"),
            ((self.root, "--debian", "x"), 2, "not both"),
        ]
        for args, code, words in cases:
            self.assertIn(words, self.build(*args, code=code), args)
        self.assertEqual(self.left_over() if os.path.exists(self.home) else [], [])
        self.assertEqual(json.loads(self.run_it("image", "list", "-o", "json")), [])

    def test_a_damaged_layer_is_found_out(self):
        image = oci_image(self.path("image.tar"))
        with tarfile.open(image) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        name = next(name for name, data in members.items() if data[:2] == b"\x1f\x8b")
        members[name] = members[name][:-1] + b"x"
        with tarfile.open(image, "w") as tar:
            for each, data in members.items():
                add(tar, each, data)
        self.assertIn("layer 1 (sha256:" + name.rsplit("/", 1)[1] + "): its digest is", self.build(image, code=2))

    def test_no_space_leaves_nothing(self):
        with tarfile.open(self.path("large.tar"), "w") as tar:
            add(tar, "large", os.urandom(24 << 20))
        script = 'mount -t tmpfs -o size=16m none "$1" && "$2" --home "$1" build "$3" --no-init --name large; code=$?; ' \
                 'ls -A "$1/images/part" "$1/images/disks" "$1/images/names"; exit $code'
        os.mkdir(self.home)
        argv = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m", "sh", "-c", script, "sh", self.home, NEONVM, self.path("large.tar")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("No space left on device", done.stderr)
        names = [line for line in done.stdout.split("\n") if line and not line.endswith(":")]
        self.assertEqual(names, [".lock"], done.stdout)

    def test_a_killed_build_is_cleared_away_by_the_next(self):
        os.mkfifo(self.path("pipe"))
        process = subprocess.Popen(self.argv("build", self.path("pipe"), "--no-init"), stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not (os.path.isdir(os.path.join(self.home, "images/part")) and self.left_over()):
            self.assertLess(time.monotonic(), end, "the build has not begun")
            time.sleep(0.02)  # nothing tells when a folder appears
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        orphan = self.left_over()
        self.assertEqual(len(orphan), 1)
        self.build(self.root, "--name", "demo")
        self.assertEqual(self.left_over(), [])

    def test_two_builds_at_once_and_one_beside_a_living_one(self):
        os.mkfifo(self.path("pipe"))
        slow = subprocess.Popen(self.argv("build", self.path("pipe"), "--no-init"), stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not (os.path.isdir(os.path.join(self.home, "images/part")) and self.left_over()):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        both = [subprocess.Popen(self.argv("build", self.root, "--no-init", "--name", "demo", "-q")) for _ in range(2)]
        self.assertEqual([each.wait(120) for each in both], [0, 0])
        self.assertEqual(len(self.left_over()), 1, "the living build's folder stays")
        slow.kill()
        slow.wait()
        self.assertEqual(len(json.loads(self.run_it("image", "list", "-o", "json"))), 1)

    def test_images_come_and_go(self):
        self.build(self.root, "--name", "demo/one:1")
        self.run_it("image", "export", "demo/one:1", self.path("out.qcow2"))
        self.run_it("image", "import", self.path("out.qcow2"), "--name", "again")
        listed = json.loads(self.run_it("image", "list", "-o", "json"))
        self.assertEqual([image["names"] for image in listed], [["again", "demo/one:1"]])
        self.assertEqual(listed[0]["image"]["root"], "ext4", "what the build knew of the disk stays known")
        self.assertIn("its disk has other names", self.run_it("image", "rm", "again"))
        self.assertIn("there is: demo/one:1", self.run_it("image", "inspect", "again", code=4))
        self.build(self.root, "--name", "demo/one:1", "--cmd", "other")
        self.assertEqual(len(json.loads(self.run_it("image", "list", "-o", "json"))), 2)
        self.run_it("image", "prune")
        self.assertEqual(len(json.loads(self.run_it("image", "list", "-o", "json"))), 1)
        self.run_it("image", "rm", "demo/one:1")
        self.assertEqual(os.listdir(os.path.join(self.home, "images/disks")), [])
        self.assertIn("none of list", self.run_it("image", "burn", code=2))

    def test_an_oci_image_holds_the_disk(self):
        self.build(self.root, "--oci", self.path("out.tar"))
        with tarfile.open(self.path("out.tar")) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name, data in members.items():
            if name.startswith("blobs/"):
                self.assertEqual(name, "blobs/sha256/" + hashlib.sha256(data).hexdigest())
        layer = next(data for data in members.values() if data[:2] == b"\x1f\x8b")
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as tar:
            self.assertEqual(tar.extractfile("disk.qcow2").read(4), b"QFI\xfb")
            self.assertIn("bin/sh", tar.getnames())


if __name__ == "__main__":
    unittest.main()
