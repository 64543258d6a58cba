/**
 * The style of the page that shows one file: pictures on a dark ground, films,
 * sound, text with line numbers, tables, notebooks and Markdown.
 */

/** CSS. */
export const css = `.viewer-bar { position: sticky; top: 0; z-index: 10; display: flex; flex-wrap: wrap; gap: var(--space-2); align-items: center; margin: 0 calc(-1 * var(--space-2)) var(--space-3); padding: var(--space-2); background: color-mix(in srgb, var(--ground) 92%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); }
.viewer-bar .count-of { color: var(--faint); font-size: var(--small); font-variant-numeric: tabular-nums; }
.viewer-bar .gap { flex: 1 1 0; min-width: 0; }
.stage { position: relative; display: grid; grid-template-rows: minmax(0, 1fr) auto; margin: 0 0 1rem; background: #111315; color: #eceded; border-radius: var(--radius); overflow: hidden; }
.stage:fullscreen { border-radius: 0; }
.viewer { margin: 0 0 1rem; text-align: center; }
.stage .viewer { display: grid; place-items: center; margin: 0; min-height: 50vh; height: calc(100dvh - 13rem); overflow: hidden; touch-action: pan-y pinch-zoom; }
.stage:has(.strip) .viewer { height: calc(100dvh - 17rem); }
.stage:fullscreen .viewer { height: auto; }
.stage .viewer :is(img, video) { max-width: 100%; max-height: 100%; width: auto; height: auto; min-width: 0; min-height: 0; object-fit: contain; }
.stage .viewer:has(video) { height: auto; min-height: 0; }
.stage .viewer video { width: 100%; max-height: calc(100dvh - 13rem); }
.stage:fullscreen .viewer video { max-height: 100dvh; }
.stage .viewer img { cursor: zoom-in; transform-origin: 0 0; user-select: none; -webkit-user-drag: none; }
.stage .viewer img.zoomed { cursor: grab; touch-action: none; }
.stage .empty { color: #b9bdc2; margin: 0; padding: var(--space-6) var(--space-4); }
.stage > a { position: absolute; z-index: 2; top: 50%; translate: 0 -50%; display: grid; place-items: center; width: 3rem; height: 3rem; color: #fff; background: rgb(0 0 0 / .45); border-radius: 50%; text-decoration: none; }
.stage:has(video) > a { top: 35%; }
.stage > a:hover { background: rgb(0 0 0 / .75); }
.stage > a[rel=prev] { left: var(--space-2); }
.stage > a[rel=next] { right: var(--space-2); }
.stage .tell { position: absolute; z-index: 2; left: 0; right: 0; top: 0; margin: 0; padding: var(--space-3) var(--space-4) var(--space-6); background: linear-gradient(rgb(0 0 0 / .6), transparent); font-size: var(--small); pointer-events: none; opacity: 0; }
.stage:fullscreen .tell { opacity: 1; }
.strip { display: flex; gap: var(--space-1); padding: var(--space-2); overflow-x: auto; background: rgb(0 0 0 / .4); }
.strip a { flex: none; line-height: 0; border: 2px solid transparent; border-radius: var(--space-1); }
.strip a[aria-current] { border-color: #fff; }
.strip img { width: 4rem; height: 3rem; object-fit: cover; background: #222; }
.viewer audio { width: 100%; }
.viewer object { width: 100%; height: calc(100dvh - 11rem); min-height: 24rem; border-radius: var(--radius); }
.info dl, .status { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: var(--space-1) var(--space-4); margin: 0; font-size: var(--small); }
.info dt { color: var(--faint); }
.info dd, .status dd { margin: 0; }
.strip { position: relative; }
.player { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: var(--space-2) var(--space-3); align-items: center; padding: var(--space-2) var(--space-3); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); }
@media (max-width: 40rem) { .player p { grid-column: 1 / -1; } .viewer-bar .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } .viewer-bar { gap: var(--space-1); backdrop-filter: none; background: var(--ground); } .viewer-bar:has(details[open]) { z-index: 30; } .viewer-bar :is(.count-of, .open, .edit) { display: none; } .viewer-bar :is(.button, button) { padding-inline: .35rem; } }
.player audio { width: 100%; grid-column: 1 / -1; height: 2.5rem; }
.player p { margin: 0; min-width: 0; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-weight: 600; }
.player img { width: 3rem; height: 3rem; object-fit: cover; border-radius: var(--space-1); }
pre { overflow: auto; background: var(--raised); border: 1px solid var(--line); border-radius: var(--radius); padding: .75rem; margin: 0 0 1rem; font: var(--small)/1.5 var(--mono); tab-size: 4; overflow-wrap: normal; }
pre code { font: inherit; background: none; padding: 0; }
.lines { display: grid; grid-template-columns: auto minmax(0, 1fr); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); margin: 0 0 1rem; font: var(--small)/1.5 var(--mono); tab-size: 4; }
.line-numbers { padding: .75rem 0; text-align: right; color: var(--faint); background: var(--raised); border-radius: var(--radius) 0 0 var(--radius); user-select: none; }
.line-numbers a { display: block; padding: 0 .75rem; color: inherit; text-decoration: none; }
.line-numbers a:hover { color: var(--link); }
.line-numbers a:target, .line-numbers a.at { background: var(--mark); color: var(--text); }
.lines pre { border: 0; background: none; margin: 0; min-width: 0; border-radius: 0; }
.lines.wrapped { grid-template-columns: minmax(0, 1fr); }
.lines.wrapped .line-numbers { display: none; }
.lines.wrapped pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.data-table { overflow: auto; max-height: calc(100dvh - 11rem); margin-bottom: 1rem; border: 1px solid var(--line); border-radius: var(--radius); }
.data-table table { width: max-content; min-width: 100%; font-size: var(--small); }
.data-table thead th { position: sticky; top: 0; background: var(--raised); color: var(--text); }
.data-table tbody th { color: var(--faint); font-weight: 400; text-align: right; font-variant-numeric: tabular-nums; }
.data-table th:first-child { width: 1%; white-space: nowrap; overflow-wrap: normal; }
.data-table td { max-width: 30rem; white-space: pre-wrap; }
.cell { display: grid; grid-template-columns: 4rem minmax(0, 1fr); gap: var(--space-2); }
.cell > p { margin: .75rem 0 0; color: var(--faint); font: var(--tiny) var(--mono); text-align: right; }
.cell img { max-width: 100%; height: auto; background: #fff; }
.markdown { line-height: 1.65; max-width: 52rem; }
#page\\.readme .markdown { max-width: none; padding: 1.25rem; margin-top: 1.5rem; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.markdown img { max-width: 100%; height: auto; }
.markdown table { display: block; overflow-x: auto; width: fit-content; max-width: 100%; margin-bottom: 1rem; }
.markdown th { color: inherit; }
.markdown td, .markdown th { overflow-wrap: normal; }
.markdown blockquote { margin: 0 0 1rem; padding-left: 1rem; border-left: .25rem solid var(--line); color: var(--faint); }
.markdown .callout { color: inherit; padding: .5rem 1rem; background: var(--raised); border-radius: 0 var(--radius) var(--radius) 0; }
.markdown .callout > p:first-child { font-weight: 600; }
.markdown .callout-note, .markdown .callout-important { border-color: var(--link); }
.markdown .callout-tip { border-color: var(--good); }
.markdown .callout-warning { border-color: var(--warn); }
.markdown .callout-caution { border-color: var(--bad); }
.markdown td[align=left], .markdown th[align=left] { text-align: left; }
.markdown td[align=right], .markdown th[align=right] { text-align: right; }
.markdown td[align=center], .markdown th[align=center] { text-align: center; }
.markdown li:has(> input), .markdown li:has(> p:first-child > input) { list-style: none; }
.markdown li > input, .markdown li > p:first-child > input { min-height: 0; width: 1em; height: 1em; margin: 0 .25em 0 -1.4em; padding: 0; vertical-align: -.1em; accent-color: var(--link); }
.markdown .footnotes { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .75rem; font-size: var(--small); }
.markdown sup { line-height: 0; }
.markdown details { margin-bottom: 1rem; }
.markdown hr { border: 0; border-top: 1px solid var(--line); }
.markdown :first-child { margin-top: 0; }
.copied { position: relative; }
.copied.long > pre { padding-top: 2.25rem; }
.copied > button { position: absolute; top: .4rem; right: .4rem; min-height: 0; padding: .1rem .5rem; font-size: var(--tiny); }
.hljs-keyword, .hljs-selector-tag, .hljs-literal, .hljs-section, .hljs-doctag, .hljs-meta .hljs-keyword, .hljs-deletion { color: var(--code-word); }
.hljs-title, .hljs-name, .hljs-type, .hljs-built_in, .hljs-class .hljs-title, .hljs-selector-id, .hljs-selector-class { color: var(--code-name); }
.hljs-string, .hljs-regexp, .hljs-addition, .hljs-template-tag, .hljs-template-variable { color: var(--code-text); }
.hljs-number, .hljs-attr, .hljs-attribute, .hljs-variable, .hljs-symbol, .hljs-bullet, .hljs-link, .hljs-property { color: var(--code-value); }
.hljs-comment, .hljs-quote, .hljs-meta { color: var(--code-note); }
.hljs-emphasis { font-style: italic; }
.hljs-strong { font-weight: 700; }
.hits td { vertical-align: middle; }
.hits small { display: block; color: var(--faint); }
`
