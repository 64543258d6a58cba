/**
 * The script of the file server's pages, which work without it. It filters
 * while the visitor types, turns pages with the arrow keys, says which pictures
 * the browser cannot show, and uploads files.
 */
import * as UploadScript from "./UploadScript.ts"

/** JavaScript for browsers. It creates no markup from text. */
export const js = `"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const byId = (id) => document.getElementById(id);
  // As the server folds names, see CaseFolding.ts.
  const fold = (text) =>
    text.normalize("NFKD").toLowerCase().toUpperCase().toLowerCase()
      .replaceAll("ς", "σ").replaceAll("i\\u0307", "i").normalize("NFC");

  const load = async (url) => {
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    const text = await answer.text();
    return answer.ok ? new DOMParser().parseFromString(text, "text/html") : undefined;
  };
  const show = (page) => {
    for (const id of ["page.listing", "page.summary", "page.readme"]) {
      const now = page && page.getElementById(id);
      if (now && byId(id)) byId(id).replaceWith(document.adoptNode(now));
    }
  };
  let filter = () => {};
  const reload = async () => {
    show(await load(location.href));
    filter();
  };

  const form = one("form.filter");
  const input = form && form.querySelector("input[type=search]");
  if (input) {
    const button = form.querySelector("button");
    let summary = null;
    let text = "";
    let timer = 0;
    let latest = 0;
    const here = () => {
      if (summary !== byId("page.summary")) {
        summary = byId("page.summary");
        text = summary.textContent;
      }
      const wanted = fold(input.value);
      const rows = [...document.querySelectorAll("[data-name]")];
      let shown = 0;
      for (const row of rows) {
        const fits = fold(row.dataset.name).includes(wanted);
        row.hidden = !fits;
        if (fits) shown++;
      }
      summary.textContent = wanted === "" ? text : shown + " of " + rows.length + " shown";
    };
    const there = async () => {
      const turn = ++latest;
      const url = new URL(form.action);
      url.search = new URLSearchParams(new FormData(form)).toString();
      const page = await load(url);
      if (turn !== latest || !page) return;
      show(page);
      history.replaceState(null, "", url);
    };
    // A page with all entries of its folder is filtered at once, others by the server.
    const whole = byId("page.listing").dataset.whole === "yes";
    if (whole) button.hidden = true;
    form.addEventListener("submit", (event) => {
      if (whole) event.preventDefault();
    });
    input.addEventListener("input", () => {
      if (whole) return here();
      clearTimeout(timer);
      timer = setTimeout(() => there().catch(() => {}), 250);
    });
    filter = () => {
      if (whole && input.value !== "") here();
    };
    filter();
  }

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const at = event.target instanceof Element ? event.target : null;
    if (at && at.closest("input, textarea, select, video, audio, object, pre, [contenteditable]")) return;
    const link =
      event.key === "ArrowLeft" ? one("a[rel~=prev]") :
      event.key === "ArrowRight" ? one("a[rel~=next]") : null;
    if (link) link.click();
    if (event.key === "/" && input) {
      event.preventDefault();
      input.focus();
    }
  });

  // In place of pictures, films and sound that the browser cannot show.
  const replace = (media) => {
    const frame = media.closest(".viewer, .grid a");
    if (!frame) return;
    media.hidden = true;
    for (const other of frame.querySelectorAll("[data-instead]")) other.hidden = false;
  };
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement || event.target instanceof HTMLMediaElement) replace(event.target);
  }, true);
  for (const media of document.querySelectorAll("video, audio")) if (media.error) replace(media);
  for (const image of document.querySelectorAll(".viewer img, .grid img"))
    if (image.complete && image.naturalWidth === 0) image.decode().catch(() => replace(image));
${UploadScript.js}})();
`
