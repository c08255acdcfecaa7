"use strict";
/* Every row as a point; a point opens its picture. */
(() => {
  const { h, select } = viewer;
  // As in reports, which the colour-blind tell apart, too, but for the greys: all other values are grey.
  const COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#92dadd"];
  const LEFT = 78, RIGHT = 12, TOP = 10, BOTTOM = 34, NEAR_PX = 14, TICKS = 6, LEAST_TICKS = 3;

  const ticks = (low, high, log) => {
    if (log) {
      const found = [];
      // Beyond these a power of ten is 0 or infinite.
      const [first, last] = [Math.max(-300, Math.floor(Math.log10(low))), Math.min(300, Math.ceil(Math.log10(high)))];
      for (let power = first; power <= last; power++) {
        for (const step of [1, 2, 5]) {
          const value = step * 10 ** power;
          if (value >= low && value <= high) found.push(value);
        }
      }
      const every = Math.ceil(found.length / (TICKS + 2));
      // Within a decade there are too few such numbers: even steps are read as well there.
      if (found.length >= LEAST_TICKS) return found.filter((_, place) => place % every === 0);
    }
    const rough = (high - low) / TICKS || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
    const first = Math.ceil(low / step);
    // By their number: added to one large enough, a step changes nothing.
    const count = Math.min(2 * TICKS, Math.floor(high / step + 1e-9) - first + 1);
    return Array.from({ length: count > 0 ? count : 0 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
  };

  const axis = (values, log, from, to) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    const of = log ? Math.log10 : (value) => value;
    const room = (of(high) - of(low)) * 0.03 || Math.abs(of(low)) * 0.1 || 1;
    const [a, b] = [of(low) - room, of(high) + room];
    const inverse = log ? (value) => 10 ** value : (value) => value;
    return { at: (value) => from + (to - from) * ((of(value) - a) / (b - a)), ticks: ticks(inverse(a), inverse(b), log) };
  };

  const axes = (context, width, height, x, y, xColumn, yColumn, ink) => {
    context.font = "12px system-ui, sans-serif";
    context.strokeStyle = ink.line;
    context.fillStyle = ink.line;
    for (const value of x.ticks) context.fillRect(x.at(value), TOP, 1, height - TOP - BOTTOM);
    for (const value of y.ticks) context.fillRect(LEFT, y.at(value), width - LEFT - RIGHT, 1);
    context.fillStyle = ink.soft;
    context.textAlign = "center";
    for (const value of x.ticks) {
      const text = viewer.text(value, xColumn), half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(width - half, x.at(value)), height - BOTTOM + 15);
    }
    context.textAlign = "right";
    for (const value of y.ticks) context.fillText(viewer.text(value, yColumn), LEFT - 6, y.at(value) + 4);
    context.strokeRect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM);
    context.fillStyle = ink.ink;
    context.textAlign = "center";
    context.fillText(xColumn.name, (LEFT + width - RIGHT) / 2, height - 3);
    context.save();
    context.rotate(-Math.PI / 2);
    context.fillText(yColumn.name, -(TOP + height - BOTTOM) / 2, 12);
    context.restore();
  };

  const scatter = (canvas, points, columns, colour, logs) => {
    const width = canvas.clientWidth, height = canvas.clientHeight, dense = window.devicePixelRatio || 1;
    canvas.width = width * dense;
    canvas.height = height * dense;
    const context = canvas.getContext("2d");
    context.scale(dense, dense);
    const style = getComputedStyle(canvas);
    const ink = { ink: style.getPropertyValue("--ink"), soft: style.getPropertyValue("--soft"), line: style.getPropertyValue("--line") };
    if (!points.rows.length) return { of: () => null };
    const x = axis(points.x, logs.x, LEFT, width - RIGHT), y = axis(points.y, logs.y, height - BOTTOM, TOP);
    axes(context, width, height, x, y, ...columns, ink);
    context.globalAlpha = points.rows.length > 5000 ? 0.35 : 0.9;
    const size = points.rows.length > 5000 ? 3 : 6;
    const buckets = new Map();
    for (let i = 0; i < points.rows.length; i++) {
      const [a, b] = [x.at(points.x[i]), y.at(points.y[i])];
      context.fillStyle = colour(points.rows[i]);
      context.fillRect(a - size / 2, b - size / 2, size, size);
      const key = `${Math.floor(a / NEAR_PX)} ${Math.floor(b / NEAR_PX)}`;
      if (!buckets.has(key)) buckets.set(key, []);
      buckets.get(key).push([a, b, points.rows[i]]);
    }
    const of = (a, b) => {
      let [best, near] = [null, NEAR_PX];
      const [column, line] = [Math.floor(a / NEAR_PX), Math.floor(b / NEAR_PX)];
      for (let dx = -1; dx <= 1; dx++) for (let dy = -1; dy <= 1; dy++) {
        for (const [px, py, row] of buckets.get(`${column + dx} ${line + dy}`) ?? []) {
          const far = Math.hypot(px - a, py - b);
          if (far < near) [best, near] = [row, far];
        }
      }
      return best;
    };
    return { of, place: (i) => [x.at(points.x[i]), y.at(points.y[i])] };
  };

  const usable = (rows, [x, y], logs) => {
    const fits = (value, log) => Number.isFinite(value) && (!log || value > 0);
    const kept = rows.filter((row) => fits(x.numbers[row], logs.x) && fits(y.numbers[row], logs.y));
    return { rows: kept, x: Float64Array.from(kept, (row) => x.numbers[row]), y: Float64Array.from(kept, (row) => y.numbers[row]) };
  };

  const colouring = (column, rows) => {
    const values = column ? viewer.values(column, rows).map(([value]) => value).slice(0, COLOURS.length) : [];
    const of = new Map(values.map((value, place) => [value, COLOURS[place]]));
    const legend = values.map((value) => h("span", { class: "key" }, h("i", { style: { background: of.get(value) } }), viewer.text(value, column)));
    const others = column && viewer.values(column, rows).length > COLOURS.length, none = column && rows.some(column.empty);
    const rest = [others && "others", none && "no value"].filter(Boolean).join(", ");
    if (rest) legend.push(h("span", { class: "key" }, h("i", { style: { background: "#888" } }), rest));
    return [(row) => (column ? of.get(column.of(row)) ?? "#888" : COLOURS[0]), legend];
  };

  /* Return the tip of the point that is pointed at, or gone to by keys, and what else shows and says which that is. */
  const pointing = (canvas, hit, points, columns) => {
    const tip = h("div", { class: "tip", hidden: true });
    const tell = async (row, x, y) => {
      tip.hidden = row === null;
      if (row === null || tip.dataset.row === String(row)) return;
      tip.dataset.row = row;
      const [photo, style, picture] = await viewer.columns(["photo", "style", "picture"]);
      tip.replaceChildren(picture.empty(row) ? "" : viewer.image(viewer.thumb("result", row), ""), h("span", {}, `${photo.text(row)}, ${style.text(row)}`),
        ...columns.map((column) => h("span", {}, `${column.name} ${column.text(row)}`)));
      tip.style.left = `${Math.min(x + 12, canvas.clientWidth - 170)}px`;
      tip.style.top = `${Math.max(0, Math.min(y + 12, canvas.clientHeight - 190))}px`;
    };
    const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      const row = hit.of(x, y);
      canvas.style.cursor = row === null ? "" : "pointer";
      tell(row, x, y);
    });
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const row = hit.of(...at(event));
      if (row !== null) location.hash = viewer.pictureAddress(row);
    });
    return [tip, ...byKeys(canvas, hit, points, tell, tip)];
  };

  /* Let arrow keys go over the points from left to right, and Enter open one; returns what marks it and says it. */
  const byKeys = (canvas, hit, points, tell, tip) => {
    const ring = h("i", { class: "ring", hidden: true });
    const said = h("p", { class: "unseen", "aria-live": "polite" });
    let [order, place] = [null, -1];
    canvas.addEventListener("keydown", async (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Enter" && !ring.hidden) location.hash = viewer.pictureAddress(points.rows[order[place]]);
      if (step === undefined || !points.rows.length) return;
      event.preventDefault();
      order ??= Uint32Array.from(points.rows.keys()).sort((a, b) => points.x[a] - points.x[b] || points.y[a] - points.y[b]);
      place = Math.max(0, Math.min(order.length - 1, place + step));
      const [x, y] = hit.place(order[place]);
      Object.assign(ring.style, { left: `${x}px`, top: `${y}px` });
      ring.hidden = false;
      await tell(points.rows[order[place]], x, y);
      said.textContent = `${place + 1} of ${order.length}: ${[...tip.querySelectorAll("span")].map((one) => one.textContent).join(", ")}`;
    });
    canvas.addEventListener("blur", () => { ring.hidden = tip.hidden = true; });
    return [ring, said];
  };

  viewer.views.plot = {
    title: "Plot",
    draw: async (rows) => {
      const numbers = viewer.index.columns.filter((one) => one.kind === "number").map((one) => one.name);
      const fit = (name, ...others) => [name, ...others].find((one) => numbers.includes(one));
      const names = [fit(viewer.state.x, "gram_distance", "stylize_s", numbers[0]), fit(viewer.state.y, "ssim", "total_s", numbers.at(-1))];
      if (!names.every(Boolean)) return { nodes: [h("p", { class: "none" }, "No column of these rows has numbers.")] };
      const columns = await viewer.columns(names);
      const by = viewer.state.colour && viewer.about(viewer.state.colour) ? viewer.state.colour : "method";
      const logs = { x: viewer.state.xlog === "1", y: viewer.state.ylog === "1" };
      const points = usable([...rows], columns, logs);
      const [colour, legend] = colouring(await viewer.column(by), points.rows);
      const canvas = h("canvas", { tabindex: "0", role: "application", "aria-roledescription": "plot",
        "aria-label": `${names[1]} over ${names[0]}, ${viewer.counted(points.rows.length, "point")}: arrow keys go over them, Enter opens a picture` });
      const log = (name) => h("label", {}, h("input", { type: "checkbox", checked: logs[name], "aria-label": `logarithmic ${name}`,
        onchange: (event) => viewer.go({ [`${name}log`]: event.target.checked ? "1" : "" }) }), "log");
      const controls = h("div", { class: "bar" },
        h("label", {}, "across: ", select("across", numbers, names[0], (value) => viewer.go({ x: value }))), log("x"),
        h("label", {}, "up: ", select("up", numbers, names[1], (value) => viewer.go({ y: value }))), log("y"),
        h("label", {}, "colour: ", select("colour", viewer.index.columns.map((one) => one.name), by, (value) => viewer.go({ colour: value }))));
      const left = rows.length - points.rows.length;
      const note = h("p", { class: "soft" }, `${names[1]} (up) over ${names[0]} (across), ${viewer.counted(points.rows.length, "row")}. `
        + (left ? `${left === 1 ? "1 row is" : `${left} rows are`} not shown, lacking one of the two${logs.x || logs.y ? " or with one that is not above 0" : ""}. ` : "") + "A point opens its picture; arrow keys go over them.");
      const hit = {};
      const shown = pointing(canvas, hit, points, columns);
      const draw = () => { Object.assign(hit, scatter(canvas, points, columns, colour, logs)); };
      const dark = window.matchMedia("(prefers-color-scheme: dark)");
      dark.addEventListener("change", draw);
      return {
        nodes: [controls, h("div", { class: "plot" }, canvas, ...shown), h("div", { class: "legend" }, ...legend), note],
        ready: draw, resized: draw, leave: () => dark.removeEventListener("change", draw),
      };
    },
  };
})();
