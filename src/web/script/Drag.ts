/**
 * The part of the file server's script that moves entries by dragging them onto
 * a folder: of the list, of the path, or of the tree. With Ctrl they are copied.
 * It works only where the pages let visitors change the folder.
 */

/** Statements inside the function of the script. */
export const js = `
  // What is dragged: addresses and the names in forms.
  let dragged;
  let dropTarget;
  const highlight = (element) => {
    if (dropTarget === element) return;
    dropTarget?.classList.remove("drop-here");
    dropTarget = element;
    dropTarget?.classList.add("drop-here");
  };
  // The path of a folder from the shared one, as people write it.
  const sharedFolder = () => new URL(one(".path a")?.href || location.href).pathname;
  const pathOf = (url) => {
    try {
      return "/" + decodeURIComponent(url.pathname.slice(sharedFolder().length));
    } catch {
      return undefined;
    }
  };
  const folderAt = (event) => {
    const link = event.target.closest && (event.target.closest(".path a, #page\\\\.tree a") || linkIn(event.target.closest("#page\\\\.listing :is([data-name], tr)")));
    if (!link) return undefined;
    const url = new URL(link.href);
    const isInside = dragged.addresses.some((address) => url.pathname.startsWith(new URL(address).pathname));
    const isHere = url.pathname === location.pathname;
    if (url.origin !== location.origin || !url.pathname.endsWith("/") || isInside || isHere) return undefined;
    return { url, element: link.closest("tr, li") || link };
  };
  const linkIn = (row) => row && linkOf(row);
  document.addEventListener("dragstart", (event) => {
    const row = event.target.closest && event.target.closest("#page\\\\.listing [data-name]");
    dragged = undefined;
    if (!row || !isManaged()) return;
    const chosen = rows().filter((each) => boxOf(each)?.checked);
    const moved = chosen.includes(row) ? chosen : [row];
    dragged = { addresses: moved.map(addressOf), entries: moved.map(fieldOf) };
    event.dataTransfer.effectAllowed = "all";
    // What other programs get.
    event.dataTransfer.setData("text/uri-list", dragged.addresses.join("\\r\\n"));
    event.dataTransfer.setData("text/plain", dragged.addresses.join("\\n"));
  });
  document.addEventListener("dragover", (event) => {
    if (!dragged) return;
    const to = folderAt(event);
    highlight(to?.element);
    if (!to) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = event.ctrlKey ? "copy" : "move";
  });
  document.addEventListener("dragend", () => {
    dragged = undefined;
    highlight(undefined);
  });
  const put = async (entries, to, how) => {
    const from = pathOf(location);
    const fields = [["to", to], ...entries.map((entry) => ["entry", entry])];
    const { detail, done = [], ok } = await sendForm("./?change=" + how, fields);
    if (!ok) say(detail);
    await reload();
    if (done.length === 0) return;
    const text = (done.length === 1 ? done[0] : done.length + " entries") + (how === "move" ? " moved to " : " copied to ") + to + ". ";
    if (how === "copy" || !ok) return ok && say(text);
    const back = new URL(sharedFolder() + to.slice(1).split("/").map(encodeURIComponent).join("/"), location.href).href;
    offerBack(text, async () => {
      const undone = await sendForm(back + "?change=move", [["to", from], ...entries.map((entry) => ["entry", entry])]);
      say(undone.ok ? "It is back." : undone.detail);
      await reload();
    });
  };
  document.addEventListener("drop", (event) => {
    const to = dragged && folderAt(event);
    if (!to) return;
    event.preventDefault();
    const { entries } = dragged;
    const path = pathOf(to.url);
    dragged = undefined;
    highlight(undefined);
    if (path !== undefined) put(entries, path, event.ctrlKey ? "copy" : "move").catch(unreachable);
  });
`
