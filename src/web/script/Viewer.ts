/**
 * The part of the file server's script for the page that shows one file:
 * pictures with zoom, swipe, full screen and a slideshow, and text with line
 * numbers. Notices stand in for what the browser cannot show.
 */

/** Statements inside the function of the script. */
export const js = `
  const replace = (media) => {
    const frame = media.closest(".viewer, .grid a, .player");
    if (!frame) return;
    media.hidden = true;
    for (const other of all("[data-instead]", frame)) other.hidden = false;
  };
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement || event.target instanceof HTMLMediaElement) replace(event.target);
  }, true);
  onPage(() => {
    for (const media of all("video, audio")) if (media.error) replace(media);
    for (const image of all(".viewer img, .grid img"))
      if (image.complete && image.naturalWidth === 0 && image.src) image.decode().catch(() => replace(image));
  });

  // The next and the previous picture are loaded before they are asked for.
  const preloaded = new Set();
  onPage(() => {
    for (const link of all(".stage a[data-preload=yes]")) {
      const address = link.href.split("?")[0];
      if (preloaded.has(address)) continue;
      preloaded.add(address);
      new Image().src = address;
    }
  });

  const zoom = { scale: 1, x: 0, y: 0 };
  const pictureOf = () => one(".stage .viewer img:not([hidden])");
  const applyZoom = () => {
    const image = pictureOf();
    if (!image) return;
    image.classList.toggle("zoomed", zoom.scale > 1);
    image.style.transform = zoom.scale === 1 ? "" : "translate(" + zoom.x + "px," + zoom.y + "px) scale(" + zoom.scale + ")";
  };
  const zoomTo = (scale, clientX, clientY) => {
    const image = pictureOf();
    if (!image) return false;
    const box = image.getBoundingClientRect();
    const x = clientX ?? box.left + box.width / 2;
    const y = clientY ?? box.top + box.height / 2;
    const next = Math.min(16, Math.max(1, scale));
    zoom.x = next === 1 ? 0 : zoom.x + (x - box.left) * (1 - next / zoom.scale);
    zoom.y = next === 1 ? 0 : zoom.y + (y - box.top) * (1 - next / zoom.scale);
    zoom.scale = next;
    applyZoom();
    return true;
  };
  onPage(() => Object.assign(zoom, { scale: 1, x: 0, y: 0 }));
  const pointers = new Map();
  let gesture;
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  document.addEventListener("pointerdown", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest(".stage .viewer") || event.button !== 0) return;
    if (event.target.closest("video, a, button")) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) gesture = { kind: "pinch", distance: distance(), scale: zoom.scale };
    else gesture = { kind: zoom.scale > 1 ? "pan" : "swipe", x: event.clientX, y: event.clientY, fromX: zoom.x, fromY: zoom.y, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId) || !gesture) return;
    pointers.set(event.pointerId, event);
    if (gesture.kind === "pinch" && pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      zoomTo((gesture.scale * distance()) / gesture.distance, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
      return;
    }
    const [dx, dy] = [event.clientX - gesture.x, event.clientY - gesture.y];
    if (Math.abs(dx) + Math.abs(dy) > 6) gesture.moved = true;
    if (gesture.kind === "pan") {
      zoom.x = gesture.fromX + dx;
      zoom.y = gesture.fromY + dy;
      applyZoom();
    }
  });
  const endGesture = (event) => {
    if (!pointers.delete(event.pointerId) || !gesture) return;
    const ended = gesture;
    if (pointers.size > 0) return;
    gesture = undefined;
    if (event.type === "pointercancel" || ended.kind === "pinch") return;
    const [dx, dy] = [event.clientX - ended.x, event.clientY - ended.y];
    if (ended.kind === "swipe" && Math.abs(dx) > 60 && Math.abs(dx) > 2 * Math.abs(dy)) return void click(dx < 0 ? ".stage a[rel=next]" : ".stage a[rel=prev]");
    if (!ended.moved && pictureOf() && event.target === pictureOf()) zoomTo(zoom.scale > 1 ? 1 : 2.5, event.clientX, event.clientY);
  };
  addEventListener("pointerup", endGesture);
  addEventListener("pointercancel", endGesture);
  document.addEventListener("dragstart", (event) => {
    if (event.target === pictureOf()) event.preventDefault();
  });
  document.addEventListener("wheel", (event) => {
    const image = pictureOf();
    if (!image || event.target !== image || !(event.ctrlKey || zoom.scale > 1)) return;
    event.preventDefault();
    zoomTo(zoom.scale * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });

  actions.full = () => {
    const stage = one(".stage") || one(".viewer");
    if (!stage) return;
    if (document.fullscreenElement) document.exitFullscreen();
    else if (stage.requestFullscreen) stage.requestFullscreen().catch(() => {});
  };
  let slides = 0;
  const showSlides = () => {
    for (const button of all("[data-do=slides]")) button.setAttribute("aria-pressed", slides ? "true" : "false");
  };
  const stopSlides = () => {
    clearInterval(slides);
    slides = 0;
    showSlides();
  };
  actions.slides = () => {
    if (slides) return stopSlides();
    slides = setInterval(() => {
      if (!click(".stage a[rel=next]")) stopSlides();
    }, 4000);
    showSlides();
  };
  onPage(() => {
    if (slides && !one(".stage .viewer img")) stopSlides();
    showSlides();
    const current = one(".strip [aria-current]");
    if (current) current.parentElement.scrollLeft = current.offsetLeft - (current.parentElement.clientWidth - current.offsetWidth) / 2;
  });
  Object.assign(keys, {
    f: () => (one(".stage, .viewer") ? (actions.full(), true) : false),
    " ": () => (one(".stage .viewer img") ? (actions.slides(), true) : false),
    "+": () => zoomTo(zoom.scale * 1.5),
    "-": () => zoomTo(zoom.scale / 1.5),
    0: () => zoomTo(1),
  });

  actions.wrap = (button) => {
    const on = one(".lines").classList.toggle("wrapped");
    button.setAttribute("aria-pressed", String(on));
  };
  // The line of #L12, which may be on the page without being a target that the browser scrolls to.
  const markLine = () => {
    const line = /^#L\\d+$/.test(location.hash) && byId(location.hash.slice(1));
    for (const each of all(".lines a.at")) each.classList.remove("at");
    if (line) line.classList.add("at");
  };
  addEventListener("hashchange", markLine);
  onPage(markLine);

  // A copy button for each block of code in a document.
  onPage(() => {
    for (const block of all(".markdown pre")) {
      if (block.parentElement.className === "copied") continue;
      const button = make("button", { type: "button", textContent: "Copy" });
      button.addEventListener("click", () => copyText(block.textContent, "Copied."));
      const frame = make("div", { className: "copied" });
      block.replaceWith(frame);
      frame.append(block, button);
      // The button has a row of its own where it would lie over a line.
      const fit = () => frame.classList.toggle("long", block.scrollWidth > block.clientWidth);
      new ResizeObserver(fit).observe(block);
    }
  });
`
