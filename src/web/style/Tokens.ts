/**
 * The tokens of the design: colours for light and dark, type, space and shape.
 * All other style sheets use these; a change of the design is a change here.
 *
 * The theme is the visitor's (`prefers-color-scheme`) unless the element
 * `html` has `data-theme`, which `script/Theme.ts` sets.
 */

/** CSS. */
export const css = `:root {
  color-scheme: light dark;
  --ground: light-dark(#fcfcfb, #141619);
  --surface: light-dark(#ffffff, #1a1d21);
  --raised: light-dark(#f2f2ef, #22262b);
  --text: light-dark(#1b1d20, #e8e9ea);
  --faint: light-dark(#5b6066, #9da3aa);
  --line: light-dark(#e1e1dc, #30353b);
  --field: light-dark(#8b8f94, #6b727a);
  --link: light-dark(#0a5aa8, #82bbf6);
  --accent: light-dark(#b3401f, #f08a66);
  --chosen: light-dark(#e4eefa, #1d3147);
  --mark: light-dark(#fff0a8, #5c4a00);
  --good: light-dark(#1f6b35, #8fd6a3);
  --bad: light-dark(#a3231a, #ff9d8f);
  --warn: light-dark(#805300, #f0c060);
  --code-word: light-dark(#8a2252, #ff9bc4);
  --code-name: light-dark(#6a3fa0, #cbb2ff);
  --code-text: light-dark(#1f6b35, #8fd6a3);
  --code-value: light-dark(#0a5aa8, #7db8f5);
  --code-note: light-dark(#5b6066, #9ba1a8);
  --kind-folder: var(--accent);
  --kind-image: light-dark(#2c7a4b, #86d0a0);
  --kind-video: light-dark(#7a4bb0, #c9acf5);
  --kind-audio: light-dark(#a8327a, #f5a3d3);
  --kind-text: light-dark(#0a5aa8, #82bbf6);
  --kind-pdf: light-dark(#a3231a, #ff9d8f);
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
  --small: .875rem;
  --tiny: .8125rem;
  --title: 1.35rem;
  --space-1: .25rem;
  --space-2: .5rem;
  --space-3: .75rem;
  --space-4: 1rem;
  --space-6: 1.5rem;
  --space-8: 2rem;
  --radius: .5rem;
  --radius-small: .375rem;
  --control: 2.25rem;
  --touch: 2.75rem;
  --width: 76rem;
  --shadow: 0 .5rem 1.5rem light-dark(rgb(0 0 0 / .14), rgb(0 0 0 / .5));
}
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; }
@media (pointer: coarse) { :root { --control: var(--touch); } }
`
