/**
 * The script that runs before a page is painted: it applies the theme that the
 * visitor has chosen, so that the other one is not seen first.
 */

/** JavaScript for browsers. */
export const js = `"use strict";
try {
  const theme = localStorage.getItem("ptth.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
`
