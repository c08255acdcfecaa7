"use strict";
/* One pair of photo and artwork: before and after, all that was made of it side by side, and what its row says. */
(() => {
  const { h, button, select } = viewer;
  /* How many results stand beside each other until all are asked for. */
  viewer.mostPanes = 12;

  /* A link holds the row's key, as numbers change while a run goes on; `at` is where it was. */
  const keyOf = (row) => `${row.run}.${(row.task_id ?? "").slice(0, 16)}`;

  const find = async () => {
    const { at, row: key } = viewer.state;
    const number = Number(at);
    const there = Number.isInteger(number) && number >= 0 && number < viewer.index.rows;
    if (there && (!key || keyOf(await viewer.row(number)) === key)) return number;
    if (!key) return null;
    const [run, task] = await viewer.columns(["run", "task_id"]);
    for (let row = 0; row < viewer.index.rows; row++) {
      if (key === `${run.of(row)}.${(task.of(row) ?? "").slice(0, 16)}`) return row;
    }
    return null;
  };

  /* All rows of the same photo and artwork, in every run. */
  const siblings = async (number) => {
    const [photo, style] = await viewer.columns(["photo", "style"]);
    const found = [];
    for (let row = 0; row < viewer.index.rows; row++) {
      if (photo.codes[row] === photo.codes[number] && style.codes[row] === style.codes[number]) found.push(row);
    }
    return found;
  };

  const labels = async (rows) => {
    const names = [];
    for (const name of ["method", "run", "precision", "resolution_px", "repeat", "workers"].filter(viewer.about)) {
      const column = await viewer.column(name);
      // To have none, as of a photo's own size, is another value.
      if (name === "method" || viewer.values(column, rows).length + rows.some(column.empty) > 1) names.push(name);
    }
    const columns = await viewer.columns(names);
    return new Map(rows.map((row) => [row, columns.map((one) => one.text(row)).filter(Boolean).join(", ")]));
  };

  const sources = async (number, made, told) => {
    const [photo, artwork, kinds] = [await viewer.firstOf("photo"), await viewer.firstOf("artwork"), await viewer.column("picture")];
    const inputs = [["photo", "photo", viewer.picture("photo", photo[number])],
      ["artwork", "artwork", viewer.picture("artwork", artwork[number])]];
    const list = inputs.filter(([kind]) => viewer.index.inputs[kind]);
    for (const row of made) list.push([String(row), told.get(row), viewer.picture("result", row, kinds.of(row))]);
    return list;
  };

  const slider = (list, number, shape) => {
    const has = (key) => list.some(([one]) => one === key);
    const { before, after } = viewer.state;
    const [other] = list.find(([key]) => key !== String(number)) ?? list[0];
    const chosen = { before: has(before) ? before : other, after: has(after) ? after : String(number) };
    const file = (key) => list.find(([one]) => one === key)[2];
    const images = Object.fromEntries(["after", "before"].map((side) => [side, viewer.image(file(chosen[side]), side, { class: side, draggable: "false" })]));
    const split = h("i", { class: "split" });
    const box = viewer.shaped(h("div", { class: "pane compare" }, images.after, images.before, split), shape);
    const set = (share) => {
      images.before.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
      split.style.left = `${share}%`;
    };
    const range = h("input", { type: "range", min: "0", max: "100", step: "0.5", value: "50",
      "aria-label": "before and after", oninput: () => set(Number(range.value)) });
    const follow = (event) => {
      const { left, width } = box.getBoundingClientRect();
      range.value = String(100 * (event.clientX - left) / width);
      set(Number(range.value));
    };
    box.addEventListener("pointerdown", (event) => { box.setPointerCapture(event.pointerId); follow(event); });
    box.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    set(50);
    const choose = (side, name) => h("label", {}, `${name}: `,
      select(name, list, chosen[side], (value) => viewer.go({ [side]: value }, true)));
    return h("section", { class: "slider" }, h("div", { class: "whole" }, box), range, h("div", { class: "bar" }, choose("before", "left"), choose("after", "right"), absent()));
  };

  const absent = () => (viewer.index.inputs.photo ? "" : h("span", { class: "soft" }, "Photos lie outside of OUT, and are shown with --trust-paths."));

  /* Photo and artwork of a pair of which nothing was made. */
  const unmade = (list) => h("section", {}, h("div", { class: "inputs large" }, ...list.map(([, told, file]) =>
    h("figure", {}, viewer.image(file, told), h("figcaption", {}, told)))), absent());

  const compared = async (list, made, told, number) => {
    const zoom = viewer.linkedZoom();
    const most = viewer.state.panes === "all" ? made.length : viewer.mostPanes;
    // The one that is looked at is among them.
    const shown = made.filter((row, place) => place < most || row === number);
    const rows = await Promise.all(shown.map(viewer.row));
    const figures = rows.map((row, place) => {
      const key = shown[place];
      const file = list.find(([one]) => one === String(key))[2];
      const facts = ["ssim", "gram_distance", "stylize_s"].filter((name) => row[name] !== undefined)
        .map((name) => `${name.replace(/_s$/, "").replaceAll("_", " ")} ${viewer.text(row[name], viewer.about(name))}`);
      const caption = h("figcaption", {}, h("a", { href: viewer.address({ at: key, row: "", after: "", before: "" }),
        "aria-current": key === number ? "true" : null }, told.get(key)), h("span", { class: "soft" }, ` ${facts.join(", ")}`));
      return h("figure", {}, zoom.pane(told.get(key), viewer.shapeOf(row), viewer.image(file, told.get(key), { draggable: "false" })), caption);
    });
    const more = made.length > shown.length ? h("a", { href: viewer.address({ panes: "all" }) }, `all ${made.length} instead of ${shown.length}`) : null;
    return h("section", {}, h("div", { class: "bar" }, h("h2", {}, "Side by side"), zoom.controls, more,
      h("span", { class: "soft" }, `wheel or pinch zooms all at once, dragging moves them`)), h("div", { class: "panes" }, ...figures));
  };

  const facts = (row) => {
    const entries = viewer.index.columns.filter(({ name }) => row[name] !== undefined).map((column) => [
      h("dt", { title: column.meaning }, column.name), h("dd", {}, viewer.text(row[column.name], column))]);
    return h("section", {}, h("h2", {}, "The row"), h("dl", {}, ...entries.flat()));
  };

  const steps = (rows, number) => {
    const place = rows.indexOf(number);
    const to = (step) => (place < 0 ? undefined : rows[place + step]);
    const go = (row) => { if (row !== undefined) viewer.go({ at: row, row: "", before: "", after: "" }); };
    const leave = viewer.onKey((event) => {
      if (event.key === "ArrowLeft") go(to(-1));
      if (event.key === "ArrowRight") go(to(1));
      if (event.key === "Escape") viewer.go({ view: viewer.state.from || "table", from: "", at: "", row: "", before: "", after: "", panes: "" });
    });
    return [button("\u2190 Previous", () => go(to(-1)), { disabled: to(-1) === undefined }),
      button("Next \u2192", () => go(to(1)), { disabled: to(1) === undefined }), leave];
  };

  viewer.views.picture = {
    draw: async (rows) => {
      const number = await find();
      if (number === null) return { nodes: [h("p", { class: "none" }, "No such row: it was made anew, or is of another run.")] };
      const row = await viewer.row(number);
      const key = keyOf(row);
      if (viewer.state.row !== key || Number(viewer.state.at) !== number) {
        history.replaceState(null, "", viewer.address({ row: key, at: number }));
        viewer.readState();
      }
      const all = await siblings(number);
      const kinds = await viewer.column("picture");
      const made = all.filter((one) => !kinds.empty(one));
      const told = await labels(all);
      const list = await sources(number, made, told);
      const [previous, next, leave] = steps(rows, number);
      const title = h("h1", {}, row.photo ?? "a photo", h("small", {}, " in the style of "), row.style ?? "an artwork",
        h("small", {}, ` ${told.get(number)}`));
      const failed = row.status === "ok" ? null : h("p", { class: "failed" }, h("b", {}, row.status), ` ${row.error ?? ""}`);
      const nodes = [h("div", { class: "bar" }, previous, next), title];
      if (failed) nodes.push(failed);
      if (made.length) nodes.push(slider(list, made.includes(number) ? number : made[0], viewer.shapeOf(row)), await compared(list, made, told, number));
      else nodes.push(unmade(list));
      nodes.push(facts(row));
      return { nodes, leave };
    },
  };
})();
