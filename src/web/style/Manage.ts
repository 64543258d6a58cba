/**
 * The style of what changes files: the panel of uploads, the pages that rename
 * and move, the editor, and the bin.
 */

/** CSS. */
export const css = `.card { max-width: 32rem; margin: 0 0 var(--space-4); padding: var(--space-4); border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); }
.card label { display: grid; gap: var(--space-1); margin-bottom: var(--space-3); font-size: var(--small); }
.card label :is(input, select) { width: 100%; font-size: 1rem; }
.card h2 { margin: 0 0 var(--space-2); }
.card p { display: flex; flex-wrap: wrap; gap: var(--space-2); margin: 0 0 var(--space-2); }
.card p:last-child { margin: 0; }
button.bad { color: var(--bad); border-color: var(--bad); }
.editor textarea { display: block; width: 100%; height: max(14rem, calc(100dvh - 19rem)); padding: var(--space-3); font: .9375rem/1.5 var(--mono); tab-size: 4; resize: vertical; overflow-wrap: normal; white-space: pre; overflow-x: auto; }
.editor p { display: flex; gap: var(--space-2); margin: var(--space-3) 0; }
.bin { margin-bottom: var(--space-4); }
form.notice { display: flex; flex-wrap: wrap; gap: var(--space-2) var(--space-3); align-items: center; margin-bottom: var(--space-3); }
.chosen .move input { max-width: 11rem; }
.panel { justify-self: end; width: min(30rem, 100%); max-height: 50vh; display: flex; flex-direction: column; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); margin-bottom: var(--space-4); }
.panel-head { display: flex; gap: var(--space-1); align-items: center; padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4); border-bottom: 1px solid var(--line); }
.panel-head p { margin: 0 auto 0 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.panel ul { list-style: none; margin: 0; padding: 0; overflow-y: auto; }
.panel li { display: grid; grid-template: "name actions" auto "bar actions" auto "detail actions" auto / minmax(0, 1fr) auto; gap: 0 var(--space-2); align-items: center; padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4); border-bottom: 1px solid var(--line); }
.panel li:last-child { border-bottom: 0; }
.panel bdi { grid-area: name; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.panel progress { grid-area: bar; width: 100%; height: .5rem; accent-color: var(--link); }
.panel .detail { grid-area: detail; font-size: var(--tiny); color: var(--faint); font-variant-numeric: tabular-nums; }
.panel .actions { grid-area: actions; display: flex; flex-wrap: wrap; gap: var(--space-1); justify-content: flex-end; }
.panel .done .detail { color: var(--good); }
.panel .failed .detail { color: var(--bad); }
.panel .asking { grid-template: "name" auto "detail" auto "actions" auto / minmax(0, 1fr); }
.panel .asking .detail { color: var(--warn); }
.panel .asking .actions { justify-content: flex-start; margin-top: var(--space-1); align-items: center; }
#page\\.drop { position: fixed; inset: 0; z-index: 60; display: grid; place-items: center; padding: var(--space-4); background: color-mix(in srgb, var(--ground) 88%, transparent); border: 3px dashed var(--link); pointer-events: none; }
#page\\.drop p { font-size: var(--title); text-align: center; }
@media (max-width: 40rem) {
  .panel { width: auto; margin-inline: calc(-1 * var(--space-3)); margin-bottom: 0; border-radius: 1rem 1rem 0 0; padding-bottom: env(safe-area-inset-bottom); }
  .bin thead { display: none; }
  .bin, .bin tbody { display: block; }
  .bin tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-bottom: 1px solid var(--line); padding: var(--space-2) 0; }
  .bin td { border: 0; padding: 0 var(--space-1); }
  .bin td:last-child { grid-area: 1 / 2 / 3 / 3; align-self: center; }
  .bin :is(.number, .time) { text-align: left; font-size: var(--tiny); }
}
`
