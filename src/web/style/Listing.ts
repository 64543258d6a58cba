/**
 * The style of a folder's page: the toolbar that stays on top, the table with
 * fixed columns, the grid, and the panel of chosen entries.
 *
 * On a phone the bar has no filter: menus are fixed to the bottom of the window
 * there, and would be fixed to an element with a filter instead.
 */

/** CSS. */
export const css = `.toolbar { position: sticky; top: 0; z-index: 10; display: flex; flex-wrap: wrap; gap: var(--space-2); align-items: center; margin: 0 calc(-1 * var(--space-2)) var(--space-2); padding: var(--space-2); background: color-mix(in srgb, var(--ground) 92%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); }
.toolbar > form { display: flex; gap: var(--space-2); }
.toolbar .filter { flex: 1 1 14rem; min-width: 0; position: relative; }
.toolbar :is(.filter, .field) input { flex: 1; min-width: 0; width: 100%; padding-left: 2.1rem; border-radius: 2rem; }
.toolbar :is(.filter, .field) > .icon { position: absolute; left: .7rem; top: 50%; translate: 0 -50%; color: var(--faint); pointer-events: none; width: 1.1rem; height: 1.1rem; }
.toolbar .filter button { border-radius: 2rem; }
.toolbar .views { display: flex; border: 1px solid var(--line); border-radius: var(--radius-small); overflow: hidden; background: var(--raised); }
.toolbar .views > :is(button, span) { display: grid; place-items: center; width: var(--control); min-height: calc(var(--control) - 2px); padding: 0; border: 0; border-radius: 0; background: none; }
.toolbar .views > span { background: var(--chosen); color: var(--link); }
#page\\.summary { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0 0 var(--space-2); padding: 0 var(--space-2); color: var(--faint); font-size: var(--small); }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; font-size: var(--small); color: var(--faint); }
th, td { padding: .45rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child a { display: inline-block; }
th a { color: inherit; display: inline-block; padding: .15rem 0; text-decoration: none; }
th a:hover { text-decoration: underline; }
.number, .time { white-space: nowrap; font-variant-numeric: tabular-nums; color: var(--faint); }
th.number, td.number { text-align: right; }
.folder { font-weight: 600; }
tbody tr:hover { background: var(--raised); }
.files { table-layout: fixed; }
.files td { vertical-align: middle; padding-block: var(--space-1); height: 2.5rem; }
.files td:not(.act) > a:first-child { display: block; padding: var(--space-1) 0; color: var(--text); text-decoration: none; }
.files td:not(.act) > a:first-child:hover { color: var(--link); text-decoration: underline; }
.files .type { width: 3.25rem; white-space: nowrap; color: var(--faint); }
.files .pick { width: 2.5rem; }
.files .number { width: 6.5rem; }
.files .time { width: 13.25rem; text-align: right; }
.files .act { width: 6rem; text-align: right; white-space: nowrap; }
.files .act.few { width: 3.25rem; }
.act > a, .act > button, .act > details > summary { text-decoration: none; display: inline-grid; place-items: center; width: 2rem; height: 2rem; min-height: 0; padding: 0; border: 0; border-radius: var(--radius-small); background: none; color: var(--faint); vertical-align: middle; }
.act :is(a, button, summary):hover { background: var(--chosen); color: var(--link); }
.download::before { content: ""; width: 1.1rem; height: 1.1rem; background: currentColor; clip-path: polygon(44% 6%, 56% 6%, 56% 42%, 78% 42%, 50% 72%, 50% 84%, 88% 84%, 88% 94%, 12% 94%, 12% 84%, 50% 84%, 50% 72%, 22% 42%, 44% 42%); }
.source::before { content: "{ }"; font: .75rem var(--mono); }
.folder-icon { color: var(--kind-folder); }
.image-icon { color: var(--kind-image); }
.video-icon { color: var(--kind-video); }
.audio-icon { color: var(--kind-audio); }
:is(.markdown-icon, .text-icon, .code-icon) { color: var(--kind-text); }
.pdf-icon { color: var(--kind-pdf); }
tr[aria-current] { box-shadow: inset .2rem 0 var(--accent); }
:is(tr, li):has(> .pick input:checked) { background: var(--chosen); }
.pick input { width: 1.15rem; height: 1.15rem; min-height: 0; margin: 0; accent-color: var(--link); vertical-align: middle; }
.chosen { display: flex; flex-wrap: wrap; gap: var(--space-2); align-items: center; width: 100%; padding: var(--space-2) var(--space-3); background: var(--chosen); border-radius: var(--radius); }
.chosen p { margin: 0 auto 0 0; }
.blank { padding: var(--space-8) var(--space-4); text-align: center; color: var(--faint); }
.blank .icon { width: 3rem; height: 3rem; stroke-width: 1; margin-bottom: var(--space-2); }
.blank p { margin: 0; }
.files:has(+ .blank) thead { visibility: collapse; }
.up { margin: 0; }
.up a { display: inline-flex; gap: var(--space-3); align-items: center; min-height: var(--control); padding: 0 var(--space-2); color: var(--text); font-weight: 600; text-decoration: none; }
.up a:hover { color: var(--link); text-decoration: underline; }
.grid { grid-auto-rows: 1fr; list-style: none; margin: var(--space-3) 0; padding: 0; display: grid; gap: var(--space-3); grid-template-columns: repeat(auto-fill, minmax(min(10rem, 45%), 1fr)); }
.grid li { position: relative; min-width: 0; }
.grid a.tile-link { display: block; height: 100%; color: inherit; text-decoration: none; border: 1px solid var(--line); border-radius: var(--radius); overflow: hidden; background: var(--surface); }
.grid a.tile-link:hover { border-color: var(--field); }
.grid img, .grid .tile { display: grid; place-items: center; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; background: var(--raised); color: var(--faint); }
.grid img[src*=".pdf?thumb" i] { object-position: top; }
.grid .tile .icon { width: 3rem; height: 3rem; stroke-width: 1; }
.grid .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; margin: .4rem .5rem 0; font-size: var(--small); line-height: 1.35; }
.grid .detail { display: block; margin: .1rem .5rem .4rem; min-height: 1.2em; font-size: var(--tiny); color: var(--faint); }
.grid .pick { position: absolute; top: .4rem; left: .4rem; padding: .25rem; line-height: 0; background: var(--surface); border-radius: var(--radius-small); }
form.toolbar .field { flex: 1 1 12rem; min-width: 0; display: flex; position: relative; }
.check { display: inline-flex; gap: .4rem; align-items: center; min-height: var(--control); }
.check input { min-height: 0; width: 1.1rem; height: 1.1rem; accent-color: var(--link); }
.running { display: flex; flex-direction: column; }
.running > #page\\.summary { order: -1; }
.searching { margin: 0 0 var(--space-2); padding: 0 var(--space-2); color: var(--faint); font-size: var(--small); }
.searching:has(~ #page\\.summary) { display: none; }
.pages { margin: 1rem 0; }
.pages ol { display: flex; flex-wrap: wrap; gap: .25rem; align-items: center; }
.pages li::before { content: none !important; }
.pages :is(a, span) { display: inline-grid; place-items: center; min-width: var(--control); min-height: var(--control); padding: .25rem .5rem; border-radius: var(--radius-small); text-decoration: none; }
.pages a:hover { background: var(--raised); }
.pages [aria-current] { font-weight: 700; background: var(--chosen); }
.qr svg { display: block; width: 12rem; max-width: 100%; height: auto; border-radius: var(--radius); margin: var(--space-2) auto; }
.drop .qr > summary { padding: .4rem .6rem; }
main > .qr svg { margin-inline: 0; }
.qr code { overflow-wrap: anywhere; background: none; }
.upload { padding: var(--space-2); }
.upload form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.upload > button { margin-top: var(--space-2); }
.upload h2 { margin: 0 0 .5rem; font-size: 1rem; }
dialog { max-width: min(34rem, calc(100vw - 2rem)); padding: var(--space-6); color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); }
dialog::backdrop { background: rgb(0 0 0 / .4); }
dialog dl { display: grid; grid-template-columns: auto 1fr; gap: var(--space-2) var(--space-4); margin: 0 0 var(--space-4); }
dialog dd { margin: 0; }
#page\\.dock { position: sticky; bottom: 0; z-index: 15; display: grid; gap: var(--space-2); margin-top: var(--space-4); }
@media screen and (min-width: 84rem) { body:not(:has(> #page\\.tree)) .grid { margin-inline: calc((100% - min(100vw - 5rem, 112rem)) / 2); } }
@media screen and (min-width: 40.01rem) and (max-width: 64rem) { .files td:not(.act) > a:first-child { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; } }
@media screen and (max-width: 56rem) {
  .toolbar:has(> [data-do=play]:not([hidden])) .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .files .time { width: 9rem; white-space: normal; }
}
@media (max-width: 56rem) and (pointer: coarse) { .toolbar .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } }
@media (max-width: 40rem) {
  .toolbar { backdrop-filter: none; background: var(--ground); }
  .toolbar:has(details[open]) { z-index: 30; }
  .toolbar { gap: var(--space-1); margin-inline: calc(-1 * var(--space-3)); padding-inline: var(--space-3); }
  .toolbar .filter { flex: 1 0 100%; }
  .toolbar > :not(.filter, .field, .chosen) { flex: 1 1 auto; }
  .toolbar > .button:only-child { flex: none; }
  form.toolbar > .button { flex: none; min-width: var(--control); }
  form.toolbar .field { flex: 1 1 calc(100% - 4rem); }
  .toolbar > form .views { flex: 1; }
  .toolbar:has(> .chosen) { position: fixed; inset: auto 0 0; z-index: 20; margin: 0; padding: var(--space-2) var(--space-3) calc(var(--space-2) + env(safe-area-inset-bottom)); border: 0; border-top: 1px solid var(--line); }
  main:has(> .toolbar > .chosen) { padding-bottom: 11rem; }
  main:has(> .toolbar > .chosen) ~ #page\\.dock { bottom: 11rem; }
  .chosen { padding: var(--space-2); gap: var(--space-1); }
  .chosen p { flex: 1 1 8rem; }
  .chosen > a.button { order: -1; }
  .chosen > :is(p, [data-do=chooseAll]) { order: -2; }
  .chosen .move { flex: 1 1 50%; }
  .chosen .move input { width: 100%; max-width: none; }
  .chosen button:disabled, .chosen:has(button:disabled) .move { display: none; }
  .toolbar .views > :is(button, span) { flex: 1; }
  .toolbar .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .toolbar .drop > summary { width: 100%; padding: .3rem; min-width: var(--control); }
  .files, .files tbody { display: block; }
  .files thead { display: none; }
  .files tr { display: grid; grid-template: "type name name act" auto "type number time act" auto / 2.25rem auto minmax(0, 1fr) auto; gap: 0 .4rem; align-items: center; align-content: center; min-height: var(--touch); padding-block: .3rem; position: relative; border-bottom: 1px solid var(--line); }
  .files tr:has(> .pick) { grid-template: "pick type name name" auto "pick type number time" auto / 2rem 2.25rem auto minmax(0, 1fr); }
  .files tr:has(> .pick) .act { display: none; }
  .files td { grid-area: name; width: auto !important; height: auto; border: 0; padding: 0; }
  .files .type { grid-area: type; }
  .files .pick { grid-area: pick; }
  .files :is(.number, .time) { font-size: var(--tiny); line-height: 1.4; text-align: left; }
  .files .number { grid-area: number; }
  .files .number:empty { display: none; }
  .files .time { grid-area: time; }
  .files .number:empty + .time { grid-column: number-start / time-end; }
  .files .number:not(:empty) + .time:not(:empty)::before { content: "· "; }
  .files .act { grid-area: act; min-width: 0; }
  .files td:not(.act) > a:first-child { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; padding: 0; line-height: 1.35; }
  .files td:not(.act, .pick) > a:first-child::after { content: ""; position: absolute; inset: 0; }
  .files .act, .files .pick { position: relative; z-index: 1; }
  .up a { padding-inline: 0; gap: 1.5rem; }
  .files .act > a { width: var(--touch); height: var(--touch); }
  .files .act .source { display: none; }
}
@media (max-width: 22.5rem) { .toolbar > :not(.filter, .field, .chosen), .toolbar .drop > summary { min-width: 2.25rem; } .toolbar .views > :is(button, span) { width: 2.25rem; } .toolbar > button { padding-inline: .3rem; } }
`
