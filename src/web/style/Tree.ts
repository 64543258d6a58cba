/**
 * The style of the tree of folders beside a page, of the menu of an entry, and
 * of what something is dragged onto.
 */

/** CSS. */
export const css = `#page\\.tree { display: none; }
.wide-only { display: none; }
#page\\.menu { position: fixed; z-index: 70; min-width: 12rem; max-width: calc(100vw - 1rem); padding: var(--space-2); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); }
#page\\.menu > :is(a, button) { display: flex; align-items: center; justify-content: flex-start; width: 100%; min-height: var(--control); padding: .3rem .6rem; border: 0; border-radius: var(--radius-small); background: none; color: inherit; text-decoration: none; }
#page\\.menu > :is(a, button):is(:hover, :focus-visible) { background: var(--chosen); }
.drop-here { outline: 2px solid var(--link); outline-offset: -2px; background: var(--chosen); border-radius: var(--radius-small); }
@media (min-width: 80rem) {
  .wide-only { display: list-item; }
  body:has(> #page\\.tree) { display: grid; grid-template-columns: 17rem minmax(0, 1fr); column-gap: var(--space-6); align-items: start; max-width: 94rem; }
  body:has(> #page\\.tree) > :not(header, #page\\.tree) { grid-column: 2; }
  body:has(> #page\\.tree) > header { grid-column: 1 / -1; }
  #page\\.tree { display: block; grid-column: 1; grid-row: 2 / span 2; position: sticky; top: var(--space-2); max-height: calc(100dvh - var(--space-4)); overflow: auto; padding: var(--space-2) var(--space-2) var(--space-4) 0; font-size: var(--small); border-right: 1px solid var(--line); }
  #page\\.tree ul { list-style: none; margin: 0; padding: 0; }
  #page\\.tree ul ul { padding-left: var(--space-4); }
  #page\\.tree li { position: relative; display: grid; grid-template-columns: 1.25rem minmax(0, 1fr); align-items: start; }
  #page\\.tree li > ul { grid-column: 1 / -1; }
  #page\\.tree li::before { content: none; }
  #page\\.tree a { display: block; padding: .3rem .4rem; border-radius: var(--radius-small); color: var(--text); text-decoration: none; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  #page\\.tree a:hover { background: var(--raised); }
  #page\\.tree [aria-current] { background: var(--chosen); font-weight: 600; }
  #page\\.tree .twisty { display: grid; place-items: center; height: 1.9rem; cursor: pointer; color: var(--faint); }
  #page\\.tree .twisty::before { content: ""; border: .28rem solid transparent; border-left-color: currentColor; translate: .14rem 0; }
  #page\\.tree .twisty:has(+ [aria-expanded=true])::before { rotate: 90deg; translate: 0 .14rem; }
  #page\\.tree .twisty:has(+ :not([aria-expanded])) { visibility: hidden; }
}
@media print { #page\\.tree, #page\\.menu { display: none !important; } body:has(> #page\\.tree) { display: block !important; } }
`
