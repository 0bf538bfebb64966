"""The report page in headless Chromium: drawn without an error, in both colour schemes, not wider than a phone."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

CLUSTER = """
duration = "3h"
[[node]]
name = "n"
cpu = "32"
memory = "128Gi"
[[vm]]
name = "v"
count = 6
generator = "bursty"
"""

PROBE = """<script>
addEventListener("error", e => { document.body.dataset.error = e.message; });
addEventListener("load", () => { document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth ? "yes" : "no";
  document.body.dataset.back = getComputedStyle(document.body).backgroundColor; });
</script></head>"""

BROWSER = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--host-resolver-rules=MAP * ~NOTFOUND"]


def body_of(page, width, dark):
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
    run = subprocess.run(BROWSER + scheme + [f"--window-size={width},900", "--dump-dom", page.as_uri()], text=True,
                         capture_output=True, timeout=120, check=True)
    return run.stdout


def main(neonvm):
    with tempfile.TemporaryDirectory() as folder:
        cluster, page = Path(folder, "c.toml"), Path(folder, "r.html")
        cluster.write_text(CLUSTER, encoding="utf-8")
        subprocess.run([neonvm, "simulate", str(cluster), "--policy", "default", "--what-if", "max_cpus=1", "--html", str(page)],
                       check=True, stdout=subprocess.DEVNULL)
        page.write_text(page.read_text(encoding="utf-8").replace("</head>", PROBE, 1), encoding="utf-8")
        backs = set()
        for width, dark in ((1200, False), (1200, True), (520, False)):
            dom = body_of(page, width, dark)
            body = re.search(r"<body[^>]*>", dom).group(0)
            assert 'data-drawn="yes"' in body and "data-error" not in body, body
            assert 'data-wide="no"' in body, f"wider than {width}: {body}"
            assert dom.count("<polyline") == 6, "two charts of two worlds and the need"
            assert "default with max_cpus=1" in dom
            backs.add(re.search(r'data-back="([^"]+)"', body).group(1))
        assert len(backs) == 2, f"dark and light look the same: {backs}"
        shot = Path(folder, "shot.png")
        subprocess.run(BROWSER + ["--window-size=1200,1900", f"--screenshot={shot}", page.as_uri()], capture_output=True, timeout=120, check=True)
        assert shot.stat().st_size > 20_000, "the screenshot is nearly empty"
    print("report page: drawn")


if __name__ == "__main__":
    main(sys.argv[1])
