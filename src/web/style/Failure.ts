/**
 * The style of the pages of failures, besides the tokens. These pages load no
 * style sheet, so this is in each of them.
 */

/** CSS. */
export const css = `*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { font: 100%/1.5 var(--sans); background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%; }
body { max-width: var(--width); margin: 0 auto; padding: var(--space-4); overflow-wrap: anywhere; display: flex; flex-direction: column; min-height: 100vh; min-height: 100dvh; }
a { color: var(--link); text-underline-offset: .15em; }
:is(a, summary, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
header { display: flex; gap: var(--space-3); align-items: center; font-weight: 600; }
header a { line-height: 0; }
header svg { width: 2rem; height: 2rem; }
main { flex: 1 1 auto; max-width: 40rem; padding: 10vh 0 var(--space-8); }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 var(--space-3); text-wrap: balance; }
p { margin: 0 0 var(--space-4); }
code { font: .9375em var(--mono); }
.lead { font-size: 1.0625rem; }
#retry { display: flex; flex-wrap: wrap; gap: var(--space-2) var(--space-4); align-items: center; background: var(--raised); border-radius: var(--radius); padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4); font-variant-numeric: tabular-nums; }
#wait { flex: 1 1 12rem; }
.button, button { display: inline-flex; align-items: center; font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--field); border-radius: var(--radius-small); padding: .3rem .75rem; min-height: var(--control); text-decoration: none; cursor: pointer; }
nav { display: flex; flex-wrap: wrap; gap: 0 var(--space-6); margin: 0 0 var(--space-4); }
nav a { display: inline-flex; align-items: center; min-height: var(--control); }
summary { cursor: pointer; width: fit-content; color: var(--faint); padding: var(--space-2) 0; }
details p { margin: 0 0 var(--space-2); color: var(--faint); }
footer { display: flex; flex-wrap: wrap; gap: var(--space-2) var(--space-4); align-items: center; color: var(--faint); border-top: 1px solid var(--line); padding-top: var(--space-3); }
#facts { font: var(--tiny)/1.5 var(--mono); user-select: all; }
footer button { font-size: var(--small); }
@media (max-width: 40rem) { body { padding: var(--space-3); } main { padding-top: 6vh; } h1 { font-size: 1.5rem; } }
`
