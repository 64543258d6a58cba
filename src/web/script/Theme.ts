/**
 * The script that runs before a page is painted: it applies what the visitor
 * has chosen, so that something else is not seen first. That is the theme, and
 * on the page of a folder whose address does not say it, the order and form.
 */

/** JavaScript for browsers. */
export const js = `"use strict";
try {
  const theme = localStorage.getItem("ptth.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  const view = localStorage.getItem("ptth.view");
  if (document.documentElement.dataset.page === "folder" && location.search === "" && /^(?:grid|sort=\\w+|order=desc|&)+$/.test(view || ""))
    location.replace("./?" + view + location.hash);
} catch {}
`
