/**
 * The part of the file server's script that shows the folders as a tree beside
 * the page, where the window is wide and the visitor wants it. Only the folders
 * that are open are read. It has the keys of a tree (WAI-ARIA, tree view), and
 * its links are followed in place, so that it stays as it is.
 */

/** Statements inside the function of the script. */
export const js = `
  const collator = new Intl.Collator(undefined, { numeric: true });
  let tree;
  const treeItems = () => all("[role=treeitem]", tree).filter((item) => item.checkVisibility?.() !== false && !item.closest("ul[hidden]"));
  const groupOf = (item) => one(":scope > ul", item.parentElement);
  const parentItem = (item) => one(":scope > [role=treeitem]", item.parentElement.parentElement.closest("li") || tree);
  const focusItem = (item) => {
    if (!item) return;
    for (const each of all("[role=treeitem]", tree)) each.tabIndex = each === item ? 0 : -1;
    item.focus();
  };
  const treeNode = (href, name, level) => {
    const item = make("a", { href, tabIndex: -1 }, make("bdi", { textContent: name }));
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", level);
    item.setAttribute("aria-expanded", "false");
    const group = make("ul", { hidden: true });
    group.setAttribute("role", "group");
    const twisty = make("span", { className: "twisty" });
    twisty.setAttribute("aria-hidden", "true");
    twisty.addEventListener("click", () => setOpen(item, item.getAttribute("aria-expanded") !== "true"));
    const node = make("li", {}, twisty, item, group);
    node.setAttribute("role", "none");
    return node;
  };
  const fill = async (item) => {
    const answer = await fetch(item.href + "?json&kind=folder");
    if (!answer.ok) throw new Error();
    const { entries } = await answer.json();
    const level = Number(item.getAttribute("aria-level")) + 1;
    const nodes = entries
      .sort((a, b) => collator.compare(a.name, b.name))
      .map(({ href, name }) => treeNode(new URL(href || encodeURIComponent(name) + "/", item.href).href, name, level));
    groupOf(item).replaceChildren(...nodes);
    if (nodes.length === 0) item.removeAttribute("aria-expanded");
  };
  const setOpen = async (item, isOpen) => {
    const group = groupOf(item);
    if (!item.hasAttribute("aria-expanded")) return;
    if (isOpen && group.children.length === 0) await fill(item).catch(() => {});
    if (!item.hasAttribute("aria-expanded")) return;
    item.setAttribute("aria-expanded", String(isOpen));
    group.hidden = !isOpen;
  };
  const isBelow = (path, folder) => decoded(path).startsWith(decoded(folder));
  // Opens the folders on the way to the one of the page.
  const reveal = async () => {
    const mine = tree;
    const here = new URL("./", location.href).pathname;
    let item = one("[role=treeitem]", mine);
    if (!item || !isBelow(here, item.pathname)) return;
    while (item && decoded(item.pathname) !== decoded(here)) {
      await setOpen(item, true);
      if (mine !== tree) return;
      item = [...groupOf(item).children].map((node) => one("[role=treeitem]", node)).find(({ pathname }) => isBelow(here, pathname));
    }
    for (const each of all("[aria-current]", mine)) each.removeAttribute("aria-current");
    if (!item) return;
    item.setAttribute("aria-current", "page");
    for (const each of all("[role=treeitem]", mine)) each.tabIndex = each === item ? 0 : -1;
    if (!mine.contains(document.activeElement)) item.scrollIntoView({ block: "nearest" });
  };
  const storeTree = (isOpen) => {
    try {
      if (isOpen) localStorage.setItem("ptth.tree", "open");
      else localStorage.removeItem("ptth.tree");
    } catch {}
  };
  const isTreeStored = () => {
    try {
      return localStorage.getItem("ptth.tree") === "open";
    } catch {
      return false;
    }
  };
  const hasRoom = matchMedia("(min-width: 80rem)");
  const closeTree = () => {
    tree?.remove();
    tree = undefined;
    keep.delete("tree");
  };
  const treeKeys = {
    ArrowDown: (item) => focusItem(treeItems()[treeItems().indexOf(item) + 1]),
    ArrowUp: (item) => focusItem(treeItems()[treeItems().indexOf(item) - 1]),
    ArrowRight: async (item) => {
      if (item.getAttribute("aria-expanded") === "true") focusItem(one("[role=treeitem]", groupOf(item)));
      else await setOpen(item, true);
    },
    ArrowLeft: async (item) => {
      if (item.getAttribute("aria-expanded") === "true") await setOpen(item, false);
      else if (Number(item.getAttribute("aria-level")) > 1) focusItem(parentItem(item));
    },
    Home: () => focusItem(treeItems()[0]),
    End: () => focusItem(treeItems().at(-1)),
  };
  const openTree = () => {
    const [first] = all(".path li");
    if (!first || tree) return;
    const list = make("ul", {}, treeNode(new URL(sharedFolder(), location.href).href, first.textContent, 1));
    list.setAttribute("role", "tree");
    list.setAttribute("aria-label", "Folders");
    tree = make("nav", { id: "page.tree" }, list);
    tree.setAttribute("aria-label", "Folders");
    tree.addEventListener("keydown", (event) => {
      const item = event.target.closest("[role=treeitem]");
      const isModified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (!item || isModified || !treeKeys[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      treeKeys[event.key](item);
    });
    byId("page.main").before(tree);
    keep.add("tree");
    setOpen(one("[role=treeitem]", tree), true).then(reveal);
  };
  const fitTree = () => {
    const isWanted = hasRoom.matches && isTreeStored() && one(".path");
    if (!isWanted) return closeTree();
    if (tree) reveal();
    else openTree();
  };
  actions.tree = () => {
    storeTree(!tree);
    fitTree();
    if (tree) focusItem(one("[role=treeitem]", tree));
  };
  keys.t = () => {
    if (!hasRoom.matches || !one(".path")) return false;
    actions.tree();
    return true;
  };
  hasRoom.addEventListener("change", fitTree);
  onPage(fitTree);
`
