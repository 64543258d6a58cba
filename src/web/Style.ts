/**
 * The one style sheet of all pages: the tokens and the parts of `style/`, and
 * the style of the relay's and the administrator's pages.
 */
import * as Frame from "./style/Frame.ts"
import * as Listing from "./style/Listing.ts"
import * as Manage from "./style/Manage.ts"
import * as Tokens from "./style/Tokens.ts"
import * as Tree from "./style/Tree.ts"
import * as View from "./style/View.ts"

/** CSS. It loads nothing else. */
export const css = `${Tokens.css}${Frame.css}${Listing.css}${Manage.css}${View.css}${Tree.css}.tools { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; margin: 1rem 0; }
.tools form { display: flex; gap: .5rem; }
.tools a { display: inline-block; padding: .25rem 0; }
.wrap { white-space: pre-wrap; overflow-wrap: anywhere; }
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
.notice button:not(.main) { background: var(--surface); border-color: var(--field); }
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
.cards tbody th a { color: var(--link); text-decoration: underline; }
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
  th, td { padding: .45rem .25rem; }
  .number, .time { font-size: .8125rem; }
}
`
