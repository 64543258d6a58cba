/**
 * The part of the file server's script for a folder's page: it filters while
 * the visitor types, fills in the sizes of folders, lets entries be chosen, and
 * remembers in which order and form the visitor looks at folders.
 */

/** Statements inside the function of the script. */
export const js = `
  // As the server folds names, see CaseFolding.ts.
  const fold = (text) =>
    text.normalize("NFKD").toLowerCase().toUpperCase().toLowerCase()
      .replaceAll("ς", "σ").replaceAll("i\\u0307", "i").normalize("NFC");
  const rows = () => all("#page\\\\.listing [data-name]");

  const filterForm = () => one("form.filter");
  const filterHere = (input) => {
    const summary = byId("page.summary");
    const wanted = fold(input.value);
    const entries = rows();
    let count = 0;
    for (const row of entries) {
      row.hidden = !fold(row.dataset.name).includes(wanted);
      if (!row.hidden) count++;
    }
    summary.dataset.whole ??= summary.textContent;
    summary.textContent = wanted === ""
      ? summary.dataset.whole
      : count + " of " + entries.length + " shown. Enter searches the folders below, too.";
    const url = new URL(location.href);
    if (wanted === "") url.searchParams.delete("filter");
    else url.searchParams.set("filter", input.value);
    history.replaceState(history.state, "", url.href.replace(/grid=(?=&|#|$)/, "grid"));
    shownAddress = location.pathname + location.search;
  };
  let latest = 0;
  const filterThere = async (form) => {
    const mine = ++latest;
    const url = new URL(form.action);
    url.search = new URLSearchParams(new FormData(form)).toString();
    const page = await load(url);
    if (mine !== latest || !page) return;
    history.replaceState(history.state, "", url);
    show(page);
  };
  let timer = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest && event.target.closest("form.filter");
    if (!form || event.target.type !== "search") return;
    clearTimeout(timer);
    // A page with all entries of its folder is filtered at once, others by the server.
    if (byId("page.listing")?.dataset.whole === "yes") return filterHere(event.target);
    timer = setTimeout(() => filterThere(form).catch(() => {}), 250);
  });
  onPage(() => {
    const form = filterForm();
    const input = form && one("input[type=search]", form);
    if (input && input.value !== "" && byId("page.listing")?.dataset.whole === "yes") filterHere(input);
  });

  // Sizes of folders, filled in while the server counts them.
  let counting;
  onPage(() => {
    if (counting) counting.abort();
    counting = undefined;
  });
  const fillSize = (byName, line) => {
    const [size, files, name] = line.split("\\t");
    const cut = size.endsWith("+") ? "≥ " : "";
    const number = Number.parseInt(files, 10);
    const bytes = cut && number === 0 ? "–" : cut + sizeText(Number.parseInt(size, 10));
    const contents = cut + number.toLocaleString("en") + (number === 1 ? " file" : " files");
    if (name === "./") return say(contents + ", " + bytes + " in all");
    const row = byName.get(name.slice(0, -1));
    const cell = row && one(".number, .detail", row);
    if (!cell) return;
    cell.textContent = bytes;
    cell.title = contents;
  };
  actions.sizes = async (button, event) => {
    event.preventDefault();
    if (counting) counting.abort();
    const mine = (counting = new AbortController());
    const byName = new Map(rows().map((row) => [row.dataset.name, row]));
    say("Counting…");
    try {
      const answer = await fetch("./?sizes&plain", { signal: mine.signal });
      if (!answer.ok) throw new Error();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\\n");
        rest = lines.pop();
        for (const line of lines) fillSize(byName, line);
      }
    } catch {
      if (!mine.signal.aborted) say("The sizes could not be counted. Try again.");
    }
  };

  // Of a row: its link, and the address of its file or folder.
  const linkOf = (row) => one("a[href]", row);
  const addressOf = (row) => {
    const url = new URL(linkOf(row).href);
    url.search = url.hash = "";
    return url.href;
  };

  // Choosing: the server shows check boxes for ?choose; here they appear in place.
  const boxes = () => all("input[name=entry]", byId("page.main"));
  const boxOf = (row) => one("input[name=entry]", row);
  const isChoosing = () => Boolean(byId("page.chosen"));
  let lastChosen;
  const countChosen = () => {
    const bar = byId("page.chosen");
    if (!bar) return;
    const chosen = boxes().filter((box) => box.checked);
    one("p", bar).textContent = chosen.length === 0 ? "Nothing is chosen." : chosen.length + " chosen";
    for (const button of all("button[data-some]", bar)) button.disabled = chosen.length === 0;
  };
  onPage(countChosen);
  const goKeepingPlace = async (url) => {
    const top = scrollY;
    await goTo(url);
    scrollTo(0, top);
  };
  const canChoose = () => isChoosing() || Boolean(one("button[name=choose]"));
  const startChoosing = async () => {
    if (isChoosing()) return;
    const url = new URL(location.href);
    url.searchParams.set("choose", "");
    await goKeepingPlace(url.href);
  };
  // A range begins at the row that was chosen last.
  const setRow = (row, on, range) => {
    const list = rows().filter((each) => !each.hidden && boxOf(each));
    const from = range ? list.findIndex((each) => addressOf(each) === lastChosen) : -1;
    const [start, end] = [from < 0 ? list.indexOf(row) : from, list.indexOf(row)].sort((a, b) => a - b);
    for (const each of list.slice(start, end + 1)) boxOf(each).checked = on;
    lastChosen = addressOf(row);
    countChosen();
  };
  // One after the other: the first one of them may still be waiting for the check boxes.
  let choosing = Promise.resolve();
  const chooseRow = (row, range = false) => {
    const address = addressOf(row);
    const hadFocus = row.contains(document.activeElement);
    choosing = choosing.then(startChoosing).then(() => {
      const now = rows().find((each) => addressOf(each) === address);
      if (!now || !boxOf(now)) return;
      setRow(now, range || !boxOf(now).checked, range);
      if (hadFocus) linkOf(now).focus();
    }, () => {});
  };
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "entry") return;
    setRow(box.closest("[data-name]"), box.checked, event.shiftKey);
  });
  // Shift and Ctrl choose rows; while entries are chosen, a click on a row does.
  document.addEventListener("click", (event) => {
    const row = event.target.closest && event.target.closest("#page\\\\.listing [data-name]");
    // Enter, which is a click without a button, opens the entry.
    if (!row || event.button !== 0 || event.detail === 0 || event.target.closest("input, label, .act")) return;
    const isModified = event.shiftKey || event.ctrlKey || event.metaKey;
    if (!isChoosing() && (!isModified || event.target.closest("a, button") || !canChoose())) return;
    if (String(getSelection()) !== "" && !isModified) return;
    event.preventDefault();
    if (event.shiftKey) getSelection().removeAllRanges();
    chooseRow(row, event.shiftKey);
  }, true);
  actions.chooseAll = () => {
    const list = boxes().filter((box) => !box.closest("[hidden]"));
    const every = list.every((box) => box.checked);
    for (const box of list) box.checked = !every;
    countChosen();
  };
  actions.copyLinks = () => {
    const links = boxes().filter((box) => box.checked).map((box) => {
      const row = box.closest("[data-name]");
      const link = one("a[download]", row) || one("a[href]", row);
      return link.href.replace(/\\?view.*$/, "");
    });
    copyText(links.join("\\n"), links.length + " links copied.");
  };

  // The order and form that the visitor chose, for folders that are opened without one; see Theme.ts.
  const rememberView = (fields) => {
    const view = new URLSearchParams();
    if (fields.has("grid")) view.set("grid", "");
    for (const name of ["sort", "order"]) if (fields.get(name)) view.set(name, fields.get(name));
    try {
      localStorage.setItem("ptth.view", view.toString().replace(/grid=(?=&|$)/, "grid"));
    } catch {}
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest(".toolbar .drop a[rel=nofollow], .files thead a");
    if (link && byId("page.listing")) rememberView(new URL(link.href).searchParams);
  }, true);
  document.addEventListener("submit", (event) => {
    if (!event.target.querySelector(".views")) return;
    const fields = new FormData(event.target, event.submitter);
    rememberView(fields);
  }, true);
`
