/**
 * The one style sheet of all pages.
 */

/** CSS. It loads nothing else. */
export const css = `:root {
  color-scheme: light dark;
  --ground: #fdfdfc;
  --raised: #f1f1ee;
  --text: #1d1f21;
  --faint: #5c6166;
  --line: #dcdcd7;
  --link: #0b5cad;
  --accent: #b3401f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171a;
    --raised: #1f2226;
    --text: #e6e7e8;
    --faint: #9ba1a8;
    --line: #33383e;
    --link: #7db8f5;
    --accent: #f08a66;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, sans-serif; background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 1rem; }
p { margin: 0 0 1rem; }
code { font-family: ui-monospace, monospace; background: var(--raised); padding: .1em .35em; border-radius: .25em; }
header { display: flex; gap: .75rem; align-items: center; margin-bottom: 1rem; }
header img { width: 2rem; height: 2rem; flex: none; }
header nav { min-width: 0; }
nav ol { list-style: none; display: flex; flex-wrap: wrap; margin: 0; padding: 0; }
nav li + li::before { content: "/"; color: var(--faint); margin: 0 .4em; }
footer { margin-top: 2rem; color: var(--faint); font-size: .875rem; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; font-size: .875rem; color: var(--faint); }
th, td { padding: .45rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child a { display: inline-block; }
.number, .time { white-space: nowrap; font-variant-numeric: tabular-nums; color: var(--faint); }
th.number, td.number { text-align: right; }
.folder { font-weight: 600; }
.empty { color: var(--faint); }
tbody tr:hover { background: var(--raised); }
@media (max-width: 34rem) {
  body { padding: .75rem; }
  th, td { padding: .45rem .25rem; }
  .number, .time { font-size: .8125rem; }
  .time { white-space: normal; width: 5.5rem; text-align: right; }
}
`
