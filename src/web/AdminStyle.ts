/**
 * What the style sheet of the administrator's pages has besides that of all
 * pages. Its colours are the tokens of `Style.ts`.
 */

/** CSS. It loads nothing else. */
export const css = `.tabs ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 1rem; padding: 0; border-bottom: 1px solid var(--line); }
.tabs li::before { content: none !important; }
.tabs a { display: inline-block; padding: .5rem .1rem; text-decoration: none; }
.tabs [aria-current] { color: inherit; font-weight: 700; box-shadow: inset 0 -2px var(--accent); }
.diff { white-space: pre-wrap; overflow-wrap: anywhere; padding: .5rem 0; }
.diff span { display: block; padding: 0 .75rem; }
.diff .added { color: var(--good); font-weight: 600; }
.diff .removed { color: var(--bad); font-weight: 600; }
.acts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; margin: 0 0 1rem; padding: 0; list-style: none; }
.acts > li { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.acts h2 { margin: 0 0 .25rem; font-size: 1rem; }
.acts p { margin: 0 0 .75rem; color: var(--faint); font-size: .875rem; }
.acts form, .decide, .decision form { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; }
.acts form + form { margin-top: .5rem; }
.acts label, .decision label { display: inline-flex; gap: .5rem; align-items: center; min-height: 1.5rem; }
.acts input:not([type=checkbox]) { flex: 1 1 8rem; min-width: 0; }
input[type=checkbox] { min-height: 0; width: 1.15rem; height: 1.15rem; flex: none; accent-color: var(--link); }
button.danger { color: var(--bad); border-color: var(--bad); }
.status { display: inline; font-size: inherit; font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
.s1 { color: var(--code-name); }
.s2 { color: var(--good); }
.s3 { color: var(--faint); }
.s4 { color: var(--warn); }
.s5 { color: var(--bad); }
.s0 { color: var(--faint); }
.chart .s3 { color: var(--link); }
.chart .s0 { color: var(--line); }
.legend .key.s3 { color: var(--link); }
.legend .key.s0 { color: var(--line); }
.running { color: var(--faint); font-weight: 400; }
.timing { margin: 0 0 1rem; }
.timing svg { display: block; width: 100%; height: 1.25rem; border-radius: .25rem; background: var(--raised); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 0; padding: 0; font-size: .875rem; }
.key { display: inline-block; width: .75rem; height: .75rem; margin-right: .4rem; border-radius: .15rem; background: currentColor; vertical-align: -.05rem; }
.waited { fill: var(--warn); color: var(--warn); }
.tunnel { fill: var(--link); color: var(--link); }
.origin { fill: var(--good); color: var(--good); }
.body { fill: var(--faint); color: var(--faint); }
.picture img { max-width: 100%; max-height: 30rem; background: var(--raised); }
.decide { margin: 0 0 1rem; }
.decide p { margin: 0; }
.decide form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.edit { display: grid; gap: 1rem; }
.edit label { display: grid; gap: .25rem; min-width: 0; }
.edit .line { display: flex; flex-wrap: wrap; gap: 1rem; }
.edit .grow { flex: 1 1 16rem; }
textarea { width: 100%; font: .875rem/1.5 ui-monospace, monospace; color: inherit; background: var(--ground); border: 1px solid var(--faint); border-radius: .375rem; padding: .5rem .75rem; resize: vertical; }
textarea:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: 0 0 1rem; }
.filters label { display: grid; gap: .15rem; flex: 0 1 auto; min-width: 0; font-size: .875rem; color: var(--faint); }
.filters label, .filters > * { max-width: 100%; }
.filters input:not([type=checkbox]), .filters select { width: 100%; min-width: 0; color: var(--text); font-size: 1rem; }
.filters input.short { width: 7rem; }
.filters select { max-width: 16rem; }
.filters .wide { flex: 1 1 12rem; max-width: 24rem; }
.filters label.check { display: flex; align-items: center; gap: .5rem; min-height: 2.25rem; }
.filters a { padding: .4rem 0; }
#requests tbody th { font-weight: 400; font-size: .9375rem; }
#requests tbody th a { padding: 0; }
#requests tbody th code { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2; overflow: hidden; padding: 0; background: none; }
#requests th, #requests td { padding-top: .3rem; padding-bottom: .3rem; }
#requests td :is(small, code, .status) { white-space: nowrap; overflow-wrap: normal; }
#requests td code { font-size: var(--tiny); }
.recorded { border-top: 1px solid var(--line); margin-top: var(--space-6); }
.recorded h2 a { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; line-clamp: 3; overflow: hidden; }
.recorded h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
input.short { flex: 0 1 6rem; width: 6rem; }
.spans ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 0 0 .75rem; padding: 0; }
.spans li::before { content: none !important; }
.spans a { display: inline-block; padding: .25rem 0; }
.spans [aria-current] { color: inherit; font-weight: 700; text-decoration: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1.5rem 2rem; margin: 0 0 1rem; }
.chart { margin: 0; min-width: 0; }
.chart .plot { margin-top: -.5rem; }
.chart svg { display: block; width: 100%; height: 7rem; }
.chart .scale { display: block; min-height: 1.1rem; font-size: .75rem; line-height: 1.1rem; text-align: right; color: var(--faint); }
.chart .ends { display: flex; justify-content: space-between; font-size: .75rem; color: var(--faint); }
.chart path { fill: currentColor; }
.chart .rule { fill: none; stroke: var(--line); vector-effect: non-scaling-stroke; }
.chart .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.chart .dots { stroke-width: 5; }
.chart figcaption span { display: block; }
.chart .tip { fill: transparent; }
.chart .tip:hover { fill: var(--faint); opacity: .2; }
.median { color: var(--link); }
.slow { color: var(--accent); }
.numbers { margin-bottom: 1rem; }
.legend .key { flex: none; }
.secret { font: 1rem/1.5 ui-monospace, monospace; user-select: all; }
@media (min-width: 60.01rem) { #requests td, #servers td:last-child, #entries :is(td time, tbody th), #links td time { white-space: nowrap; } }
@media (max-width: 60rem) {
  #servers .cards tr { display: flex; flex-wrap: wrap; gap: 0 1rem; }
  #servers .cards tbody th { flex: 1 1 100%; }
  #servers .cards td { display: flex; gap: .4rem; align-items: baseline; }
  .filters label:has(input[type=date]) { flex: 1 1 8rem; }
  #requests .cards tr { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; padding: .4rem .1rem; margin: 0; border-width: 0 0 1px; border-radius: 0; }
  #requests .cards tbody th { flex: 1 1 100%; }
  #requests .cards td { display: block; font-size: .875rem; }
  #requests .cards td::before { content: none; }
}
`
