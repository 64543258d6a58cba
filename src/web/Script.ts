/**
 * The script of the file server's pages, which work without it. It filters
 * while the visitor types, turns pages with the arrow keys, and shows the
 * progress of uploads.
 */

/** JavaScript for browsers. It creates no markup from text. */
export const js = `"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  // As the server folds names, see CaseFolding.ts.
  const fold = (text) =>
    text.normalize("NFKD").toLowerCase().toUpperCase().toLowerCase()
      .replaceAll("ς", "σ").replaceAll("i\\u0307", "i").normalize("NFC");

  const form = one("form.filter");
  const input = form && form.querySelector("input[type=search]");
  if (input) {
    const whole = form.dataset.whole === "yes";
    const summary = document.getElementById("page.summary");
    const say = summary.textContent;
    const button = form.querySelector("button");
    let timer = 0;
    let latest = 0;
    const here = () => {
      const wanted = fold(input.value);
      const rows = [...document.querySelectorAll("[data-name]")];
      let shown = 0;
      for (const row of rows) {
        const fits = fold(row.dataset.name).includes(wanted);
        row.hidden = !fits;
        if (fits) shown++;
      }
      summary.textContent = wanted === "" ? say : shown + " of " + rows.length + " shown";
    };
    const there = async () => {
      const turn = ++latest;
      const url = new URL(form.action);
      url.search = new URLSearchParams(new FormData(form)).toString();
      const answer = await fetch(url, { headers: { accept: "text/html" } });
      const text = await answer.text();
      if (turn !== latest || !answer.ok) return;
      const page = new DOMParser().parseFromString(text, "text/html");
      for (const id of ["page.listing", "page.summary"]) {
        const now = page.getElementById(id);
        if (now) document.getElementById(id).replaceWith(document.adoptNode(now));
      }
      history.replaceState(null, "", url);
    };
    if (whole) {
      button.hidden = true;
      form.addEventListener("submit", (event) => event.preventDefault());
    }
    input.addEventListener("input", () => {
      if (whole) return here();
      clearTimeout(timer);
      timer = setTimeout(() => there().catch(() => {}), 250);
    });
    if (whole && input.value !== "") here();
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

  const zone = one(".upload");
  if (zone) {
    const list = zone.querySelector("ul");
    const uploads = zone.querySelector("form");
    const chosen = zone.querySelector("input[type=file]");
    const waiting = [];
    let busy = false;
    let done = 0;
    let failed = 0;

    const next = () => {
      if (busy) return;
      const job = waiting.shift();
      if (!job) {
        if (done > 0 && failed === 0) location.reload();
        return;
      }
      busy = true;
      const request = new XMLHttpRequest();
      const over = (text, good) => {
        busy = false;
        if (good) done++;
        else failed++;
        job.bar.remove();
        job.state.textContent = text;
        next();
      };
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        const part = event.total === 0 ? 100 : Math.floor((100 * event.loaded) / event.total);
        job.bar.value = part;
        job.state.textContent = part + " %";
      });
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) return over("done", true);
        let text = "failed (" + request.status + ")";
        try {
          const problem = JSON.parse(request.responseText);
          if (problem.detail) text = problem.detail;
        } catch {}
        over(text, false);
      });
      request.addEventListener("error", () => over("failed: the connection broke", false));
      request.addEventListener("abort", () => over("stopped", false));
      request.open("PUT", encodeURIComponent(job.file.name));
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("Content-Type", "application/octet-stream");
      if (uploads.dataset.overwrite !== "yes") request.setRequestHeader("If-None-Match", "*");
      request.send(job.file);
    };

    const add = (files) => {
      for (const file of files) {
        const item = document.createElement("li");
        const name = document.createElement("bdi");
        const bar = document.createElement("progress");
        const state = document.createElement("span");
        name.textContent = file.name;
        bar.max = 100;
        bar.value = 0;
        bar.setAttribute("aria-label", file.name);
        state.textContent = "waiting";
        item.append(name, " ", bar, " ", state);
        list.append(item);
        waiting.push({ file, bar, state });
      }
      next();
    };

    uploads.querySelector("button").hidden = true;
    chosen.addEventListener("change", () => {
      add(chosen.files);
      chosen.value = "";
    });
    uploads.addEventListener("submit", (event) => event.preventDefault());
    const isFiles = (event) => [...event.dataTransfer.types].includes("Files");
    addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) zone.classList.remove("over");
    });
    addEventListener("drop", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.remove("over");
      add(event.dataTransfer.files);
    });
  }
})();
`
