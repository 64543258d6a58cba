/**
 * The part of the file server's script that plays the sounds of a folder one
 * after the other, in a panel at the bottom that stays while the visitor goes
 * to other pages.
 */

/** Statements inside the function of the script. */
export const js = `
  const player = { list: [], at: 0, shuffle: false, repeat: false };
  const audio = make("audio", { controls: true, preload: "metadata" });
  let panel;
  const decoded = (address) => {
    try {
      return decodeURIComponent(address);
    } catch {
      return address;
    }
  };
  // The server escapes more characters than encodeURIComponent does.
  const isSame = (a, b) => a !== undefined && b !== undefined && decoded(a) === decoded(b);
  const markPlaying = () => {
    const address = player.list[player.at]?.url;
    for (const row of rows()) {
      const link = one("a[href]", row);
      const isPlaying = panel?.isConnected && link && isSame(link.href.split("?")[0], address);
      if (isPlaying) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };
  onPage(markPlaying);
  const playAt = (at) => {
    const track = player.list[at];
    if (!track) return;
    player.at = at;
    audio.src = track.url;
    audio.setAttribute("aria-label", track.name);
    audio.play().catch(() => {});
    one("p", panel).textContent = track.name;
    one("small", panel).textContent = at + 1 + " / " + player.list.length;
    if (navigator.mediaSession) {
      navigator.mediaSession.metadata = new MediaMetadata({ title: track.name, album: track.folder });
    }
    markPlaying();
  };
  const playNext = (step) => {
    const { list, at, shuffle } = player;
    if (list.length === 0) return;
    const next = shuffle ? Math.floor(Math.random() * list.length) : at + step;
    if (next >= list.length && !player.repeat) return;
    playAt((next + list.length) % list.length);
  };
  audio.addEventListener("ended", () => playNext(1));
  audio.addEventListener("play", () => keep.add("sound"));
  audio.addEventListener("error", () => panel && say("This browser cannot play " + (player.list[player.at]?.name || "this file") + "."));
  const toggle = (label, name) => {
    const button = make("button", { type: "button", className: "quiet", textContent: label, title: name });
    button.setAttribute("aria-label", name);
    return button;
  };
  const openPanel = () => {
    if (panel?.isConnected) return;
    const [before, after, shuffle, repeat, close] = [toggle("‹", "Previous"), toggle("›", "Next"), toggle("⇄", "Shuffle"), toggle("↻", "Repeat"), toggle("✕", "Close the player")];
    before.addEventListener("click", () => playNext(-1));
    after.addEventListener("click", () => playNext(1));
    for (const [button, key] of [[shuffle, "shuffle"], [repeat, "repeat"]]) {
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        player[key] = !player[key];
        button.setAttribute("aria-pressed", String(player[key]));
      });
    }
    close.addEventListener("click", () => {
      audio.pause();
      audio.removeAttribute("src");
      keep.delete("sound");
      panel.remove();
      markPlaying();
    });
    panel = make("section", { className: "player" }, make("p"), make("span", {}, before, after), make("span", {}, make("small"), shuffle, repeat, close), audio);
    panel.setAttribute("aria-label", "Player");
    dock().append(panel);
    if (navigator.mediaSession) {
      navigator.mediaSession.setActionHandler("previoustrack", () => playNext(-1));
      navigator.mediaSession.setActionHandler("nexttrack", () => playNext(1));
    }
  };
  actions.play = async (button) => {
    const folder = new URL("./", location.href);
    const answer = await fetch(folder.href + "?json").catch(() => undefined);
    if (!answer || !answer.ok) return say("The folder cannot be read at the moment.");
    const { entries } = await answer.json();
    const sounds = entries.filter((entry) => !entry.is_dir && entry.type.startsWith("audio/"));
    player.list = sounds.map((entry) => ({
      name: entry.name,
      folder: decoded(folder.pathname.split("/").at(-2) || ""),
      url: new URL(entry.href || encodeURIComponent(entry.name), folder).href,
    }));
    const wanted = button.dataset.file && new URL(button.dataset.file, folder).href;
    const at = player.list.findIndex(({ url }) => isSame(url, wanted));
    for (const media of all("#page\\\\.main audio")) media.pause();
    openPanel();
    playAt(Math.max(0, at));
  };
`
