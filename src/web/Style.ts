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
  --good: #1f6b35;
  --bad: #a3231a;
  --warn: #805300;
  --code-word: #8a2252;
  --code-name: #6a3fa0;
  --code-text: #1f6b35;
  --code-value: #0b5cad;
  --code-note: #5c6166;
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
    --good: #8fd6a3;
    --bad: #ff9d8f;
    --warn: #f0c060;
    --code-word: #ff9bc4;
    --code-name: #cbb2ff;
    --code-text: #8fd6a3;
    --code-value: #7db8f5;
    --code-note: #9ba1a8;
  }
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
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
body.wide { max-width: 90rem; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 1.5rem 0 .75rem; }
summary { cursor: pointer; width: fit-content; padding: .25rem 0; }
a:focus-visible, summary:focus-visible, input:focus-visible, button:focus-visible, pre:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
input, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--faint); border-radius: .375rem; padding: .3rem .6rem; min-height: 2.25rem; max-width: 100%; }
button { background: var(--raised); cursor: pointer; flex: none; white-space: nowrap; }
.search { margin-top: 1.25rem; max-width: 26rem; }
.search input { flex: 1; min-width: 0; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0; }
.icon { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; vertical-align: -.25rem; flex: none; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin-bottom: .75rem; }
.bar p { margin: 0; color: var(--faint); font-size: .875rem; }
.bar form, .search { display: flex; gap: .5rem; align-items: center; }
.bar form { flex: 1 1 16rem; max-width: 26rem; }
.bar input[type=search] { flex: 1; min-width: 0; width: 100%; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; margin: 1rem 0; }
.tools form { display: flex; gap: .5rem; }
.tools a, .pages a, .pages span { display: inline-block; padding: .25rem 0; }
.pages { margin: 1rem 0; }
.pages ol { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem .9rem; margin: 0; padding: 0; }
.pages li::before { content: none !important; }
.pages [aria-current] { font-weight: 700; }
th a { color: inherit; display: inline-block; padding: .15rem 0; }
td.type, th.type { width: 2.75rem; white-space: nowrap; color: var(--faint); }
td.type .folder-icon { color: var(--accent); }
.download, .source { display: inline-block; min-width: 1.5rem; padding: 0 .25rem; color: var(--faint); text-align: center; text-decoration: none; }
.download:hover, .source:hover { color: var(--link); background: var(--raised); border-radius: .25rem; }
.download::before { content: "↓"; }
.source::before { content: "{ }"; font: .75rem ui-monospace, monospace; }
.order { display: flex; gap: .25rem .75rem; align-items: baseline; font-size: .875rem; color: var(--faint); }
.order > span { flex: none; }
.order ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem .9rem; margin: 0; padding: 0; }
.order li::before { content: none !important; }
.order a { display: inline-block; padding: .25rem 0; }
.order [aria-current] a { color: inherit; font-weight: 700; }
.grid { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 45%), 1fr)); }
.grid li { min-width: 0; }
.grid a { display: block; text-decoration: none; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; background: var(--raised); }
.grid a:hover { border-color: var(--faint); }
.grid img, .grid .tile { display: grid; place-items: center; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; background: var(--ground); color: var(--faint); }
.grid .tile .icon { width: 3rem; height: 3rem; stroke-width: 1; }
.grid .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; height: 2.7em; margin: .4rem .5rem; font-size: .875rem; line-height: 1.35; }
.viewer { margin: 0 0 1rem; text-align: center; }
.viewer img, .viewer video { max-width: 100%; max-height: 80vh; height: auto; background: var(--raised); }
.viewer audio { width: 100%; }
.viewer object { width: 100%; height: 80vh; border: 1px solid var(--line); }
pre { overflow: auto; background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; margin: 0 0 1rem; font: .875rem/1.5 ui-monospace, monospace; tab-size: 4; overflow-wrap: normal; }
pre code { font: inherit; background: none; padding: 0; }
.markdown { border-top: 1px solid var(--line); padding-top: 1rem; margin-top: 1.5rem; line-height: 1.6; }
.markdown img { max-width: 100%; height: auto; }
.markdown table { display: block; overflow-x: auto; width: fit-content; max-width: 100%; margin-bottom: 1rem; }
.markdown th { color: inherit; }
.markdown td, .markdown th { overflow-wrap: normal; }
.markdown blockquote { margin: 0 0 1rem; padding-left: 1rem; border-left: .25rem solid var(--line); color: var(--faint); }
.markdown td[align=left], .markdown th[align=left] { text-align: left; }
.markdown td[align=right], .markdown th[align=right] { text-align: right; }
.markdown td[align=center], .markdown th[align=center] { text-align: center; }
.markdown li:has(> input), .markdown li:has(> p:first-child > input) { list-style: none; }
.markdown li > input, .markdown li > p:first-child > input { min-height: 0; width: 1em; height: 1em; margin: 0 .25em 0 -1.4em; padding: 0; vertical-align: -.1em; accent-color: var(--link); }
.markdown .footnotes { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .75rem; font-size: .875rem; }
.markdown sup { line-height: 0; }
.markdown details { margin-bottom: 1rem; }
.markdown hr { border: 0; border-top: 1px solid var(--line); }
.markdown :first-child { margin-top: 0; }
.qr svg { display: block; width: 12rem; max-width: 100%; height: auto; border-radius: .5rem; margin: .5rem 0; }
.qr code { overflow-wrap: anywhere; }
.upload { border: 2px dashed var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1.25rem 0; }
.upload.over { border-color: var(--accent); background: var(--raised); }
.upload form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.upload h2 { margin: 0 0 .5rem; font-size: 1rem; }
.upload ul { list-style: none; margin: .5rem 0 0; padding: 0; }
.upload li { padding: .15rem 0; }
.upload bdi { font-weight: 600; margin-right: .25rem; }
.upload .good { color: var(--good); }
.upload .bad { color: var(--bad); }
.upload progress { width: 8rem; vertical-align: middle; accent-color: var(--accent); }
.hljs-keyword, .hljs-selector-tag, .hljs-literal, .hljs-section, .hljs-doctag, .hljs-meta .hljs-keyword, .hljs-deletion { color: var(--code-word); }
.hljs-title, .hljs-name, .hljs-type, .hljs-built_in, .hljs-class .hljs-title, .hljs-selector-id, .hljs-selector-class { color: var(--code-name); }
.hljs-string, .hljs-regexp, .hljs-addition, .hljs-template-tag, .hljs-template-variable { color: var(--code-text); }
.hljs-number, .hljs-attr, .hljs-attribute, .hljs-variable, .hljs-symbol, .hljs-bullet, .hljs-link, .hljs-property { color: var(--code-value); }
.hljs-comment, .hljs-quote, .hljs-meta { color: var(--code-note); }
.hljs-emphasis { font-style: italic; }
.hljs-strong { font-weight: 700; }
.faint { color: var(--faint); font-size: .875rem; }
button.main { background: var(--link); border-color: var(--link); color: var(--ground); }
select { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--faint); border-radius: .375rem; padding: .3rem .6rem; min-height: 2.25rem; max-width: 100%; }
select:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header > a { line-height: 0; }
header h1 { margin: 0; }
.wrap { white-space: pre-wrap; }
.copy { white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
.menu { flex: 1 1 auto; }
.menu ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 0; padding: 0; }
.menu li::before { content: none !important; }
.menu a { display: inline-block; padding: .25rem 0; }
.menu [aria-current] { font-weight: 700; color: inherit; text-decoration-color: var(--accent); text-decoration-thickness: 2px; }
.count { display: inline-block; min-width: 1.4em; padding: 0 .4em; border-radius: .7em; background: var(--accent); color: var(--ground); font-size: .8125rem; font-weight: 700; text-align: center; }
.state { white-space: nowrap; }
.state::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .4em; border-radius: 50%; border: 2px solid currentColor; }
.state.connected { color: var(--good); font-weight: 600; }
.state.connected::before { background: currentColor; }
.state.away { color: var(--warn); }
.state.never { color: var(--faint); }
.notice { border-left: .25rem solid var(--link); background: var(--raised); padding: .5rem .75rem; }
.notice > :last-child { margin-bottom: 0; }
.notice ul { margin: 0; padding-left: 1.1rem; }
.notice p { margin-bottom: .25rem; }
.notice.good { border-color: var(--good); }
.notice.bad { border-color: var(--bad); }
div.notice { margin: 0 0 1rem; }
#live { margin-top: 1rem; }
.facts { display: grid; gap: .25rem 1.5rem; margin: 0 0 1rem; }
.facts div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .25rem .75rem; border-bottom: 1px solid var(--line); padding: .3rem 0; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; }
.facts ul { margin: 0; padding-left: 1.1rem; }
.pair { display: inline-block; max-width: 100%; margin-right: .75rem; overflow-wrap: anywhere; }
caption { text-align: left; color: var(--faint); font-size: .875rem; padding-bottom: .25rem; }
.cards { margin-bottom: 1rem; }
.cards tbody th { color: inherit; font-size: 1rem; }
.cards small { color: var(--faint); font-weight: 400; }
.cards th, .cards td { overflow-wrap: break-word; }
.cards code { overflow-wrap: anywhere; }
.cards time { font-variant-numeric: tabular-nums; }
.decision { display: flex; flex-wrap: wrap; gap: .5rem; align-items: flex-start; }
.decision p { flex: 1 1 12rem; margin: 0; font-size: .875rem; }
.decision details { flex: 1 1 100%; min-width: 0; }
.cards td > div { min-width: 0; }
.decision pre { margin: .25rem 0 0; user-select: all; }
.tools label { display: inline-flex; flex-wrap: wrap; gap: .4rem; align-items: center; min-width: 0; max-width: 100%; }
.tools select, .tools input { flex: 1 1 8rem; min-width: 0; width: 100%; }
@media (max-width: 60rem) {
  .cards, .cards caption, .cards tbody, .cards tr, .cards th, .cards td { display: block; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { border: 1px solid var(--line); border-radius: .5rem; padding: .4rem .75rem; margin-bottom: .75rem; }
  .cards tbody th, .cards td { border: 0; padding: .2rem 0; }
  .cards td { display: grid; grid-template-columns: minmax(5.5rem, 30%) minmax(0, 1fr); gap: .5rem; }
  .cards td::before { content: attr(data-label); color: var(--faint); font-size: .875rem; }
}
@media (max-width: 34rem) {
  header:has(.menu) { flex-wrap: wrap; justify-content: space-between; }
  .menu { order: 1; flex-basis: 100%; }
  .facts div { grid-template-columns: minmax(0, 1fr); gap: 0; }
  body { padding: .75rem; }
  th, td { padding: .45rem .25rem; }
  .number, .time { font-size: .8125rem; }
  .time { white-space: normal; width: 5.5rem; text-align: right; }
  td.type, th.type { width: 1.9rem; font-size: .75rem; }
}
`
