import { Markup } from '../markup.js';
import { sortingRules } from './table.js';

const LIGHT = `
  --page: #f6f7f8; --card: #ffffff; --ink: #191d22; --soft: #5c6670; --line: #e2e6ea; --wash: #f0f3f5;
  --before: #93a0ad; --after: #3559d4; --other: #8a5cc9; --good: #14754a; --bad: #bb3424; --warn: #8a5a00;
  --right: #3559d4; --wrong: #d9730d; --tint: 14%;`;

const DARK = `
  --page: #0e1115; --card: #161a20; --ink: #e6eaee; --soft: #97a3ae; --line: #29303a; --wash: #1d232b;
  --before: #6c7a88; --after: #84a1ff; --other: #b591ee; --good: #4fca92; --bad: #ff8577; --warn: #e3b341;
  --right: #6f8fff; --wrong: #e98a2e; --tint: 20%;`;

/** The look of the page: colours by role, light or dark as the reader's system has it, always light on paper. */
export const STYLE = new Markup(`:root { color-scheme: light;${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark;${DARK} } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { margin: 0; font-size: clamp(1.4rem, 4.2vw, 2.1rem); line-height: 1.2; letter-spacing: -0.02em; font-weight: 680; overflow-wrap: anywhere; }
h2 { margin: 0 0 4px; font-size: 1.15rem; letter-spacing: -0.01em; font-weight: 650; }
p { margin: 6px 0; }
code, pre { font: 0.86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { margin: 8px 0 0; padding: 12px 14px; border-radius: 8px; background: var(--wash); white-space: pre-wrap; }
.kicker, .facts, .hint, .range, small { color: var(--soft); }
.kicker { margin: 0 0 6px; } .kicker b { color: var(--ink); }
.facts { margin: 12px 0 0; overflow-wrap: anywhere; } .arrow { color: var(--soft); font-weight: 400; }
.good { color: var(--good); } .bad { color: var(--bad); } .still { color: var(--soft); }

.pill, .badge { display: inline-block; padding: 0 9px; border-radius: 99px; font-size: 0.85em; font-weight: 600; line-height: 1.7; white-space: nowrap; color: var(--tone, var(--soft)); background: color-mix(in srgb, var(--tone, var(--soft)) var(--tint), transparent); }
.pill { margin-right: 6px; font-size: 0.92em; }
.good.pill, .badge.passed, .badge.gained { --tone: var(--good); }
.bad.pill, .badge.failed, .badge.lost { --tone: var(--bad); }
.badge.undecided { --tone: var(--warn); } .badge.done { --tone: var(--after); }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); gap: 16px; margin: 28px 0 0; }
.card, main > section:not(.cards) { background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.card { display: flex; flex-direction: column; padding: 18px 20px 16px; }
.card h2 { font-size: 0.85rem; font-weight: 600; color: var(--soft); letter-spacing: 0; }
.figure { margin: 0; font-size: 1.75rem; font-weight: 680; letter-spacing: -0.025em; line-height: 1.25; }
.range { margin: 0; min-height: 1.5em; font-size: 0.9rem; }
.bars { margin: auto 0 0; padding-top: 12px; font-size: 0.9rem; }
.bars div { display: grid; grid-template-columns: 1fr auto; margin-top: 5px; }
.bars dt { color: var(--soft); } .bars dd { margin: 0; font-weight: 600; }
.bars i { grid-column: 1 / -1; height: 6px; }
i { display: block; height: 4px; width: calc(var(--length) * 100%); min-width: 1px; border-radius: 3px; background: var(--role, var(--before)); }
.before { --role: var(--before); } .after { --role: var(--after); } .other { --role: var(--other); }
.interval { width: 100%; max-width: 300px; margin-top: 8px; overflow: visible; }

nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 4px 18px; margin: 20px -24px 0; padding: 10px 24px; overflow-x: auto; background: color-mix(in srgb, var(--page) 92%, transparent); backdrop-filter: blur(8px); scrollbar-width: none; }
nav a { color: var(--soft); text-decoration: none; white-space: nowrap; font-size: 0.92rem; } nav a:hover, nav a:focus-visible { color: var(--ink); text-decoration: underline; text-underline-offset: 4px; }
main > section:not(.cards) { margin-top: 16px; padding: 20px 22px 22px; scroll-margin-top: 52px; }
.hint { margin: 0 0 10px; font-size: 0.92rem; }
main > .warnings:not(.cards) { border-color: color-mix(in srgb, var(--warn) 35%, transparent); background: color-mix(in srgb, var(--warn) 7%, var(--card)); } .warnings h2 { color: var(--warn); } .long { content-visibility: auto; contain-intrinsic-size: auto 700px; }
.warnings ul { margin: 6px 0 0; padding-left: 20px; overflow-wrap: anywhere; }

.scroll { overflow-x: auto; margin: 8px -4px 0; padding: 0 4px; }
.scroll:has(> #class-list, > #node-list, > #layer-list, > #confused-pairs, > #more-samples) { max-height: 640px; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.columns caption { position: static; width: auto; height: auto; clip-path: none; text-align: left; color: var(--soft); padding-bottom: 2px; }
th, td { padding: 6px 14px 6px 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 550; font-size: 0.86rem; vertical-align: bottom; }
table:not(.sortable) tbody tr:last-child td { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
td.number:last-child, th.number:last-child { padding-right: 2px; }
td i.bar { margin: 3px 0 1px auto; }
#headline td:first-child { color: var(--soft); } .scroll + p { margin-top: 12px; }
.key::before { content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 7px; border-radius: 3px; background: var(--role); }

td:first-child:not(.number) { min-width: 8.5em; }
th.group { text-align: center; padding-bottom: 0; border-bottom: 0; color: var(--ink); } th.group + th.group { border-left: 0; }
thead tr:has(.group) td { border-bottom: 0; }

.sortable { display: grid; grid-template-columns: minmax(9em, auto) repeat(var(--more), auto); }
.sortable .group, .sortable [colspan] { grid-column: span var(--span); justify-content: center; }
.sortable thead, .sortable tbody { display: contents; }
.sortable tr { display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; }
.sortable thead tr { position: sticky; top: 0; z-index: 1; order: -1; background: var(--card); }
.sortable thead tr:has(.group) + tr { top: 24px; } .sortable thead tr:has(.group) { height: 24px; }
.sortable th { display: flex; align-items: end; } .sortable th.number { justify-content: end; text-align: right; }
.sortable td { min-width: 0; overflow-wrap: anywhere; } .sortable td.number { overflow-wrap: normal; }
.sortable label { cursor: pointer; } .sortable label:hover span { color: var(--ink); text-decoration: underline; text-underline-offset: 3px; }
.sortable input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.sortable :checked + span { color: var(--ink); } .sortable :checked + span::after { content: " ↓"; }
.sortable :focus-visible + span { outline: 2px solid var(--after); outline-offset: 2px; border-radius: 3px; }
${sortingRules()}

.maps { display: grid; gap: 18px; grid-template-columns: 100%; } .maps.few { grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--classes) * 23px + 92px), 1fr)); }
.map { width: auto; border-collapse: separate; border-spacing: 1px; font-size: 0.74rem; }
.map caption { position: static; width: auto; height: auto; clip-path: none; text-align: left; font-size: 0.92rem; font-weight: 600; padding: 2px 0 6px; }
.map th, .map td { border: 0; padding: 0; } .map td:first-child { min-width: 0 !important; }
.map thead th { vertical-align: bottom; } .map thead span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 110px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.map th { font-size: 0.74rem; } .map tbody th { max-width: 84px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: right; vertical-align: middle; padding-right: 6px; }
.map tbody td { min-width: 22px; height: 22px; text-align: center; vertical-align: middle; border-radius: 3px; background: var(--wash); }
.map td.right, .map td.wrong { background: color-mix(in srgb, var(--hue) calc(8% + var(--shade) * 80%), var(--card)); } .map td.right { color: color-mix(in srgb, var(--ink) calc((0.7 - var(--shade)) * 100000%), #fff); }
.map .right { --hue: var(--right); } .map .wrong { --hue: var(--wrong); }
.labels { display: grid; gap: 14px 28px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); } .label { display: flex; flex-wrap: wrap; gap: 8px; } .label .map caption { font-size: 0.8rem; color: var(--soft); }
.label .scroll { margin: 0; padding: 0; } .label .map tbody td { min-width: 32px; } .label .map thead span { writing-mode: horizontal-tb; transform: none; } .label .map thead th { text-align: center; }
h3 { margin: 6px 0 2px; font-size: 0.95rem; font-weight: 650; overflow-wrap: anywhere; }
.many .map { font-size: 0.58rem; } .many .map th { font-size: 0.64rem; } .many .map tbody td { min-width: 19px; height: 19px; padding: 0 1px; }

.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr)); gap: 14px; margin: 12px 0 0; padding: 0; list-style: none; }
.samples li { display: flex; flex-direction: column; padding: 12px; border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
.preview { display: grid; place-items: center; flex: 1; min-height: 60px; margin-bottom: 6px; }
.preview:empty { display: none; }
.preview img { max-width: 100%; max-height: 128px; width: auto; height: auto; border-radius: 6px; } .preview img.small { height: 96px; image-rendering: pixelated; }
.preview img.wide { width: 100%; height: 48px; border-radius: 3px; }
.preview svg { width: 100%; height: 56px; } .preview svg path { fill: none; stroke: var(--after); stroke-width: 1; vector-effect: non-scaling-stroke; }
blockquote { align-self: start; justify-self: stretch; max-height: 9em; margin: 0; padding: 8px 10px; overflow: auto; border-radius: 6px; background: var(--wash); font-size: 0.9rem; overflow-wrap: anywhere; }
blockquote hr { border: 0; border-top: 1px solid var(--line); }
dl { margin: 0; } .samples dl, .run { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; font-size: 0.92rem; }
dt { color: var(--soft); } .samples dd, .run dd { margin: 0; overflow-wrap: anywhere; } .samples dd { font-weight: 600; }
.place { color: var(--soft); font-size: 0.84rem; overflow-wrap: anywhere; }

.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 8px 28px; align-items: start; } .columns > div { min-width: 0; } .columns > div:empty { display: none; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 16px 28px; margin: 8px 0; }
figure { margin: 0; } figcaption { font-size: 0.92rem; font-weight: 600; }
.plot { display: block; width: 100%; max-width: 620px; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; } .interval text { font-size: 11px; }
svg .grid path, svg .axis { fill: none; stroke: var(--line); } svg .axis { stroke: color-mix(in srgb, var(--soft) 60%, transparent); }
.curve { fill: none; stroke: var(--role); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.point { fill: color-mix(in srgb, var(--role) 55%, var(--card)); } .point.marked { fill: var(--role); stroke: var(--card); stroke-width: 2; }
.column { fill: color-mix(in srgb, var(--role) 35%, transparent); } .column.after { fill: var(--role); }
.zero { stroke: var(--soft); } .limit { stroke: var(--bad); stroke-dasharray: 3 3; } .whisker { stroke: var(--after); stroke-width: 3; stroke-linecap: round; } .dot { fill: var(--after); stroke: var(--card); stroke-width: 2; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--soft); }
summary:hover { color: var(--ink); }

@media (max-width: 600px) {
  main { padding: 22px 14px 48px; } nav { margin: 14px -14px 0; padding: 10px 14px; }
  main > section:not(.cards) { padding: 16px 14px; border-radius: 12px; } .cards { gap: 10px; margin-top: 18px; }
  .samples { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; } .samples dl { grid-template-columns: 1fr; gap: 0; }
  #node-list, #layer-list { min-width: 640px; } #class-list { min-width: 760px; } #operator-list { min-width: 420px; } .plot text { font-size: 14px; }
}
@media print {
  @page { margin: 14mm; }
  html { font-size: 10.5px; }
  body { background: #fff; font-size: 1rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; } nav { display: none; }
  .scroll { overflow: visible; max-height: none !important; } .sortable thead tr { position: static; }
  .long { content-visibility: visible; }
  .card, tr, .samples li, figure, svg { break-inside: avoid; } h2 { break-after: avoid; }
  .card, main > section:not(.cards) { border-radius: 0; border-width: 1px 0 0; padding: 12px 0; }
  details::details-content { content-visibility: visible; display: block; }
}`);
