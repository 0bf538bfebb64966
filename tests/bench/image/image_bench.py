#!/usr/bin/env python3
"""Seconds per GiB of an image's files, into a qcow2: neonvm build beside umoci unpack + mke2fs -d + qemu-img convert by hand,
turn and turn about on the same image in one run.
  image_bench.py NEONVM TARBALL [ROUNDS]     TARBALL: a root file system, packed as an OCI image of one layer; -: made up
Needs umoci, and root for umoci's owners (without it umoci keeps none: then say so when you quote it).
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time


def layout_of(tarball, folder):
    """An OCI layout with the tarball as its one layer, gzipped as registries have it."""
    os.makedirs(os.path.join(folder, "blobs/sha256"))

    def put(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(folder, "blobs/sha256", digest), "wb") as file:
            file.write(data)
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}

    with open(tarball, "rb") as file:
        plain = file.read()
    layer = put(gzip.compress(plain, 6, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
    config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]}}).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = put(json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode(), "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(os.path.join(folder, "index.json"), "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="utf-8") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


def made_up(path):
    """Text, programs and noise, in many small files and a few large ones."""
    noise, text = os.urandom(1 << 20), b"the same words again and again\n" * 40000
    with tarfile.open(path, "w") as tar:
        for i in range(1500):
            info = tarfile.TarInfo(f"usr/share/part{i % 40}/file{i}")
            data = (noise if i % 3 else text)[i:i + 1000 + 37 * i % 40000]
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for i in range(4):
            info = tarfile.TarInfo(f"usr/lib/large{i}")
            info.size = 4 * len(noise)
            tar.addfile(info, io.BytesIO(noise * 2 + (noise * 2)[::-1]))


def timed(*commands):
    began = time.monotonic()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def main():
    neonvm, tarball = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    ours, by_hand = [], []
    with tempfile.TemporaryDirectory(prefix="nvmb") as folder:
        if tarball == "-":
            tarball = os.path.join(folder, "root.tar")
            made_up(tarball)
        with tarfile.open(tarball) as tar:
            size = sum(member.size for member in tar if member.isfile())
        layout, disk, bundle = (os.path.join(folder, name) for name in ("layout", "disk", "bundle"))
        layout_of(tarball, layout)
        mebibytes = size // (1 << 20) * 5 // 4 + 128
        rootless = [] if os.geteuid() == 0 else ["--rootless"]
        for _ in range(rounds):
            ours.append(timed([neonvm, "--home", os.path.join(folder, "home"), "build", layout, "--no-init", "-q", "-o", disk + ".qcow2"]))
            by_hand.append(timed(["umoci", "unpack", *rootless, "--image", layout + ":latest", bundle],
                                 ["/sbin/mke2fs", "-q", "-t", "ext4", "-d", bundle + "/rootfs", disk + ".raw", f"{mebibytes}M"],
                                 ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk + ".raw", disk + ".hand"]))
            shutil.rmtree(bundle)
            os.remove(disk + ".raw")
    per_gib = (1 << 30) / size
    one, other = statistics.median(ours), statistics.median(by_hand)
    print(f"{size / (1 << 20):.0f} MiB of files, {rounds} rounds, medians")
    print(f"neonvm build                       {one:.2f} s, {one * per_gib:.1f} s per GiB")
    print(f"umoci + mke2fs -d + qemu-img       {other:.2f} s, {other * per_gib:.1f} s per GiB")
    print(f"ratio                              {one / other:.2f}")


if __name__ == "__main__":
    main()
