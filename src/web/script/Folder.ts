/**
 * The part of the file server's script for a folder's page: it filters while
 * the visitor types, fills in the sizes of folders, and lets entries be chosen
 * for an archive.
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

  // Choosing: the server shows check boxes for ?choose; here they appear in place.
  const boxes = () => all("input[name=entry]", byId("page.main"));
  let lastBox;
  const countChosen = () => {
    const bar = byId("page.chosen");
    if (!bar) return;
    const chosen = boxes().filter((box) => box.checked);
    one("p", bar).textContent = chosen.length === 0 ? "Nothing is chosen." : chosen.length + " chosen";
    for (const button of all("button[data-some]", bar)) button.disabled = chosen.length === 0;
  };
  onPage(countChosen);
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "entry") return;
    if (event.shiftKey && lastBox) {
      const list = boxes();
      const [from, to] = [list.indexOf(lastBox), list.indexOf(box)].sort((a, b) => a - b);
      if (from >= 0) for (const each of list.slice(from, to + 1)) if (!each.closest("[hidden]")) each.checked = box.checked;
    }
    lastBox = box;
    countChosen();
  });
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
`
