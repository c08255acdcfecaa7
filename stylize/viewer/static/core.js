"use strict";
/* What all other scripts use: making elements, loading data, and values as text. Nothing is ever set as markup. */
const viewer = { views: {}, index: null };

(() => {
  const waiting = new Map();

  /* Data files call this: as scripts they load from a disk, too, where a page may fetch nothing. */
  viewer.receive = (path, data) => {
    waiting.get(path)?.(data);
    waiting.delete(path);
  };

  const CHANGED = "the rows have changed: reload the page";

  /* Whether the viewer has taken up other rows since, as for another tab: it has no file of this page's any more. */
  const outdated = async (file) => {
    if (!viewer.index?.live || !file.startsWith(viewer.index.base)) return false;
    return (await fetch(file, { method: "HEAD" }).catch(() => null))?.status === 410;
  };

  const load = (path, file) => new Promise((done, failed) => {
    waiting.set(path, done);
    const script = document.createElement("script");
    script.src = file;
    script.onload = () => script.remove();
    script.onerror = async () => {
      waiting.delete(path);
      script.remove();
      failed(new Error(await outdated(file) ? CHANGED : `${path} could not be read: if it goes on, start the viewer again if it has ended, and open the address that it printed last`));
    };
    document.head.append(script);
  });

  /* Return `1 photo`, `2 photos`. */
  viewer.counted = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;

  const kept = new Map();
  const once = (path, file) => {
    if (!kept.has(path)) {
      kept.set(path, load(path, file));
      kept.get(path).catch(() => kept.delete(path));
    }
    return kept.get(path);
  };

  viewer.loadIndex = async () => { viewer.index = await once("index", "index.js"); };
  viewer.data = (path) => once(path, `${viewer.index.base}${path}.js`);

  /* Return a row's columns as they are in its file. */
  viewer.row = async (number) => {
    const chunk = Math.floor(number / viewer.index.chunk);
    return (await viewer.data(`rows/${chunk}`))[number - chunk * viewer.index.chunk];
  };

  viewer.thumb = (kind, row) => `${viewer.index.base}thumb-${kind}/${row}.jpg`;
  viewer.recorded = (row, suffix) => `${viewer.index.base}recorded-result/${row}.${suffix}`;
  viewer.picture = (kind, row, suffix = "jpg") => `${viewer.index.base}picture-${kind}/${row}.${suffix}`;

  /* h("a", { href, class: "x", onclick, dataset }, "text", element ...) makes an element. */
  viewer.h = (tag, options = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (name === "dataset") Object.assign(made.dataset, value);
      else if (name === "style") Object.assign(made.style, value);
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };

  /* Browsers hold no box of any height: over what would be higher than this, the scroll bar goes in larger steps. */
  viewer.mostPx = 12e6;
  viewer.height = (whole) => Math.min(whole, viewer.mostPx);

  /* Return how many pixels of `whole` lie above what is in sight of a box that has viewer.height(whole) for them. */
  viewer.above = (box, whole) => {
    const beside = box.scrollHeight - viewer.height(whole) - box.clientHeight;  // headings, less what is in sight at once
    return box.scrollTop * Math.max(1, whole + beside) / Math.max(1, viewer.height(whole) + beside);
  };

  /* Return what puts a box where it was scrolled when the same address was last looked at, and keeps that from then on. */
  const scrolledTo = new Map();
  viewer.returning = (box) => {
    // Not as it stands in the address line, where what goes without saying may be left out.
    const { view } = viewer.state, address = viewer.address({});
    const last = scrolledTo.get(view);
    return () => {
      if (last?.address === address) [box.scrollTop, box.scrollLeft] = last.at;
      const keep = () => scrolledTo.set(view, { address, at: [box.scrollTop, box.scrollLeft] });
      box.addEventListener("scroll", keep, { passive: true });
      keep();
    };
  };

  /* Make place hold these nodes and no others. What stays is never taken out: it would lose the focus, or a click half done. */
  viewer.hold = (place, nodes) => {
    const wanted = new Set(nodes);
    for (const one of [...place.childNodes]) if (!wanted.has(one)) one.remove();
    nodes.forEach((one, at) => { if (place.childNodes[at] !== one) place.insertBefore(one, place.childNodes[at] ?? null); });
  };

  /* Return what to call once a part of the page was drawn anew: whoever was at a control goes on at its like. */
  viewer.staying = () => {
    const was = document.activeElement;
    const named = (one) => one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent;
    const name = was === document.body ? null : named(was);
    return () => {
      if (name === null || was.isConnected || document.activeElement !== document.body) return;
      [...document.querySelectorAll(was.tagName)].find((one) => named(one) === name)?.focus({ preventScroll: true });
    };
  };

  /* Call pressed(event) for each key that is for no field and no other program; returns what ends that. */
  viewer.onKey = (pressed) => {
    const listen = (event) => {
      if (!event.target.matches("input, select") && !event.altKey && !event.ctrlKey && !event.metaKey) pressed(event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  };

  viewer.button = (text, onclick, options = {}) => viewer.h("button", { type: "button", onclick, ...options }, text);

  /* options: [value, text] each, or a text that is both. */
  viewer.select = (label, options, value, changed) => {
    const list = viewer.h("select", { "aria-label": label, onchange: () => changed(list.value) });
    for (const one of options) {
      const [key, text] = Array.isArray(one) ? one : [one, one];
      list.append(viewer.h("option", { value: key, selected: key === value }, text));
    }
    return list;
  };

  /* An img with a text behind it where its file is not there or cannot be read; the stylesheet says where that is seen. */
  viewer.image = (src, alt, options = {}) => {
    const img = viewer.h("img", { alt, decoding: "async", ...options });
    const gone = viewer.h("span", { class: `gone ${options.class ?? ""}`, style: options.style ?? {} }, "cannot be shown");
    img.onerror = async () => {
      img.classList.add("missing");
      img.after(gone);
      if (await outdated(img.getAttribute("src"))) viewer.say(CHANGED, true);
    };
    img.onload = () => { img.classList.remove("missing"); gone.remove(); };
    if (src) img.src = src;
    return img;
  };

  const DIGITS = { bytes: 3, s: 3 };
  /* A number with as many digits as are shown of it. */
  viewer.rounded = (value, { unit }) => (Number.isInteger(value) && Math.abs(value) < 1e9 && !(unit in DIGITS)
    ? value : Number(value.toPrecision(DIGITS[unit] ?? 4)));

  const scaled = (value, units) => {
    const [size, unit] = units.find(([least]) => Math.abs(value) >= least) ?? units[units.length - 1];
    return `${Number((value / size).toPrecision(3))} ${unit}`;
  };

  /* A value as people read it; column: name, kind, unit. */
  viewer.text = (value, column) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    if (column.kind === "time") {
      const when = new Date(value);
      return Number.isNaN(when.getTime()) ? "" : `${when.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    }
    if (column.kind !== "number" || !Number.isFinite(value)) return String(value);
    if (column.unit === "bytes") return scaled(value, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]);
    if (column.unit === "s") return scaled(value, [[1, "s"], [1e-3, "ms"], [1e-6, "\u00b5s"]]);
    const short = viewer.rounded(value, column);
    const plain = Math.abs(value) >= 1e9 ? short.toExponential().replace("e+", "e") : String(short);
    return column.unit ? `${plain} ${column.unit}` : plain;
  };

  /* A photo's or artwork's thumbnail; nothing where none may be shown. */
  viewer.inputThumb = (kind, row) => (viewer.index.inputs[kind] ? viewer.image(viewer.thumb(kind, row), "") : "");

  /* How much larger text is than at a browser's usual size: what is laid out by number has to grow with it. */
  viewer.textScale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

  let told = 0;
  viewer.say = (text, lasting = false) => {
    const place = document.getElementById("message");
    place.textContent = text;
    place.hidden = !text;
    clearTimeout(told);
    if (text && !lasting) told = setTimeout(() => { place.hidden = true; }, 6000);
  };
  viewer.failed = (error) => viewer.say(error?.message || String(error), true);
})();
