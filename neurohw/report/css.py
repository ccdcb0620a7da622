"""The style sheet of a page: one column, light and dark, phone and paper."""

from __future__ import annotations

from typing import Final

CSS: Final = """\
:root { color-scheme: light dark; --ink: #1c2024; --soft: #59636e; --line: #d5dae0;
  --page: #fbfbfc; --card: #f0f2f5; --link: #0b5fa5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #a4adb8; --line: #3a424c;
  --page: #14171b; --card: #1f242a; --link: #7cc0ff; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 59rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 .6rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.6rem 0 .7rem; padding-top: .7rem; border-top: 1px solid var(--line);
  font-size: 1.3rem; line-height: 1.25; }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.05rem; }
p, ul { margin: .5rem 0; }
ul { padding-left: 1.25rem; }
li { margin: .3rem 0; }
a { color: var(--link); }
.soft { color: var(--soft); font-size: .92rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-top: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .6rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.6rem, 1fr)); gap: .6rem;
  margin: 0 0 1rem; padding: 0; list-style: none; }
.cards li { margin: 0; padding: .6rem .8rem; background: var(--card); border-radius: .5rem; }
.cards b { display: block; font-size: 1.3rem; line-height: 1.3; font-weight: 600;
  white-space: nowrap; }
.cards span { color: var(--soft); font-size: .88rem; line-height: 1.3; display: block; }
figure { margin: 1rem 0; padding: .6rem; background: #fff; color: #24292f;
  border: 1px solid var(--line); border-radius: .5rem; break-inside: avoid; }
figure img { display: block; width: 100%; max-width: 50rem; height: auto; margin: 0 auto; }
figcaption { margin: .4rem .2rem 0; font-size: .92rem; }
.box { margin: 1rem 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.caption { margin: 0; padding: .45rem .55rem; color: var(--soft); font-size: .9rem; }
th, td { padding: .3rem .55rem; text-align: left; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); background: var(--card); font-weight: 600;
  vertical-align: bottom; }
tbody th { font-weight: 500; overflow-wrap: break-word; }
tr.start > * { border-top: 1px solid var(--line); }
.n { text-align: right; white-space: nowrap; }
thead .n { white-space: normal; }
pre { margin: .6rem 0; padding: .7rem .9rem; overflow-x: auto; background: var(--card);
  border-radius: .5rem; font: .87rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; overflow-wrap: normal; }
code { font-family: inherit; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
@media (max-width: 36rem) { body { padding: 1rem .7rem 3rem; } h1 { font-size: 1.4rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; }
  figure { padding: .3rem; margin-left: -.3rem; margin-right: -.3rem; } }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --page: #fff; --card: #f3f3f3;
  --link: #000; } body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  .box, .scroll { overflow: visible; } table { font-size: 7.5pt; } .n { white-space: normal; }
  pre { white-space: pre-wrap; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  figure { padding: .3rem; margin: .5rem 0; } figure img { max-width: 12.5cm; }
  th, td { padding: .15rem .3rem; } }
"""
