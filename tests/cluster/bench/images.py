"""Container images without a registry: archives made here and imported into each node."""
import hashlib
import io
import json
import os
import subprocess
import tarfile


def layer_of(files, links=()):
    """A tar of {path: (source file or bytes, mode)} and (path, target) links, the same bytes for the same content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for path, (content, mode) in files.items():
            if not isinstance(content, bytes):
                with open(content, "rb") as file:
                    content = file.read()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for path, target in links:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()


def archive(path, name, layer, command):
    """Writes a docker-archive with one layer. Not tagged latest, or the kubelet would ask a registry that is not there."""
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
                         "created": "1970-01-01T00:00:00Z", "config": {"Cmd": command, "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}, "history": [{"created": "1970-01-01T00:00:00Z"}]}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, content in (("manifest.json", manifest), (config_name, config), (digest + "/layer.tar", layer)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def base_images(folder, busybox):
    """neonvm-test/pause:1, which every pod needs, and neonvm-test/busybox:1. Returns their archives."""
    applets = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    shell = layer_of({"bin/busybox": (busybox, 0o755), "etc/passwd": (b"root:x:0:0:root:/root:/bin/sh\n", 0o644)},
                     [(f"bin/{applet}", "busybox") for applet in applets if applet != "busybox"])
    archives = []
    for name, command in (("pause", ["/bin/busybox", "sleep", "2147483647"]), ("busybox", ["/bin/sh"])):
        archives.append(os.path.join(folder, name + ".tar"))
        archive(archives[-1], f"neonvm-test/{name}:1", shell, command)
    return archives
