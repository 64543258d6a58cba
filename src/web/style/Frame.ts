/**
 * The style of what all pages have: text, header, forms, buttons, menus that
 * open below a button, and the rules for paper.
 */

/** CSS. */
export const css = `*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { font: 100%/1.5 var(--sans); background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%; scroll-padding-top: 4.5rem; }
body { max-width: var(--width); margin: 0 auto; padding: var(--space-4); overflow-wrap: anywhere; }
body.wide { max-width: 90rem; }
a { color: var(--link); text-underline-offset: .15em; }
h1 { font-size: var(--title); line-height: 1.3; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 1.5rem 0 .75rem; }
p { margin: 0 0 1rem; }
code { font-family: var(--mono); font-size: .9375em; background: var(--raised); padding: .1em .35em; border-radius: var(--space-1); }
mark { background: var(--mark); color: inherit; border-radius: 2px; }
kbd { font: var(--tiny) var(--mono); border: 1px solid var(--line); border-bottom-width: 2px; border-radius: var(--space-1); padding: .1em .4em; background: var(--surface); }
:is(a, summary, input, button, select, textarea, pre, [tabindex]):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
header { display: flex; gap: var(--space-3); align-items: center; margin-bottom: var(--space-4); }
header > a { line-height: 0; flex: none; }
header img { width: 2rem; height: 2rem; flex: none; }
header h1 { margin: 0; }
header nav { min-width: 0; }
header > nav, header > h1 { flex: 1 1 auto; }
nav ol { align-items: center; list-style: none; display: flex; flex-wrap: wrap; margin: 0; padding: 0; }
nav li + li::before { content: "/"; color: var(--faint); margin: 0 .4em; }
.path li:last-child { font-weight: 600; }
.path a { display: inline-block; padding: var(--space-1) 0; text-decoration: none; }
.path a:hover { text-decoration: underline; }
footer { margin-top: var(--space-8); color: var(--faint); font-size: var(--small); }
summary { cursor: pointer; width: fit-content; padding: var(--space-1) 0; }
input, button, select, textarea, .button { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--field); border-radius: var(--radius-small); padding: .3rem .6rem; min-height: var(--control); max-width: 100%; }
button, .button { display: inline-flex; gap: .4rem; align-items: center; justify-content: center; border-color: var(--line); background: var(--raised); cursor: pointer; flex: none; white-space: nowrap; text-decoration: none; }
:is(button, .button):hover { border-color: var(--field); }
button.main { background: var(--link); border-color: var(--link); color: var(--ground); }
button:disabled, [aria-disabled=true] { opacity: .55; cursor: default; }
.quiet { background: none; border-color: transparent; padding: .3rem .45rem; min-width: var(--control); }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0; }
.icon { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; vertical-align: -.25rem; flex: none; }
.empty { color: var(--faint); }
.faint { color: var(--faint); font-size: var(--small); }
.drop { position: relative; }
.drop > summary { list-style: none; padding: .3rem .6rem; }
.drop > summary::-webkit-details-marker { display: none; }
.drop[open] > summary { background: var(--chosen); border-color: var(--link); }
.drop > div { position: absolute; right: 0; top: calc(100% + var(--space-1)); z-index: 20; width: max-content; min-width: 12rem; max-width: min(24rem, calc(100vw - 2rem)); max-height: min(70vh, 36rem); overflow: auto; padding: var(--space-2); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); }
.drop ul { list-style: none; margin: 0; padding: 0; }
.drop li > :is(a, button, label), .drop :is(div, li) > form > :is(button, label) { display: flex; gap: var(--space-2); align-items: center; justify-content: flex-start; width: 100%; min-height: var(--control); padding: .3rem .6rem; border: 0; border-radius: var(--radius-small); background: none; color: inherit; text-decoration: none; text-align: left; white-space: normal; }
.drop :is(li, div > form, li > form) > :is(a, button, label):hover { background: var(--raised); }
.drop hr { border: 0; border-top: 1px solid var(--line); margin: var(--space-2) 0; }
.drop [aria-current] { font-weight: 600; }
.drop p { margin: var(--space-1) .6rem; font-size: var(--small); color: var(--faint); }
.drop pre { margin: var(--space-1) .6rem var(--space-2); padding: var(--space-2); font-size: var(--tiny); white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
@media (max-width: 40rem) {
  body { padding: var(--space-3); }
  .path ol { flex-wrap: nowrap; }
  .path li { min-width: 0; line-height: 1.35; }
  .path li:not(:last-child) { flex: none; max-width: 55%; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
  .path li:not(:nth-last-child(-n + 2)) { display: none; }
  .path li:nth-last-child(2):not(:first-child)::before { content: "… /"; margin-left: 0; }
  .path li:not(:last-child) a { display: inline; }
  .path li:last-child { display: flex; align-items: center; }
  .path li:last-child bdi { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
  .drop > div { position: fixed; inset: auto 0 0; top: auto; width: auto; max-width: none; max-height: 75vh; border-radius: 1rem 1rem 0 0; padding: var(--space-3) var(--space-3) calc(var(--space-3) + env(safe-area-inset-bottom)); z-index: 40; }
}
@media (prefers-reduced-motion: no-preference) { .drop > div { animation: appear .12s ease-out; } @keyframes appear { from { opacity: 0; translate: 0 -.25rem; } } }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; }
  header img, .toolbar, .tools, .pages, .act, .pick, #page\\.theme, #page\\.dock, .qr, .drop, .viewer-bar, form { display: none !important; }
  a { color: inherit; text-decoration: none; }
  pre { white-space: pre-wrap; border: 0; }
  tr, figure { break-inside: avoid; }
}
`
