/**
 * The part of the file server's script for changing files: forms are sent in
 * place, deleting can be undone for a while, and the editor asks before a
 * changed text is left.
 */

/** Statements inside the function of the script. */
export const js = `
  const sendForm = async (action, fields) => {
    const answer = await fetch(action, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams(fields),
    });
    const result = await answer.json().catch(() => ({ detail: "The server answered with " + answer.status + "." }));
    return { ...result, ok: answer.ok };
  };
  const unreachable = () => say("The server cannot be reached. Nothing may have changed.");
  const offerBack = (text, action) => {
    byId("page.undo")?.remove();
    const undo = make("button", { type: "button", textContent: "Undo" });
    const note = dock().appendChild(make("p", { id: "page.undo", className: "notice" }, text, undo));
    note.setAttribute("role", "status");
    const timer = setTimeout(() => note.remove(), 10000);
    undo.addEventListener("click", () => {
      clearTimeout(timer);
      note.remove();
      action().catch(unreachable);
    });
  };
  const offerUndo = (action, ids) =>
    offerBack(ids.length === 1 ? "Deleted. " : ids.length + " entries were deleted. ", async () => {
      const { ok, detail } = await sendForm(action, ids.map((id) => ["id", id]));
      say(ok ? "It is back." : detail);
      await reload();
    });
  const saveText = async (form, action) => {
    const { ok, code, detail, digest } = await sendForm(action, new FormData(form));
    if (!ok) return say(code === "PTTH_CHANGE_CONDITION" ? "Not saved: somebody else has changed the file meanwhile. Copy your text, and load the page again." : detail);
    form.elements.digest.value = digest;
    form.dataset.saved = form.elements.content.value;
    keep.delete("text");
    say("Saved.");
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const { submitter } = event;
    const action = submitter?.getAttribute("formaction") ? submitter.formAction : form.action;
    const change = new URL(action, location.href).searchParams.get("change");
    if (!change || "wholePage" in form.dataset) return;
    event.preventDefault();
    if (submitter) submitter.disabled = true;
    try {
      if (change === "save") return await saveText(form, action);
      const base = new URL("./", action).href;
      const { detail, ok, undo } = await sendForm(action, new FormData(form));
      if (!ok) say(detail);
      if (undo && undo.length > 0) offerUndo(base + "?change=restore", undo);
      if (ok && form.dataset.back) await goTo(base);
      else if (ok && form.matches(".chosen")) await goTo(base);
      else await reload();
    } catch {
      unreachable();
    } finally {
      if (submitter) submitter.disabled = false;
    }
  });
  const editorOf = () => one("form[data-editor]");
  const isTextChanged = () => {
    const form = editorOf();
    return Boolean(form) && form.elements.content.value !== (form.dataset.saved ?? form.elements.content.defaultValue);
  };
  addEventListener("beforeunload", (event) => {
    if (!isTextChanged()) return;
    event.preventDefault();
    event.returnValue = true;
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href]");
    if (!link || !isTextChanged() || event.ctrlKey || event.metaKey) return;
    if (!confirm("The text is not saved. Leave it?")) event.preventDefault();
  }, true);
  addEventListener("keydown", (event) => {
    const form = editorOf();
    if (!form || event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
`
