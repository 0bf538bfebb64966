"""What a run of scripts/bench-postgres looked like: a picture, a table for people and one for programs."""
import math


def per_second(told):
    """Both pgbenches added up, by whole seconds since the beginning."""
    total = {}
    for points in (told["steady"], told["burst"]):
        for at, tps, _ in points:
            total[int(at - told["began"])] = total.get(int(at - told["began"]), 0.0) + tps
    return sorted(total.items())


def panel(points, top, height, span, most, colour, label, steps):
    """One curve of the picture, with its own scale at the left."""
    def place(at, value):
        return f"{60 + 820 * at / span:.1f},{top + height - height * value / (most or 1):.1f}"
    path, last = [], None
    for at, value in points:
        if steps and last is not None:
            path.append(place(at, last))
        path.append(place(at, value))
        last = value
    return (f'<text x="60" y="{top - 6}" class="t">{label}</text><text x="54" y="{top + 10}" class="a">{most:g}</text>'
            f'<text x="54" y="{top + height}" class="a">0</text>'
            f'<path d="M60 {top}V{top + height}H880" class="x"/><polyline points="{" ".join(path)}" stroke="{colour}"/>')


def picture(told, sizes, tps):
    span = max(1.0, told["ended"] - told["began"])
    tps_most = max([value for _, value in tps] or [1])
    parts = [panel(tps, 30, 150, span, round(tps_most), "#2563eb", "transactions per second", False),
             panel([(at, cpus) for at, cpus, _ in sizes], 220, 90, span, told["peak"][0], "#16a34a", "CPUs", True),
             panel([(at, memory) for at, _, memory in sizes], 350, 90, span, round(told["peak"][1]), "#dc2626", "memory, MiB", True)]
    style = ("text{font:12px sans-serif;fill:#555}.t{font-weight:bold}.a{text-anchor:end}.x{stroke:#999;fill:none}"
             "polyline{fill:none;stroke-width:1.6}svg{background:#fff}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 470" width="900"><style>{style}</style>{"".join(parts)}'
            f'<text x="880" y="460" class="a">{span:.0f} s</text></svg>\n')


def average(points, begin, end):
    inside = [value for at, value in points if begin <= at < end]
    return sum(inside) / len(inside) if inside else 0.0


def table(told, samples, tps, third):
    """For people: the thirds, and how it ended."""
    lines = [f"{'':14}{'tps':>9}{'CPUs':>8}{'MiB':>8}"]
    for i, name in enumerate(("quiet", "busy", "quiet again")):
        inside = [s for s in samples if i * third <= s[0] - told["began"] < (i + 1) * third]
        lines.append(f"{name:14}{average(tps, i * third, (i + 1) * third):9.1f}"
                     f"{max([s[1] for s in inside] or [0]):8g}{max([s[2] for s in inside] or [0]):8.0f}")
    return "\n".join(lines + [f"{'at the end':14}{'':9}{samples[-1][1]:8g}{samples[-1][2]:8.0f}"])


def csv_table(sizes, tps):
    """For programs: each second's transactions and the size that the VM had last by then."""
    lines, by_second, last = ["seconds,tps,cpus,mebibytes"], dict(tps), (0.0, 0.0)
    sizes = list(sizes)
    for second in range(math.ceil(sizes[-1][0]) + 1):
        while sizes and sizes[0][0] <= second:
            last = sizes.pop(0)[1:]
        lines.append(f"{second},{by_second.get(second, 0.0):.1f},{last[0]:g},{last[1]:.0f}")
    return "\n".join(lines) + "\n"
