/**
 * The part of the file server's script for the menu of an entry, which opens by
 * the right mouse button or the keyboard's key for it. What the pages have no
 * button for is not in it. With Shift the browser shows its own menu.
 */

/** Statements inside the function of the script. */
export const js = `
  const isManaged = () => Boolean(one(".toolbar a[href='./?manage=new'], #page\\\\.chosen button[formaction$='change=delete']"));
  // As forms have the name of an entry: percent-encoded.
  const fieldOf = (row) => new URL(addressOf(row)).pathname.split("/").filter(Boolean).at(-1);
  const remove = async (row) => {
    const { detail, ok, undo } = await sendForm("./?change=delete", [["entry", fieldOf(row)]]);
    if (!ok) say(detail);
    if (undo && undo.length > 0) offerUndo("./?change=restore", undo);
    await reload();
  };
  const menuItems = (row) => {
    const address = addressOf(row);
    const isFolder = address.endsWith("/");
    const link = (href, textContent, more) => make("a", { href, textContent, ...more });
    const button = (textContent, action) => make("button", { type: "button", textContent, onclick: action });
    const download = !isFolder
      ? link(address + "?download", "Download", { download: "" })
      : one(".toolbar button[name=archive], .toolbar button[formaction$='archive=zip']")
        ? link(address + "?archive=zip", "Download as .zip", { download: "" })
        : undefined;
    return [
      link(linkOf(row).href, "Open"),
      link(linkOf(row).href, "Open in a new tab", { target: "_blank", rel: "noopener" }),
      download,
      button("Copy the link", () => copyText(address, "Copied.")),
      canChoose() ? button("Choose", () => chooseRow(row)) : undefined,
      one(".toolbar a[href='./?share']") ? link(address + "?share", "Share link…") : undefined,
      isManaged() ? link("./?manage=entry&entry=" + encodeURIComponent(fieldOf(row)), "Rename, move…") : undefined,
      isManaged() ? button("Delete", () => remove(row).catch(unreachable)) : undefined,
    ].filter(Boolean);
  };
  let menu;
  const closeMenu = (refocus = false) => {
    if (!menu) return;
    const { box, row } = menu;
    menu = undefined;
    box.remove();
    if (refocus && row.isConnected) linkOf(row).focus();
  };
  const openMenu = (row, x, y) => {
    closeMenu();
    const items = menuItems(row);
    for (const item of items) item.setAttribute("role", "menuitem");
    const box = make("div", { id: "page.menu" }, ...items);
    box.setAttribute("role", "menu");
    box.setAttribute("aria-label", row.dataset.name);
    menu = { box, row };
    byId("page.main").append(box);
    const { height, width } = box.getBoundingClientRect();
    box.style.left = Math.max(4, Math.min(x, innerWidth - width - 4)) + "px";
    box.style.top = Math.max(4, Math.min(y, innerHeight - height - 4)) + "px";
    items[0].focus({ preventScroll: true });
    box.addEventListener("click", () => closeMenu(true));
    box.addEventListener("keydown", (event) => {
      const at = items.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
      event.stopPropagation();
      if (event.key === "Tab" || event.key === "Escape") closeMenu(true);
      else if (to !== undefined) items.at(to % items.length).focus();
      else return;
      event.preventDefault();
    });
  };
  document.addEventListener("contextmenu", (event) => {
    const row = event.target.closest && event.target.closest("#page\\\\.listing [data-name]");
    // A long touch has the browser's menu, and so has text that is selected.
    if (!row || event.shiftKey || event.pointerType === "touch" || String(getSelection()) !== "") return;
    if (event.target.closest("input")) return;
    event.preventDefault();
    const box = linkOf(row).getBoundingClientRect();
    const isByKey = event.button !== 2;
    openMenu(row, isByKey ? box.left + 16 : event.clientX, isByKey ? box.bottom : event.clientY);
  });
  document.addEventListener("pointerdown", (event) => {
    if (menu && !menu.box.contains(event.target)) closeMenu();
  });
  for (const name of ["blur", "resize"]) addEventListener(name, () => closeMenu());
  addEventListener("scroll", () => closeMenu(), { passive: true });
  onPage(() => closeMenu());
`
