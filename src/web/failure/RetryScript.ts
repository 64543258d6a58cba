/**
 * The script of the pages of failures. It asks at growing intervals, while the
 * page is visible, whether the site is back, and then loads it again. It also
 * copies what identifies the failure, and applies the theme that was chosen.
 */

/** JavaScript for browsers. It creates no markup, and contains no `<`. */
export const js = `try {
  const theme = localStorage.getItem("ptth.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
(() => {
  const id = (name) => document.getElementById(name);
  const copy = id("copy");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(id("facts").textContent);
      copy.textContent = "Copied";
    });
  }
  const wait = id("wait");
  if (!wait) return;
  let pause = Number(wait.dataset.seconds);
  let left = pause;
  let busy = false;
  const show = () => {
    wait.textContent = busy ? "Trying again …" : "Trying again in " + left + " s.";
  };
  const failures = [502, 503, 504];
  const ask = async () => {
    busy = true;
    show();
    try {
      const { headers, status } = await fetch(location.href, {
        method: "HEAD",
        cache: "no-store",
        redirect: "manual",
        headers: { accept: "text/html" },
      });
      if (!failures.includes(status) || !headers.has("x-ptth-code")) return location.reload();
    } catch {}
    busy = false;
    pause = Math.min(Math.ceil(pause * 1.5), 60);
    left = pause;
    show();
  };
  const tick = () => {
    if (busy || document.hidden) return;
    left -= 1;
    if (left > 0) show();
    else ask();
  };
  document.addEventListener("visibilitychange", () => {
    left = Math.min(left, 1);
  });
  id("again").addEventListener("click", (event) => {
    event.preventDefault();
    if (!busy) ask();
  });
  show();
  setInterval(tick, 1000);
})();
`
