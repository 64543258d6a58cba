/**
 * The part of the file server's script that uploads files, in a panel that
 * stays while the visitor goes to other folders: several at once, resumable by
 * the tus protocol, with pause, retry and cancel. For a name that is taken the
 * visitor is asked. `script/Core.ts` has the functions that it uses.
 */

/** Statements inside the function of the script. */
export const js = `
  const uploads = { jobs: [], mostAtOnce: 3, isPaused: false, arrived: new Set(), forAll: undefined };
  const isOpen = ({ state }) => state === "waiting" || state === "running" || state === "paused" || state === "asking";
  const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);
  const base64 = (text) => {
    let bytes = "";
    for (const byte of new TextEncoder().encode(text.toWellFormed())) bytes += String.fromCharCode(byte);
    return btoa(bytes);
  };
  const sizeText = (bytes) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    let value = bytes;
    while (value >= 999.5 && at < units.length - 1) {
      value /= 1000;
      at++;
    }
    return (at === 0 || value >= 100 ? Math.round(value) : value.toPrecision(2)) + " " + units[at];
  };
  const timeText = (seconds) =>
    seconds < 90 ? Math.max(1, Math.round(seconds)) + " s" : seconds < 5400 ? Math.round(seconds / 60) + " min" : (seconds / 3600).toFixed(1) + " h";

  // What a browser remembers of an upload, so that it goes on after the page was left.
  const memoryOf = (job) => "ptth.upload " + [job.endpoint, job.path, job.file.size, job.file.lastModified].join(" ");
  const remember = (job) => {
    try {
      if (job.url) localStorage.setItem(memoryOf(job), job.url);
      else localStorage.removeItem(memoryOf(job));
    } catch {}
  };
  const recall = (job) => {
    try {
      return localStorage.getItem(memoryOf(job)) || undefined;
    } catch {
      return undefined;
    }
  };

  const drawings = {
    pause: "M8 5v14M16 5v14",
    play: "M7 5v14l12-7z",
    close: "m6 6 12 12M18 6 6 18",
    retry: "M5 12a7 7 0 1 0 2.5-5.4M5 4v4.5h4.5",
  };
  const iconOf = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", drawings[name]);
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    return svg;
  };
  const iconButton = (label, icon, action) => {
    const button = make("button", { type: "button", className: "quiet", title: label }, iconOf(icon));
    button.setAttribute("aria-label", label);
    button.addEventListener("click", action);
    return button;
  };
  const uploadPanel = () => {
    if (uploads.panel && uploads.panel.isConnected) return uploads.panel;
    const status = make("p", { id: "page.uploads.status" });
    status.setAttribute("role", "status");
    uploads.status = status;
    uploads.pauseAll = iconButton("Pause all", "pause", () => setPaused(!uploads.isPaused));
    uploads.close = iconButton("Close", "close", () => {
      for (const job of uploads.jobs) if (isOpen(job)) abandon(job);
      uploads.jobs = [];
      uploads.panel.remove();
      settle();
    });
    uploads.list = make("ul");
    uploads.panel = make("section", { id: "page.uploads", className: "panel" },
      make("div", { className: "panel-head" }, status, uploads.pauseAll, uploads.close), uploads.list);
    uploads.panel.setAttribute("aria-label", "Uploads");
    dock().append(uploads.panel);
    return uploads.panel;
  };

  const drawRow = (job) => {
    const { bar, detail, actions: buttons, item } = job.view;
    item.className = job.state;
    const size = job.file.size;
    bar.value = size === 0 ? (job.state === "done" ? 1 : 0) : job.sent / size;
    bar.hidden = !(job.state === "running" || job.state === "paused" || job.state === "waiting");
    const left = job.rate > 0 ? " · " + sizeText(job.rate) + "/s · " + timeText((size - job.sent) / job.rate) + " left" : "";
    detail.textContent = {
      waiting: "waiting",
      running: job.note || sizeText(job.sent) + " of " + sizeText(size) + left,
      paused: "paused at " + sizeText(job.sent) + " of " + sizeText(size),
      asking: "There already is a file of this name.",
      done: "done",
      skipped: "skipped",
      cancelled: "cancelled",
      failed: "not uploaded: " + job.problem,
    }[job.state];
    const answers = () => ["both", "skip", ...(job.overwrite ? ["replace"] : []), ...(uploads.jobs.filter(isOpen).length > 1 ? ["all"] : [])];
    const wanted = job.state === "asking" ? answers() : {
      waiting: ["cancel"],
      running: ["pause", "cancel"],
      paused: ["resume", "cancel"],
      failed: ["retry", "dismiss"],
      cancelled: ["retry", "dismiss"],
    }[job.state] || [];
    if (buttons.dataset.shown === wanted.join()) return;
    buttons.dataset.shown = wanted.join();
    const hadFocus = buttons.contains(document.activeElement);
    const name = job.path;
    const makers = {
      pause: () => iconButton("Pause " + name, "pause", () => pause(job)),
      resume: () => iconButton("Go on with " + name, "play", () => wait(job)),
      cancel: () => iconButton("Cancel " + name, "close", () => cancel(job)),
      retry: () => iconButton("Try " + name + " again", "retry", () => wait(job)),
      dismiss: () => iconButton("Remove " + name + " from the list", "close", () => dismiss(job)),
      both: () => make("button", { type: "button", textContent: "Keep both", onclick: () => decide(job, "both") }),
      skip: () => make("button", { type: "button", textContent: "Skip", onclick: () => decide(job, "skip") }),
      replace: () => make("button", { type: "button", textContent: "Replace", onclick: () => decide(job, "replace") }),
      all: () => make("label", { className: "check" }, make("input", { type: "checkbox", name: "all" }), "for all"),
    };
    buttons.replaceChildren(...wanted.map((each) => makers[each]()));
    if (hadFocus) one("button", buttons)?.focus();
  };
  const plainTitle = () => document.title.replace(/^\\d+ % · /, "");
  const drawHead = () => {
    const { jobs } = uploads;
    const open = jobs.filter(isOpen);
    const done = jobs.filter(({ state }) => state === "done").length;
    const failed = jobs.filter(({ state }) => state === "failed").length;
    const total = jobs.reduce((sum, { file }) => sum + file.size, 0);
    const sent = jobs.reduce((sum, job) => sum + (job.state === "done" ? job.file.size : job.sent), 0);
    const percent = total === 0 ? 100 : Math.floor((100 * sent) / total);
    const asking = open.filter(({ state }) => state === "asking").length;
    const text = open.length > 0
      ? (asking === open.length ? "Waiting for your answer" : "Uploading " + Math.min(done + 1, jobs.length) + " of " + jobs.length + " · " + percent + " %")
      : done + " uploaded" + (failed > 0 ? ", " + failed + " not uploaded" : "");
    if (uploads.status && uploads.status.textContent !== text) uploads.status.textContent = text;
    document.title = (open.length > 0 ? percent + " % · " : "") + plainTitle();
    if (!uploads.pauseAll) return;
    uploads.pauseAll.hidden = open.length === 0;
    uploads.pauseAll.replaceChildren(iconOf(uploads.isPaused ? "play" : "pause"));
    uploads.pauseAll.title = uploads.isPaused ? "Go on with all" : "Pause all";
    uploads.pauseAll.setAttribute("aria-label", uploads.pauseAll.title);
    uploads.close.title = open.length > 0 ? "Cancel all" : "Close";
    uploads.close.setAttribute("aria-label", uploads.close.title);
  };
  const draw = (job) => {
    drawRow(job);
    drawHead();
  };

  const askBeforeLeaving = (event) => {
    event.preventDefault();
    // Browsers of before 2024 ask only because of this.
    event.returnValue = true;
  };
  // Only while it is needed: Firefox does not keep such pages for going back.
  const settle = () => {
    const isBusy = uploads.jobs.some(isOpen);
    if (isBusy) {
      addEventListener("beforeunload", askBeforeLeaving);
      keep.add("uploads");
    } else {
      removeEventListener("beforeunload", askBeforeLeaving);
      keep.delete("uploads");
    }
    drawHead();
  };
  let reloading;
  const arrived = (job) => {
    uploads.arrived.add(job.endpoint);
    clearTimeout(reloading);
    reloading = setTimeout(() => {
      const here = new URL("./", location.href).href;
      // The form of a page that is being edited would be lost.
      if (uploads.arrived.has(here) && byId("page.listing") && !location.search.includes("manage")) reload().catch(() => {});
      uploads.arrived.clear();
    }, uploads.jobs.some(({ state }) => state === "running" || state === "waiting") ? 1500 : 50);
  };

  const mark = (job, state) => {
    job.state = state;
    job.note = "";
    if (state !== "running") {
      job.request = undefined;
      job.rate = 0;
    }
    drawRow(job);
  };
  const enter = (job, state) => {
    mark(job, state);
    settle();
    next();
  };
  const wait = (job) => {
    job.tries = 0;
    job.isHeld = false;
    uploads.isPaused = false;
    enter(job, "waiting");
  };
  const stop = (job) => {
    clearTimeout(job.timer);
    job.run++;
    job.request?.abort();
  };
  const pause = (job) => {
    stop(job);
    enter(job, "paused");
  };
  const setPaused = (paused) => {
    uploads.isPaused = paused;
    for (const job of uploads.jobs) {
      if (paused && (job.state === "running" || job.state === "waiting")) {
        stop(job);
        mark(job, "paused");
      } else if (!paused && job.state === "paused") mark(job, "waiting");
    }
    settle();
    next();
  };
  const abandon = (job) => {
    stop(job);
    if (job.url) fetch(job.url, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {});
    job.url = undefined;
    job.sent = 0;
    remember(job);
    mark(job, "cancelled");
  };
  const cancel = (job) => {
    abandon(job);
    settle();
    next();
  };
  const dismiss = (job) => {
    // What arrived would keep its room on the full disk.
    if (job.isHeld) abandon(job);
    uploads.jobs = uploads.jobs.filter((other) => other !== job);
    job.view.item.remove();
    if (uploads.jobs.length === 0) uploads.panel.remove();
    settle();
  };
  const fail = (job, problem) => {
    job.problem = problem;
    enter(job, "failed");
  };

  // Another name: "a (2).txt", "a (3).txt" and so on.
  const otherName = (path) => {
    const [, folders, name] = /^(.*\\/)?([^/]*)$/.exec(path);
    const [, stem, number, extension] = /^(.+?)(?: \\((\\d+)\\))?(\\.[^.]{1,12})?$/.exec(name);
    return (folders || "") + stem + " (" + (Number(number || 1) + 1) + ")" + (extension || "");
  };
  const apply = (job, choice) => {
    if (choice === "skip") return enter(job, "skipped");
    if (choice === "replace") job.replaces = true;
    else {
      job.keepsBoth = true;
      job.path = otherName(job.path);
      job.view.name.textContent = job.path;
    }
    wait(job);
  };
  const decide = (job, choice) => {
    const isForAll = one("input[name=all]", job.view.actions)?.checked;
    apply(job, choice);
    if (!isForAll) return;
    uploads.forAll = choice;
    for (const other of uploads.jobs) if (other.state === "asking") apply(other, choice);
  };
  const taken = (job) => {
    if (job.keepsBoth) return apply(job, "both");
    if (uploads.forAll && (uploads.forAll !== "replace" || job.overwrite)) return apply(job, uploads.forAll);
    enter(job, "asking");
  };

  const detailOf = (request) => {
    try {
      return JSON.parse(request.responseText).detail || "the server answered with " + request.status;
    } catch {
      return "the server answered with " + request.status;
    }
  };
  const send = (job, method, url, headers, body) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      job.request = request;
      request.open(method, url);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      request.setRequestHeader("Accept", "application/json");
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      const start = job.sent;
      const began = performance.now();
      let lastDrawn = 0;
      request.upload.addEventListener("progress", (event) => {
        if (!body || job.request !== request) return;
        job.sent = Math.min(job.file.size, start + event.loaded);
        const now = performance.now();
        if (now - began > 500) job.rate = (job.sent - start) / ((now - began) / 1000);
        if (now - lastDrawn < 200) return;
        lastDrawn = now;
        draw(job);
      });
      request.addEventListener("loadend", () => resolve(request));
      request.send(body);
    });

  const create = async (job) => {
    const folders = job.path.includes("/") ? ",relativePath " + base64(job.path) : "";
    const request = await send(job, "POST", job.endpoint, {
      "Upload-Length": String(job.file.size),
      "Upload-Metadata": "filename " + base64(job.path.split("/").at(-1)) + folders,
      ...(job.replaces ? {} : { "If-None-Match": "*" }),
    });
    if (request.status === 201) {
      job.url = new URL(request.getResponseHeader("Location"), job.endpoint).href;
      remember(job);
    }
    return request;
  };
  const isFull = ({ status }) => status === 507;
  // A failure after which trying again makes sense; the others are shown.
  const isPassing = (request) => request.status === 0 || request.status === 423 || request.status === 429 || (request.status >= 500 && !isFull(request));
  const retryLater = (job, request, run) => {
    if (job.tries >= 12) return fail(job, request.status === 0 ? "the connection broke" : detailOf(request));
    const seconds = Math.min(30, 2 ** job.tries++);
    job.note = (request.status === 0 ? "connection broke" : "server busy") + ", trying again in " + timeText(seconds);
    job.rate = 0;
    draw(job);
    job.timer = setTimeout(() => run === job.run && step(job, run), seconds * 1000);
  };
  const step = async (job, run) => {
    const isOver = () => run !== job.run;
    if (!(await isReadable(job.file))) return isOver() || fail(job, "the file cannot be read (any more)");
    if (isOver()) return;
    job.note = "";
    if (job.url) {
      const asked = await send(job, "HEAD", job.url, {});
      if (isOver()) return;
      if (asked.status === 200) job.sent = Number(asked.getResponseHeader("Upload-Offset"));
      else if (isPassing(asked)) return retryLater(job, asked, run);
      else job.url = undefined;
    }
    if (!job.url) {
      job.sent = 0;
      const created = await create(job);
      if (isOver()) return;
      if (created.status === 412) return taken(job);
      if (created.status !== 201) return isPassing(created) ? retryLater(job, created, run) : fail(job, detailOf(created));
    }
    if (job.sent < job.file.size) {
      const before = job.sent;
      const patched = await send(job, "PATCH", job.url, {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(before),
      }, job.file.slice(before));
      if (isOver()) return;
      if (job.sent > before + 1e5) job.tries = 0;
      if (patched.status === 412) {
        job.url = undefined;
        remember(job);
        return taken(job);
      }
      if (patched.status !== 204) {
        if (isPassing(patched) || patched.status === 409) return retryLater(job, patched, run);
        if (isFull(patched)) {
          job.isHeld = true;
          job.sent = before;
          return fail(job, detailOf(patched));
        }
        job.url = undefined;
        remember(job);
        return fail(job, detailOf(patched));
      }
    }
    job.url = undefined;
    remember(job);
    job.sent = job.file.size;
    enter(job, "done");
    arrived(job);
  };
  const next = () => {
    if (uploads.isPaused) return;
    const running = uploads.jobs.filter(({ state }) => state === "running").length;
    for (const job of uploads.jobs.filter(({ state }) => state === "waiting").slice(0, Math.max(0, uploads.mostAtOnce - running))) {
      job.state = "running";
      draw(job);
      step(job, ++job.run);
    }
  };

  const addUploads = (files) => {
    const form = one(".upload form");
    if (!form || files.length === 0) return;
    uploadPanel();
    if (!uploads.jobs.some(isOpen)) {
      uploads.forAll = undefined;
      uploads.isPaused = false;
    }
    const endpoint = new URL("./", location.href).href;
    for (const { file, path } of files) {
      const view = {
        name: make("bdi", { textContent: path }),
        bar: make("progress", { max: 1, value: 0 }),
        detail: make("span", { className: "detail" }),
        actions: make("span", { className: "actions" }),
      };
      view.bar.setAttribute("aria-label", path);
      view.item = make("li", {}, view.name, view.bar, view.detail, view.actions);
      const job = { file, path, endpoint, view, overwrite: form.dataset.overwrite === "yes", state: "waiting", sent: 0, rate: 0, tries: 0, run: 0, note: "" };
      job.url = recall(job);
      uploads.list.append(view.item);
      uploads.jobs.push(job);
      drawRow(job);
    }
    settle();
    next();
  };

  const readEntries = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  const filesIn = async (entry, before = "") => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [{ file, path: before + file.name }];
    }
    const files = [];
    const reader = entry.createReader();
    for (let batch = await readEntries(reader); batch.length > 0; batch = await readEntries(reader))
      for (const inner of batch) files.push(...(await filesIn(inner, before + entry.name + "/")));
    return files;
  };
  const takeDropped = async (transfer) => {
    // The list of items is empty after the event.
    const items = [...transfer.items].filter(({ kind }) => kind === "file")
      .map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry && item.webkitGetAsEntry() }));
    for (const { entry, file } of items) {
      if (!entry || entry.isFile) {
        if (file) addUploads([{ file, path: file.name }]);
        continue;
      }
      try {
        const files = await filesIn(entry);
        if (files.length === 0) say("There is no file in " + entry.name + ".");
        addUploads(files);
      } catch {
        say(entry.name + " cannot be read.");
      }
    }
  };

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.type !== "file" || !input.closest(".upload")) return;
    addUploads([...input.files].map((file) => ({ file, path: file.name })));
    input.value = "";
    for (const menu of all("details.drop[open]")) menu.open = false;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest(".upload")) event.preventDefault();
  });
  actions.chooseFolder = () => {
    const input = make("input", { type: "file", webkitdirectory: true });
    input.addEventListener("change", () =>
      addUploads([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }))));
    input.click();
  };
  onPage(() => {
    const form = one(".upload form");
    if (form) one("button:not([data-do])", form).hidden = true;
    drawHead();
  });

  // Browsers say that a picture of the page that is dragged is a file, too.
  let isOwnDrag = false;
  addEventListener("dragstart", () => {
    isOwnDrag = true;
  });
  addEventListener("dragend", () => {
    isOwnDrag = false;
  });
  const hasFiles = (event) => !isOwnDrag && one(".upload form") && [...event.dataTransfer.types].includes("Files");
  const overlay = make("div", { id: "page.drop", hidden: true });
  document.body.append(overlay);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (!overlay.hidden) return;
    const heading = one("h1");
    overlay.replaceChildren(make("p", {}, "Drop to upload to ", make("strong", { textContent: heading ? heading.textContent : "this folder" })));
    overlay.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) overlay.hidden = true;
  });
  addEventListener("drop", (event) => {
    overlay.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    takeDropped(event.dataTransfer);
  });
  // A picture from the clipboard has no name of its own, or the same one each time.
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (files.length === 0 || !one(".upload form") || event.target.closest?.("input, textarea")) return;
    event.preventDefault();
    const time = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
    addUploads(files.map((file, i) => {
      const isNameless = /^image\\.\\w+$/.test(file.name);
      return { file, path: isNameless ? "Pasted " + time + (i > 0 ? " " + (i + 1) : "") + file.name.slice(5) : file.name };
    }));
  });
`
