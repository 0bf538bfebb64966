#include "core/simulate/report_page.hpp"

namespace neonvm::simulate {

const char* const report_page = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@TITLE@</title>
<style>
:root { --back: #fcfcfb; --card: #fff; --ink: #1c1d1f; --dim: #62666d; --line: #e2e3e5; --need: #8a8f98;
        --c0: #2563c9; --c1: #c2571a; --c2: #1d8a5b; --c3: #8b44b8; --c4: #a8324e; --c5: #5c6b00; }
@media (prefers-color-scheme: dark) {
  :root { --back: #131416; --card: #1b1d20; --ink: #e7e8ea; --dim: #9aa0a8; --line: #33363b; --need: #8a8f98;
          --c0: #6ea3f7; --c1: #f0975c; --c2: #5fcb9b; --c3: #c690ea; --c4: #ee8299; --c5: #c3cf5e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 1rem; margin: 28px 0 8px; }
p { color: var(--dim); margin: 0 0 8px; max-width: 70ch; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 12px; border-top: 1px solid var(--line); white-space: nowrap; }
tr:first-child th { border-top: 0; white-space: normal; vertical-align: bottom; min-width: 7em; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
td:first-child { white-space: normal; min-width: 9.5em; }
.best { font-weight: 650; }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .4em; vertical-align: -.05em; }
figure { margin: 0 0 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
figcaption { font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 14px; margin-bottom: 4px; }
figcaption b { font-weight: 600; margin-right: auto; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--dim); font-size: 11px; }
.grid { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.bar { display: grid; grid-template-columns: minmax(5em, 9em) 1fr auto; gap: 8px; align-items: center; font-size: .88rem; margin: 4px 0; }
.bar i { display: block; height: 12px; border-radius: 3px; min-width: 2px; }
.bar span { overflow-wrap: anywhere; line-height: 1.2; }
@media (max-width: 560px) { th, td { padding: 6px 8px; } td:first-child { min-width: 8em; } }
</style>
</head>
<body>
<main>
<h1>@TITLE@</h1>
<p id="sum"></p>
<h2>Figures</h2>
<div class="wide"><table id="figures"></table></div>
<h2>Compared</h2>
<div class="grid" id="bars"></div>
<h2>Over time</h2>
<div id="lines"></div>
</main>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const worlds = data.worlds, colour = i => "var(--c" + i % 6 + ")";
const percent = x => (x * 100).toFixed(1) + " %", plain = x => x >= 100 ? Math.round(x).toLocaleString("en") : +x.toPrecision(3) + "";
const secs = x => x >= 120 ? (x / 60).toFixed(1) + " min" : plain(x) + " s", gib = x => plain(x / 1073741824);
const make = (tag, text) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; return e; };
// name, member, how it is written, -1: less is better, 1: more is better
const rows = [["Cost, CU-hours", "cuHours", plain, -1], ["Cost against fixed P99.5 + 20 %", "costOfFixed", percent, -1],
  ["Cost against an oracle", "costOfOracle", percent, -1], ["CPU slack", "cpuSlack", percent, -1], ["Memory slack", "memorySlack", percent, -1],
  ["Throttled, core-seconds", "throttledCoreSeconds", plain, -1], ["Throttled share of the work", "throttledShare", percent, -1],
  ["OOM kills", "oomKills", plain, -1], ["Time to satisfy, p50", "waitP50Seconds", secs, -1], ["Time to satisfy, p99", "waitP99Seconds", secs, -1],
  ["Resizes a VM-hour", "resizesPerVmHour", plain, -1], ["Changes of direction a VM-hour", "turnsPerVmHour", plain, -1],
  ["Migrations", "migrations", plain, -1], ["Grown in place", "inPlaceShare", percent, 1], ["Shrinks refused by guests", "refusals", plain, 0],
  ["Policy errors", "policyErrors", plain, -1]];
const first = worlds[0].figures;
document.getElementById("sum").textContent = plain(first.vms) + " VMs, " + plain(first.vmHours) + " VM-hours, " + plain(first.steps) +
  " VM-steps. " + (data.complete ? "" : "Stopped before the end: the figures are of the part that ran. ") +
  "Fixed sizing: " + plain(first.fixedCuHours) + " CU-hours. Oracle: " + plain(first.oracleCuHours) + " CU-hours.";
const table = document.getElementById("figures"), head = table.insertRow();
head.append(make("th", ""));
worlds.forEach((w, i) => { const cell = make("th"), key = make("span"); key.className = "key"; key.style.background = colour(i); cell.append(key, "\u2060" + w.name); head.append(cell); });
for (const [name, member, write, better] of rows) {
  const row = table.insertRow(), values = worlds.map(w => w.figures[member]);
  row.append(make("td", name));
  const best = better < 0 ? Math.min(...values) : Math.max(...values);
  for (const v of values) { const cell = make("td", write(v)); if (better && worlds.length > 1 && v === best) cell.className = "best"; row.append(cell); }
}
for (const [name, member, write] of rows.filter(r => ["cuHours", "throttledCoreSeconds", "waitP99Seconds", "resizesPerVmHour", "cpuSlack", "memorySlack"].includes(r[1]))) {
  const figure = make("figure"), caption = make("figcaption"), most = Math.max(...worlds.map(w => w.figures[member]), 1e-9);
  caption.append(make("b", name)); figure.append(caption);
  worlds.forEach((w, i) => {
    const bar = make("div"), fill = make("i"), label = make("span", w.name); bar.className = "bar"; label.title = w.name;
    fill.style.width = w.figures[member] / most * 100 + "%"; fill.style.background = colour(i);
    bar.append(label, fill, make("b", write(w.figures[member]))); figure.append(bar);
  });
  document.getElementById("bars").append(figure);
}
const svg = (tag, set, text) => { const e = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const k in set) e.setAttribute(k, set[k]); if (text !== undefined) e.textContent = text; return e; };
const clock = s => { const d = Math.floor(s / 86400), h = Math.floor(s % 86400 / 3600), m = Math.floor(s % 3600 / 60); return (d ? d + "d " : "") + h + ":" + String(m).padStart(2, "0"); };
function chart(title, unit, scale, granted, needed) {
  const narrow = innerWidth < 560, W = narrow ? 420 : 1000, H = narrow ? 220 : 240, left = 46, bottom = 20;
  const figure = make("figure"), caption = make("figcaption"), box = svg("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title});
  caption.append(make("b", title + ", " + unit));
  const end = Math.max(...worlds.map(w => w.timeline.at(-1)[0]), 1);
  let most = 0;
  for (const w of worlds) for (const p of w.timeline) most = Math.max(most, p[granted], p[needed]);
  const least = (most / scale || 1) / 4, size = 10 ** Math.floor(Math.log10(least)), step = [1, 2, 2.5, 5, 10].find(n => n * size >= least * 0.999) * size;
  const grid = Math.max(1, Math.ceil(most / scale / step - 1e-9)), top = grid * step * scale;
  const x = s => left + (W - left - 4) * s / end, y = v => H - bottom - (H - bottom - 8) * v / top;
  for (let i = 0; i <= grid; ++i) {
    const v = step * scale * i;
    box.append(svg("line", {x1: left, x2: W, y1: y(v), y2: y(v), stroke: "var(--line)"}), svg("text", {x: left - 6, y: y(v) + 4, "text-anchor": "end"}, plain(v / scale)));
  }
  const marks = narrow ? 3 : 6;
  for (let i = 0; i <= marks; ++i) box.append(svg("text", {x: x(end * i / marks), y: H - 4, "text-anchor": i ? i == marks ? "end" : "middle" : "start"}, clock(end * i / marks)));
  const draw = (points, column, set) => box.append(svg("polyline", {points: points.map(p => x(p[0]).toFixed(1) + "," + y(p[column]).toFixed(1)).join(" "), fill: "none", "stroke-linejoin": "round", "vector-effect": "non-scaling-stroke", ...set}));
  draw(worlds[0].timeline, needed, {stroke: "var(--need)", "stroke-width": 1.5, "stroke-dasharray": "4 3"});
  worlds.forEach((w, i) => draw(w.timeline, granted, {stroke: colour(i), "stroke-width": 1.8}));
  const legend = (text, back) => { const e = make("span"), key = make("span"); key.className = "key"; key.style.background = back; e.append(key, text); caption.append(e); };
  legend("needed", "var(--need)");
  worlds.forEach((w, i) => legend(w.name, colour(i)));
  figure.append(caption, box);
  return figure;
}
function lines() { document.getElementById("lines").replaceChildren(chart("CPUs given", "CPUs", 1, 1, 2), chart("Memory given", "GiB", 1073741824, 3, 4)); }
lines();
let before = innerWidth < 560;
addEventListener("resize", () => { if ((innerWidth < 560) !== before) { before = !before; lines(); } });
document.body.dataset.drawn = "yes";
</script>
</body>
</html>
)page";

}  // namespace neonvm::simulate
