"""Servers from Debian packages for tests, unpacked beside the caches and not installed: installed, they would serve this machine
from then on. What is installed already is taken.
"""
import glob
import os
import shutil
import subprocess
import tempfile

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "neonvm")


def unpacked(name, packages):
    """A folder with the files of these packages, made once."""
    folder = os.path.join(CACHE, name)
    if not os.path.isdir(folder):
        with tempfile.TemporaryDirectory(prefix="nvmd") as work:
            os.chmod(work, 0o755)  # apt-get downloads as a user of its own
            subprocess.run(["apt-get", "-q", "download", *packages], cwd=work, check=True, capture_output=True)
            for package in glob.glob(work + "/*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, work + "/unpacked"], check=True)
            os.makedirs(CACHE, exist_ok=True)
            shutil.move(work + "/unpacked", folder)
    return folder


def with_libraries(folder):
    """An environment in which programs of `folder` find the libraries that were unpacked with them."""
    found = glob.glob(folder + "/usr/lib/*-linux-gnu")
    return dict(os.environ, LD_LIBRARY_PATH=":".join(found)) if found else dict(os.environ)
