/**
 * The part of the file server's script for the keyboard. `?` shows all keys.
 */

/** Statements inside the function of the script. */
export const js = `
  const keyTable = [
    ["/", "Filter or search"],
    ["↑ ↓ Home End", "Move through the list"],
    ["Enter", "Open"],
    ["Backspace", "Parent folder"],
    ["Space", "Choose an entry; with Shift or Ctrl by clicks on rows"],
    ["Ctrl+A", "Choose all entries, once one is chosen"],
    ["Delete", "Delete what is chosen, where that is allowed"],
    ["T", "Tree of folders"],
    ["Esc", "Close, or back to the folder"],
    ["← →", "Previous and next"],
    ["F", "Full screen"],
    ["Space", "Slideshow of pictures"],
    ["+ − 0", "Zoom a picture"],
    ["I", "Information about a file"],
    ["?", "These keys"],
  ];
  actions.keys = () => {
    const open = byId("page.keys");
    if (open) return open.showModal();
    const list = make("dl");
    for (const [keys, meaning] of keyTable) {
      const names = make("dt");
      for (const key of keys.split(" ")) names.append(make("kbd", { textContent: key }), " ");
      list.append(names, make("dd", { textContent: meaning }));
    }
    const close = make("button", { textContent: "Close", className: "main" });
    const box = make("dialog", { id: "page.keys" }, make("h2", { textContent: "Keys" }), list, close);
    close.addEventListener("click", () => box.close());
    document.body.append(box);
    box.showModal();
  };
  const linksOfRows = () => rows().filter((row) => !row.hidden).map(linkOf);
  const moveTo = (step) => {
    const links = linksOfRows();
    if (links.length === 0) return false;
    const at = links.findIndex((link) => link.closest("[data-name]") === document.activeElement?.closest("[data-name]"));
    const to = step === "first" ? 0 : step === "last" ? links.length - 1 : at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
    links[to].focus();
    links[to].scrollIntoView({ block: "nearest" });
    return true;
  };
  const columnsOfGrid = () => {
    const links = linksOfRows();
    const top = links[0]?.getBoundingClientRect().top;
    return Math.max(1, links.findIndex((link) => link.getBoundingClientRect().top > top + 4));
  };
  const click = (selector) => {
    const element = one(selector);
    if (element) element.click();
    return Boolean(element);
  };
  const focusedRow = () => document.activeElement?.closest("#page\\\\.listing [data-name]");
  const keys = {
    Delete: () => {
      const remove = one("#page\\\\.chosen button[formaction$='change=delete']:not(:disabled)");
      if (remove) remove.click();
      return Boolean(remove);
    },
    ArrowUp: () => moveTo(one(".grid") ? -columnsOfGrid() : -1),
    ArrowDown: () => moveTo(one(".grid") ? columnsOfGrid() : 1),
    ArrowLeft: () => (one(".grid") && document.activeElement?.closest(".grid") ? moveTo(-1) : click("a[rel~=prev]")),
    ArrowRight: () => (one(".grid") && document.activeElement?.closest(".grid") ? moveTo(1) : click("a[rel~=next]")),
    Home: () => moveTo("first"),
    End: () => moveTo("last"),
    Backspace: () => click("a[rel~=up]"),
    "/": () => {
      const field = one("form.filter input[type=search]");
      if (field) field.focus(), field.select();
      return Boolean(field);
    },
    "?": () => (actions.keys(), true),
    i: () => {
      const info = byId("page.info");
      if (info) info.open = !info.open;
      return Boolean(info);
    },
  };
  addEventListener("keydown", (event) => {
    const withCtrl = event.ctrlKey || event.metaKey;
    if (event.altKey || (withCtrl && event.key !== "a")) return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape") {
      const menu = one("details.drop[open]");
      if (menu) {
        menu.open = false;
        return void one("summary", menu).focus();
      }
      const field = one("form.filter input[type=search]");
      if (at === field && field.value !== "") {
        field.value = "";
        return void field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      if (at === field) return void field.blur();
      if (one("dialog[open]")) return;
      if (isChoosing()) return void goKeepingPlace(one("#page\\\\.chosen a.button").href);
      if (!document.fullscreenElement && one(".viewer-bar")) click(".viewer-bar a[rel~=up]");
      return;
    }
    if (at.closest("input:not([type=checkbox]), textarea, select, video, audio, object, [contenteditable], dialog[open]")) return;
    if (withCtrl) {
      if (!isChoosing()) return;
      event.preventDefault();
      return actions.chooseAll();
    }
    if (event.key === " " && focusedRow() && !at.closest("input") && canChoose()) {
      event.preventDefault();
      return void chooseRow(focusedRow(), event.shiftKey);
    }
    if (at.closest("pre, .data-table") && event.key !== "?" && event.key !== "/") return;
    if (event.key === " " && at.closest("a, button, summary, input")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.shiftKey && key !== "?" && key !== "/" && key !== "+") return;
    if (keys[key] && keys[key]()) event.preventDefault();
  });
`
