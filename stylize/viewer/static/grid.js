"use strict";
/* Photos by artworks: a cell holds what was made of the two, side by side by method, run or another column. */
(() => {
  const { counted, h, select } = viewer;
  const MOST_SLOTS = 8, GAP_PX = 4, PAIR_PX = 12, PAUSE_MS = 90;
  /* Sides of a picture: as large as lets all artworks stand beside each other, within these. */
  const SIDE_PX = { least: 128, most: 240 }, NARROW_PX = { least: 88, most: 240 };
  const LEAST_HIGH_PX = 112;  // what a photo beside a strip needs
  const BESIDE_PX = 48;  // the page's padding and a scroll bar
  const SPLITS = ["method", "run", "resolution_px", "precision", "alpha", "variant", "repeat", "weights_sha256"];

  const splitters = () => SPLITS.filter((name) => viewer.about(name)?.varies);

  /* Return the columns that cells are split by: the one asked for, else the method, and the run where one has several. */
  const asked = async (known, rows) => {
    const { by } = viewer.state;
    if (by === "nothing") return [];
    if (by && known.includes(by)) return [by];
    const [method, run] = await viewer.columns(["method", "run"]);
    const runs = new Map();
    const several = rows.some((row) => {
      const code = method.codes[row];
      if (!runs.has(code)) runs.set(code, run.codes[row]);
      return runs.get(code) !== run.codes[row];
    });
    return known.filter((name) => name === "method" || (name === "run" && several));
  };

  /* Return a function from a row to the number of its slot, and the slots' labels by number. */
  const slotting = (columns, rows) => {
    const labels = [];
    const numbers = new Map();
    const byCodes = new Map();
    const of = (row) => {
      let key = 0;
      for (const { codes, numbers: values } of columns) key = codes ? key * 100003 + codes[row] : `${key} ${values[row]}`;
      if (!byCodes.has(key)) {
        const label = columns.map((column) => column.text(row) || "none").join(", ");
        if (!numbers.has(label)) numbers.set(label, labels.push(label) - 1);
        byCodes.set(key, numbers.get(label));
      }
      return byCodes.get(key);
    };
    rows.forEach(of);
    return [of, labels];
  };

  const grouped = async (rows, by) => {
    const [photo, style, status, picture] = await viewer.columns(["photo", "style", "status", "picture"]);
    // There are none where nothing was made.
    const [width, height] = await viewer.columns(["width_px", "height_px"].filter(viewer.about));
    const [slotOf, labels] = slotting(await viewer.columns(by), rows);
    const order = labels.map((_, slot) => slot).sort((a, b) => viewer.collator.compare(labels[a], labels[b]));
    const place = new Map(order.map((slot, at) => [slot, at]));
    const cells = new Map();
    const [photos, styles, taken] = [new Map(), new Map(), new Map()];
    const ok = status.names.indexOf("ok");
    let [behind, tall] = [0, 0];
    for (const row of rows) {
      tall = Math.max(tall, height?.numbers[row] / width?.numbers[row] || 0);
      const [a, b] = [photo.codes[row], style.codes[row]];
      const key = a * 0x100000000 + b;
      if (!photos.has(a)) photos.set(a, row);
      if (!styles.has(b)) {
        styles.set(b, row);
        taken.set(b, new Set());
      }
      if (!cells.has(key)) cells.set(key, []);
      const cell = cells.get(key);
      const slot = place.get(slotOf(row));
      taken.get(b).add(slot);
      behind += cell[slot] !== undefined;
      // A picture comes before the reason why there is none.
      if (cell[slot] === undefined || (status.codes[cell[slot]] !== ok && status.codes[row] === ok)) cell[slot] = row;
    }
    const inOrder = (map, column) => {
      const entries = [...map];
      const keys = viewer.state.sort ? null : column.keys();
      return keys ? entries.sort(([, a], [, b]) => keys[a] - keys[b]) : entries;
    };
    // No cell is higher than the tallest picture is, beside its width: most photos are wider than high.
    return { behind, tall: Math.min(1, tall || 1), photos: inOrder(photos, photo), styles: inOrder(styles, style),
      slots: order.map((slot) => labels[slot]),
      // Only those slots of an artwork that any photo has a row in.
      slotsOf: (b) => [...taken.get(b)].sort((x, y) => x - y).slice(0, MOST_SLOTS),
      most: [...taken.values()].reduce((most, slots) => Math.max(most, slots.size), 0),
      cell: (a, b) => cells.get(a * 0x100000000 + b), photo, style, status, picture };
  };

  const named = (kind, firsts, column, row, className) => {
    const name = column.text(row) || "unnamed";
    return h("div", { class: className, title: name }, viewer.inputThumb(kind, firsts[row]),
      h("span", {}, name));
  };

  const slot = (data, label, row, { side, high }) => {
    const size = { width: `${side}px`, height: `${high}px` };
    if (row === undefined) return h("span", { class: "slot", style: size });
    const ok = data.status.of(row) === "ok";
    const told = `${data.photo.text(row)} in the style of ${data.style.text(row)}${label ? `, ${label}` : ""}`;
    const link = h("a", { class: "slot", href: viewer.pictureAddress(row),
      title: ok ? told : `${told}: ${data.status.of(row)}` });
    if (!data.picture.empty(row)) link.append(viewer.image(viewer.thumb("result", row), told, { style: size }));
    else link.append(h("span", { class: "fail", style: size }, ok ? "no picture" : data.status.of(row)));
    if (data.slots.length > 1) link.append(h("span", { class: "label", style: { width: size.width } }, label));
    return link;
  };

  const layout = (data) => {
    const narrow = window.innerWidth <= 600;
    const { least, most } = narrow ? NARROW_PX : SIDE_PX;
    const slots = data.styles.map(([code]) => data.slotsOf(code));
    const lefts = [narrow ? 92 : 150];
    const room = window.innerWidth - BESIDE_PX - lefts[0] - slots.length * PAIR_PX;
    const fits = Math.floor(room / slots.reduce((sum, own) => sum + own.length, 0)) - GAP_PX;
    const side = Math.max(least, Math.min(most, fits));
    const widths = slots.map((own) => own.length * (side + GAP_PX) + PAIR_PX);
    for (const width of widths) lefts.push(lefts.at(-1) + width);
    const scale = viewer.textScale();
    const high = Math.max(Math.round(side * data.tall), Math.min(side, LEAST_HIGH_PX));
    const height = high + 12 + (data.slots.length > 1 ? 32 * scale : 0) + (narrow ? 20 * scale : 0);
    return { side, high, label: lefts[0], slots, widths, lefts, height, head: 68 + 42 * scale };
  };

  const cellOf = (data, at, [photoCode], x) => {
    const cell = data.cell(photoCode, data.styles[x][0]);
    const slots = cell ? at.slots[x].map((place) => slot(data, data.slots[place], cell[place], at)) : [];
    return h("div", { class: "pair", style: { left: `${at.lefts[x]}px`, width: `${at.widths[x]}px` } }, ...slots);
  };

  /* Return a function that has its place hold what is in sight, from one number to another, after a first node. */
  const holder = (place, first, make) => {
    let kept = new Map();
    return (from, to) => {
      const next = new Map();
      for (let n = from; n < to; n++) next.set(n, kept.get(n) ?? make(n));
      kept = next;
      viewer.hold(place, [...first, ...[...kept.values()].map((one) => one.node ?? one)]);
      return kept.values();
    };
  };

  const scrolled = (box, data, at, firsts) => {
    const size = { width: `${at.lefts.at(-1)}px` };
    // The artwork whose column is at so many pixels from the labels' right edge.
    const column = (px) => {
      let [low, high] = [0, data.styles.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (at.lefts[middle + 1] - at.label <= px) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    const top = h("div", { class: "top", style: { ...size, height: `${at.head}px` } });
    const whole = data.photos.length * at.height;
    const body = h("div", { class: "body", style: { ...size, height: `${viewer.height(whole)}px` } });
    const heads = holder(top, [h("div", { class: "corner", style: { width: `${at.label}px` } })], (x) => {
      const head = named("artwork", firsts[1], data.style, data.styles[x][1], "artwork");
      Object.assign(head.style, { left: `${at.lefts[x]}px`, width: `${at.widths[x]}px` });
      return head;
    });
    const strips = holder(body, [], (y) => {
      const label = named("photo", firsts[0], data.photo, data.photos[y][1], "photo");
      label.style.width = `${at.label}px`;
      const node = h("div", { class: "strip", style: { ...size, height: `${at.height}px` } });
      return { node, y, cells: holder(node, [label], (x) => cellOf(data, at, data.photos[y], x)) };
    });
    let [seen, timer] = ["", 0];
    const draw = () => {
      const above = viewer.above(box, whole);
      const moved = Math.round(box.scrollTop - above);
      const from = [column(box.scrollLeft), Math.floor(above / at.height)].map((n) => Math.max(0, n - 1));
      const to = [Math.min(data.styles.length, column(box.scrollLeft + box.clientWidth) + 2),
        Math.min(data.photos.length, Math.ceil((above + box.clientHeight) / at.height) + 1)];
      const key = `${from} ${to} ${moved}`;
      if (key === seen) return;
      seen = key;
      heads(from[0], to[0]);
      for (const strip of strips(from[1], to[1])) {
        strip.node.style.top = `${strip.y * at.height + moved}px`;
        strip.cells(from[0], to[0]);
      }
    };
    const soon = () => { clearTimeout(timer); timer = setTimeout(draw, PAUSE_MS); };
    // In flight what is in sight stays; a slow scroll is followed at once.
    let last = 0;
    box.addEventListener("scroll", () => {
      const now = box.scrollTop + box.scrollLeft;
      if (Math.abs(now - last) < 4 * at.height) draw();
      last = now;
      soon();
    }, { passive: true });
    box.append(top, body);
    return draw;
  };

  viewer.views.grid = {
    title: "Grid",
    draw: async (rows) => {
      const known = splitters();
      const by = await asked(known, rows);
      const data = await grouped(rows, by);
      const firsts = [await viewer.firstOf("photo"), await viewer.firstOf("artwork")];
      const choice = viewer.state.by && [...known, "nothing"].includes(viewer.state.by) ? viewer.state.by : "";
      const controls = h("div", { class: "bar" }, h("label", {}, "side by side: ",
        select("side by side", [["", "methods and runs"], ...known, ["nothing", "nothing"]], choice, (value) => viewer.go({ by: value }))),
      h("span", { class: "soft" }, `${counted(data.photos.length, "photo")} by ${counted(data.styles.length, "artwork")}`
        + (data.behind ? `; ${counted(data.behind, "more row")} behind these pictures: choose what stands side by side, or filter` : "")
        + (data.most > MOST_SLOTS ? `; the first ${MOST_SLOTS} of ${data.most} are shown, filter to see others` : "")));
      if (!rows.length) return { nodes: [controls, h("p", { class: "none" }, "No row passes the filters.")] };
      const box = h("div", { class: "scroller grid", tabindex: "0", role: "group", "aria-label": "photos by artworks" });
      const at = layout(data);
      const draw = scrolled(box, data, at, firsts);
      const again = viewer.returning(box);
      return { nodes: [controls, box], ready: () => { draw(); again(); draw(); },
        resized: () => (layout(data).side === at.side ? draw() : viewer.redraw()) };
    },
  };
})();
