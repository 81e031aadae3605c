// The style of the HTML report: light and dark, screen and paper, nothing fetched.
#pragma once

namespace leeward::report {

inline constexpr char kStyle[] = R"css(
:root { color-scheme: light dark;
  --paper:#fff; --ink:#1c2430; --soft:#5b6675; --line:#dde2e9; --panel:#f6f8fa; --good:#15803d; --bad:#b91c1c; --unsure:#a16207;
  --acknowledged:#3b82f6; --outage:rgba(220,38,38,.12); --lost:#dc2626; --failed:#fbbf24; --on-bar:#fff;
  --prepare:#64748b; --detect:#6b7280; --decide:#7c3aed; --fence:#be185d; --promote:#1d4ed8; --scale:#0e7490;
  --traffic:#15803d; --tail:#a16207; --verify:#4d7c0f; --reprotect:#6d28d9; }
@media (prefers-color-scheme: dark) { :root {
  --paper:#12161c; --ink:#e3e8ef; --soft:#97a3b4; --line:#2b3440; --panel:#1a2029; --good:#4ade80; --bad:#f87171; --unsure:#facc15;
  --acknowledged:#60a5fa; --outage:rgba(248,113,113,.16); --lost:#f87171; --failed:#b7791f; --on-bar:#0b0f14;
  --prepare:#94a3b8; --detect:#9ca3af; --decide:#a78bfa; --fence:#f472b6; --promote:#60a5fa; --scale:#22d3ee;
  --traffic:#4ade80; --tail:#facc15; --verify:#a3e635; --reprotect:#c084fc; } }
* { box-sizing: border-box; }
body { margin:0 auto; max-width:1080px; padding:28px 24px 60px; background:var(--paper); color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif; }
h1 { font-size:24px; margin:0; } h2 { font-size:17px; margin:38px 0 10px; } h3 { font-size:14px; margin:22px 0 4px; color:var(--soft); font-weight:600; }
header { display:flex; align-items:center; gap:14px; flex-wrap:wrap; } header p { margin:0; color:var(--soft); flex-basis:100%; }
.chip { padding:2px 12px; border-radius:99px; font-weight:700; border:2px solid currentColor; text-transform:uppercase; letter-spacing:.04em; }
.pass { color:var(--good); } .fail { color:var(--bad); } .incomplete { color:var(--unsure); }
.figures { display:grid; grid-template-columns:repeat(auto-fit,minmax(180px,1fr)); gap:12px; margin-top:22px; }
.figure { background:var(--panel); border:1px solid var(--line); border-radius:10px; padding:12px 16px; }
.figure b { display:block; font-size:26px; line-height:1.3; font-variant-numeric:tabular-nums; } .figure span { color:var(--soft); font-size:13px; }
.scroll { overflow-x:auto; } svg { width:100%; min-width:720px; height:auto; display:block; }
svg text { font-family:inherit; fill:var(--ink); font-size:12px; } svg .tick, svg .label { fill:var(--soft); font-size:11px; } svg .step { font-size:12px; }
svg .on-bar { fill:var(--on-bar); font-weight:600; } svg .bad { fill:var(--bad); } svg .lost-text { fill:var(--lost); font-weight:700; paint-order:stroke; stroke:var(--paper); stroke-width:4px; stroke-linejoin:round; }
.grid { stroke:var(--line); stroke-width:1; } .axis { stroke:var(--soft); stroke-width:1; } .mark { stroke:var(--lost); stroke-width:1.5; }
.outage { fill:var(--outage); } .acknowledged { fill:var(--acknowledged); } .failed { fill:var(--failed); } .lost { fill:var(--lost); }
.phase-prepare { fill:var(--prepare); } .phase-detect { fill:var(--detect); } .phase-decide { fill:var(--decide); } .phase-fence { fill:var(--fence); }
.phase-promote { fill:var(--promote); } .phase-scale { fill:var(--scale); } .phase-traffic { fill:var(--traffic); } .phase-client-tail { fill:var(--tail); }
.phase-verify { fill:var(--verify); } .phase-reprotect { fill:var(--reprotect); } .not-done { opacity:.45; stroke:var(--bad); stroke-width:2; }
.key { display:flex; flex-wrap:wrap; gap:4px 16px; margin:6px 0; color:var(--soft); font-size:13px; } .key svg { width:11px; min-width:11px; display:inline-block; margin-right:5px; }
table { border-collapse:collapse; width:100%; font-size:13px; } th { text-align:left; color:var(--soft); font-weight:600; }
th,td { padding:5px 14px 5px 0; border-bottom:1px solid var(--line); vertical-align:top; } .n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
code,pre { font-family:ui-monospace,"DejaVu Sans Mono",Menlo,monospace; font-size:12.5px; } code { overflow-wrap:anywhere; }
pre { background:var(--panel); border:1px solid var(--line); border-radius:10px; padding:14px; overflow-x:auto; }
ul.problems { color:var(--bad); } footer { margin-top:40px; color:var(--soft); font-size:13px; }
@media print { body { max-width:none; padding:0; } .scroll { overflow:visible; } section { break-inside:avoid; } }
)css";

}  // namespace leeward::report
