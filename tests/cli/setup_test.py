"""neonvm doctor: what this machine can do, found out and not guessed."""
import json
import os
import unittest

from program import ProgramTest


class Doctor(ProgramTest):
    def looked_at(self, *words, **environment):
        done = self.call(*words, "doctor", "-o", "json", **environment)
        return done.returncode, {each["name"]: each for each in json.loads(done.stdout)}

    def test_each_thing_that_does_not_work_has_a_next_step(self):
        _, found = self.looked_at()
        self.assertLessEqual({"kvm", "qemu", "user-network", "virtio-mem", "home", "default guest", "control plane", "cgroups"},
                             set(found))
        for each in found.values():
            self.assertTrue(each["detail"], each)
            if not each["works"]:
                self.assertTrue(each["nextStep"], each)
        self.assertTrue(found["qemu"]["works"], found["qemu"])
        self.assertIn("QEMU", found["qemu"]["detail"])
        self.assertTrue(found["virtio-mem"]["works"], found["virtio-mem"])
        # A device file is no proof: "works" needs a vCPU that ran.
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.assertFalse(found["kvm"]["works"])

    def test_without_a_guest_it_says_what_to_build_and_fails(self):
        code, found = self.looked_at(XDG_CACHE_HOME=os.path.join(self.folder, "cache"))
        self.assertEqual(code, 1)
        self.assertFalse(found["default guest"]["works"])
        self.assertIn("scripts/guest-image", found["default guest"]["nextStep"])

    def test_with_all_that_is_needed_it_succeeds(self):
        self.write("guest/vmlinuz", "a kernel")
        self.write("guest/initrd", "its files")
        done = self.call("doctor", NEONVM_GUEST=os.path.join(self.folder, "guest"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("VMs can run here.", done.stderr)

    def test_what_a_kernel_cannot_do_is_told_and_is_no_failure(self):
        for name in ("vmlinuz", "initrd"):
            self.write("guest/" + name, "some bytes")
        self.write("guest/release", "6.1.0-cloud-amd64\n")
        self.write("guest/lost", "boots slowly\nno compressed swap in memory\n")
        code, found = self.looked_at(NEONVM_GUEST=os.path.join(self.folder, "guest"))
        self.assertEqual(code, 0)
        self.assertFalse(found["guest kernel"]["works"])
        self.assertEqual(found["guest kernel"]["detail"], "6.1.0-cloud-amd64: boots slowly; no compressed swap in memory")
        self.assertIn("kernel/build.sh", found["guest kernel"]["nextStep"])
        self.write("guest/lost", "")
        _, found = self.looked_at(NEONVM_GUEST=os.path.join(self.folder, "guest"))
        self.assertTrue(found["guest kernel"]["works"])

    def test_without_qemu(self):
        config = self.write("config.toml", '[hypervisor]\nqemu = "/no/such/qemu"\n')
        code, found = self.looked_at("--config", config)
        self.assertEqual(code, 1)
        broken = found.get("hypervisor", found.get("qemu"))
        self.assertFalse(broken["works"])
        self.assertIn("/no/such/qemu", broken["detail"])
        self.assertTrue(broken["nextStep"])

    def test_a_home_that_cannot_be(self):
        code, found = self.looked_at("--home", self.write("file", "x"))
        self.assertEqual(code, 1)
        self.assertFalse(found["home"]["works"])
        self.assertIn("--home", found["home"]["nextStep"])


if __name__ == "__main__":
    unittest.main()
