/**
 * The script of the relay's pages. When the relay sends a change event, it
 * fetches the page again and replaces the elements that differ. A button with
 * `data-copy` copies the text of an element. The pages work without it, but do
 * not update.
 */

/** JavaScript for browsers. It creates no markup from text. */
export const js = `"use strict";
(() => {
  const showCopyButtons = (place) => {
    if (!navigator.clipboard) return;
    for (const button of place.querySelectorAll("button[data-copy]")) button.hidden = false;
  };
  showCopyButtons(document);
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("button[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source) return;
    const label = button.textContent;
    button.disabled = true;
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it and press Ctrl+C";
    }
    setTimeout(() => {
      button.textContent = label;
      button.disabled = false;
    }, 2000);
  });

  const note = document.getElementById("live");
  if (!note || typeof EventSource === "undefined") return;

  const copyAttributes = (was, now) => {
    for (const { name } of [...was.attributes])
      if (!now.hasAttribute(name) && name !== "open") was.removeAttribute(name);
    for (const { name, value } of now.attributes)
      if (was.getAttribute(name) !== value) was.setAttribute(name, value);
  };
  const onlyElements = (node) =>
    [...node.childNodes].every((child) => child.nodeType === 1 || child.data.trim() === "");

  const morph = (was, now) => {
    if (was.isEqualNode(now)) return;
    const mine = [...was.children];
    const theirs = [...now.children];
    const alike = was.tagName === now.tagName && onlyElements(was) && onlyElements(now);
    const keyed = alike && theirs.every((one) => one.id !== "") && mine.every((one) => one.id !== "");
    if (alike && keyed) {
      copyAttributes(was, now);
      const oldById = new Map(mine.map((one) => [one.id, one]));
      let place = was.firstElementChild;
      for (const one of theirs) {
        const old = oldById.get(one.id);
        oldById.delete(one.id);
        if (old) morph(old, one);
        if (old && old === place) place = place.nextElementSibling;
        else was.insertBefore(old || document.adoptNode(one), place);
      }
      for (const gone of oldById.values()) gone.remove();
    } else if (alike && mine.length === theirs.length && mine.length > 0) {
      copyAttributes(was, now);
      mine.forEach((one, i) => morph(one, theirs[i]));
    } else was.replaceWith(document.adoptNode(now));
  };

  let busy = false;
  let again = false;
  const refresh = async () => {
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected) return location.reload();
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      showCopyButtons(page);
      for (const place of document.querySelectorAll("[data-live]")) {
        const now = page.getElementById(place.id);
        if (now) morph(place, now);
      }
    } catch {
    } finally {
      busy = false;
      if (again) refresh();
    }
  };

  const source = new EventSource(note.dataset.events);
  source.addEventListener("change", refresh);
  source.addEventListener("open", () => {
    note.textContent = "Live: this page updates itself.";
    refresh();
  });
  source.addEventListener("error", () => {
    note.textContent = "Not live: the connection to the relay is lost.";
  });
})();
`
