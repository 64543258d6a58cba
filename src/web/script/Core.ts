/**
 * What the parts of the file server's script share: elements, actions of
 * buttons, the theme, messages, and going to another page in place.
 *
 * A button with `data-do="name"` calls `actions.name(button, event)`. Elements
 * with `data-script` are hidden without script. A function given to `onPage`
 * runs on the first page and after each change in place. While `keep` has
 * anything in it, such as sound that plays or files that are uploaded, links to
 * pages are followed in place, so that it goes on.
 */

/** Statements inside the function of the script. */
export const js = `
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const actions = {};
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-do]");
    const action = button && actions[button.dataset.do];
    if (action) action(button, event);
  });

  const pageTasks = [];
  const onPage = (task) => {
    pageTasks.push(task);
    task();
  };

  const load = async (url) => {
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    if (!answer.ok || !/^text\\/html/.test(answer.headers.get("content-type") || "")) return undefined;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  // Parts of a page that are updated without moving anything else.
  const show = (page) => {
    for (const id of ["page.listing", "page.summary", "page.readme"]) {
      const now = page && page.getElementById(id);
      if (now && byId(id)) byId(id).replaceWith(document.adoptNode(now));
    }
    for (const task of pageTasks) task();
  };
  const reload = async () => show(await load(location.href));

  // A stage that is shown full screen must stay where it is in the document.
  const swap = (page) => {
    document.title = page.title;
    const header = one("body > header", page);
    if (header) one("body > header").replaceWith(document.adoptNode(header));
    const main = byId("page.main");
    const next = page.getElementById("page.main");
    const stage = one(":scope > .stage", main);
    const nextStage = one(":scope > .stage", next);
    for (const { name } of [...main.attributes]) main.removeAttribute(name);
    for (const { name, value } of next.attributes) main.setAttribute(name, value);
    if (!stage || !nextStage) main.replaceChildren(...next.childNodes);
    else {
      for (const child of [...main.childNodes]) if (child !== stage) child.remove();
      const before = [];
      while (next.firstChild !== nextStage) {
        before.push(next.firstChild);
        next.firstChild.remove();
      }
      nextStage.remove();
      stage.before(...before);
      stage.after(...next.childNodes);
      stage.replaceChildren(...nextStage.childNodes);
    }
    for (const task of pageTasks) task();
  };

  // Its address is relative, and the page's changes when another is shown in place.
  for (const icon of all("link[rel=icon]")) icon.href = icon.href;

  const keep = new Set();
  let turn = 0;
  // A folder is shown as the visitor looked at the last one; see Theme.ts.
  const inStoredView = (address) => {
    const url = new URL(address, location.href);
    try {
      if (url.pathname.endsWith("/") && url.search === "") url.search = localStorage.getItem("ptth.view") || "";
    } catch {}
    return url.href;
  };
  const goTo = async (address, { push = true } = {}) => {
    const mine = ++turn;
    const url = push ? inStoredView(address) : address;
    const page = await load(url).catch(() => undefined);
    if (mine !== turn) return;
    if (!page || !page.getElementById("page.main")) return void location.assign(url);
    if (push) history.pushState(null, "", url);
    swap(page);
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (target) target.scrollIntoView();
    else if (push && !document.fullscreenElement && !one("#page\\\\.main > .stage")) scrollTo(0, 0);
  };
  const isPage = (url) => url.origin === location.origin && (url.pathname.endsWith("/") || url.searchParams.has("view"));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest && event.target.closest("a[href]");
    if (!link || link.download || link.target) return;
    const url = new URL(link.href);
    const isAnchor = url.hash !== "" && url.pathname === location.pathname && url.search === location.search;
    const inStage = link.closest(".stage");
    if (isAnchor || !isPage(url) || (keep.size === 0 && !inStage)) return;
    event.preventDefault();
    goTo(url.href);
  });
  let shownAddress = location.pathname + location.search;
  addEventListener("popstate", () => {
    if (location.pathname + location.search !== shownAddress) goTo(location.href, { push: false });
  });
  onPage(() => {
    shownAddress = location.pathname + location.search;
    for (const element of all("[data-script]")) element.hidden = false;
    for (const element of all("[data-no-script]")) element.hidden = true;
  });

  const dock = () => {
    const existing = byId("page.dock");
    if (existing) return existing;
    const element = make("div", { id: "page.dock" });
    byId("page.main").after(element);
    return element;
  };
  const say = (message) => {
    const note = byId("page.note") || dock().appendChild(make("p", { id: "page.note", className: "notice" }));
    note.setAttribute("role", "status");
    note.textContent = message;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => note.remove(), 4000);
  };
  const copyText = async (value, done) => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      // Without HTTPS browsers have only this.
      const field = make("textarea", { value });
      (one("dialog[open]") || document.body).append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    say(done);
  };
  actions.copy = (button) => {
    const source = button.dataset.from && byId(button.dataset.from);
    copyText(source ? source.textContent : button.dataset.value || location.href, "Copied.");
  };

  const themes = ["auto", "light", "dark"];
  const themeNow = () => document.documentElement.dataset.theme || "auto";
  const labelTheme = () => {
    const button = byId("page.theme");
    if (!button) return;
    button.textContent = { auto: "◐", light: "☀", dark: "☾" }[themeNow()];
    button.title = "Theme: " + themeNow();
    button.setAttribute("aria-label", button.title);
  };
  actions.theme = () => {
    const next = themes[(themes.indexOf(themeNow()) + 1) % themes.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("ptth.theme", next);
    } catch {}
    labelTheme();
  };
  onPage(labelTheme);

  // Times in the visitor's zone; of the last day, how long ago.
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const isNarrow = matchMedia("(max-width: 56rem)");
  const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
  const relative = (at) => {
    const seconds = (at - Date.now()) / 1000;
    if (seconds > -60 && seconds <= 0) return "just now";
    if (seconds > -3600 && seconds <= 0) return ago.format(Math.round(seconds / 60), "minute");
    if (seconds > -86400 && seconds <= 0) return ago.format(Math.round(seconds / 3600), "hour");
    return undefined;
  };
  onPage(() => {
    for (const element of all("time[datetime]:not([title])", byId("page.main"))) {
      const at = Date.parse(element.dateTime);
      if (Number.isNaN(at)) continue;
      element.title = exact.format(at) + " (" + element.dateTime.slice(0, 16).replace("T", " ") + " UTC)";
      // A row of a phone has no room for more.
      const dateFormat = isNarrow.matches && element.closest("td.time") ? day : exact;
      element.textContent = relative(at) || dateFormat.format(at);
    }
    for (const element of all("[data-zone]")) element.remove();
  });

  // Menus close when something else is clicked, and by Esc.
  document.addEventListener("click", (event) => {
    for (const menu of all("details.drop[open]"))
      if (!menu.contains(event.target) || event.target.closest(".drop a, .drop [data-close]")) menu.open = false;
  });
`
