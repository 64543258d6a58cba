/**
 * The part of the file server's script that uploads files: it shows their
 * progress, asks before a visitor leaves a page that still uploads, and updates
 * the listing. `Script.ts` contains the functions that it uses.
 */

/** Statements inside the function of the script. */
export const js = `
  const zone = one(".upload");
  if (zone) {
    const list = zone.querySelector("ul");
    const uploads = zone.querySelector("form");
    const chosen = zone.querySelector("input[type=file]");
    const waiting = [];
    let busy = false;
    let arrived = false;

    const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

    const failure = (request) => {
      // Only If-None-Match is sent, so that 412 has one meaning.
      if (request.status === 412) return "not uploaded: there already is a file of this name";
      try {
        const { detail } = JSON.parse(request.responseText);
        if (detail) return "not uploaded: " + detail;
      } catch {}
      return "not uploaded (" + request.status + ")";
    };

    const send = (job) => {
      const request = new XMLHttpRequest();
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        const part = event.total === 0 ? 100 : Math.floor((100 * event.loaded) / event.total);
        job.bar.value = part;
        job.state.textContent = part + " %";
      });
      request.addEventListener("load", () => {
        if (request.status < 200 || request.status >= 300) return over(job, failure(request));
        arrived = true;
        over(job, "done");
      });
      request.addEventListener("error", async () => {
        over(job, (await isReadable(job.file)) ? "not uploaded: the connection broke" : unreadable);
      });
      request.addEventListener("abort", () => over(job, "stopped"));
      request.open("PUT", encodeURIComponent(job.file.name.toWellFormed()));
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("Content-Type", "application/octet-stream");
      if (uploads.dataset.overwrite !== "yes") request.setRequestHeader("If-None-Match", "*");
      request.send(job.file);
    };

    const unreadable = "not uploaded: the file cannot be read (any more)";

    const over = (job, text) => {
      busy = false;
      job.bar.remove();
      job.state.textContent = text;
      job.state.className = text === "done" ? "good" : "bad";
      next();
    };

    const askBeforeLeaving = (event) => {
      event.preventDefault();
      // Browsers of before 2024 ask only because of this.
      event.returnValue = true;
    };

    const next = async () => {
      if (busy) return;
      const job = waiting.shift();
      // Only while it is needed: Firefox does not keep such pages for going back.
      if (job) addEventListener("beforeunload", askBeforeLeaving);
      else removeEventListener("beforeunload", askBeforeLeaving);
      if (!job) {
        if (arrived) reload().catch(() => {});
        arrived = false;
        return;
      }
      busy = true;
      if (await isReadable(job.file)) send(job);
      else over(job, unreadable);
    };

    const addItem = (name, text) => {
      const item = document.createElement("li");
      const label = document.createElement("bdi");
      const state = document.createElement("span");
      label.textContent = name;
      state.textContent = text;
      state.className = text === "waiting" ? "" : "bad";
      item.append(label, " ", state);
      list.append(item);
      return state;
    };

    const add = (files) => {
      const menu = zone.closest("details");
      if (menu) menu.open = true;
      for (const file of files) {
        const state = addItem(file.name, "waiting");
        const bar = document.createElement("progress");
        bar.max = 100;
        bar.value = 0;
        bar.setAttribute("aria-label", file.name);
        state.before(bar, " ");
        waiting.push({ file, bar, state });
      }
      next();
    };

    // Files are taken; of folders it is said that they are not.
    const drop = (transfer) => {
      const files = [];
      for (const item of transfer.items) {
        if (item.kind !== "file") continue;
        const entry = item.webkitGetAsEntry && item.webkitGetAsEntry();
        const file = item.getAsFile();
        if (entry && entry.isDirectory) {
          if (zone.closest("details")) zone.closest("details").open = true;
          addItem(entry.name, "not uploaded: folders cannot be uploaded; choose the files in it, or pack it as a .zip file");
        } else if (file) files.push(file);
      }
      add(files);
    };

    uploads.querySelector("button").hidden = true;
    chosen.addEventListener("change", () => {
      add([...chosen.files]);
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
      drop(event.dataTransfer);
    });
  }
`
