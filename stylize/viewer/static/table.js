"use strict";
/* Every row as a line: only those in sight are in the page, whatever their number. */
(() => {
  const { h, button } = viewer;
  const ROW_PX = 56, SPARE = 6, PAUSE_MS = 90;
  /* What became of a photo stands beside it: on a phone there is room for little more. */
  const FIRST = ["photo", "status", "style", "method", "run", "resolution_px", "ssim", "gram_distance", "stylize_s",
    "host_peak_rss_bytes", "error"];

  const shownColumns = async () => {
    if (viewer.state.columns) return viewer.state.columns;
    const several = (await viewer.column("run")).names.length > 1;
    return FIRST.filter((name) => viewer.about(name) && (name !== "run" || several));
  };

  const sorted = (name) => (viewer.state.sort === name ? "ascending" : viewer.state.sort === `-${name}` ? "descending" : null);

  const short = (column) => column.names?.every((name) => name.length <= 12);
  const widths = new Map();
  const width = (column) => {
    if (!widths.has(column)) widths.set(column, `${column.kind}${short(column) ? " short" : ""}`);
    return widths.get(column);
  };

  const heading = (column) => {
    const how = sorted(column.name);
    const next = how === "ascending" ? `-${column.name}` : how === "descending" ? "" : column.name;
    return h("div", { role: "columnheader", class: `cell ${width(column)}`, title: column.meaning, "aria-sort": how },
      button(column.name.replace(/_(px|s|bytes)$/, "").replaceAll("_", " "), () => viewer.go({ sort: next }),
        { dataset: { column: column.name } }));
  };

  const chooser = (shown) => {
    const before = document.getElementById("columns");
    const boxes = viewer.index.columns.map((one) => h("label", { title: one.meaning },
      h("input", { type: "checkbox", value: one.name, checked: shown.includes(one.name) }), one.name));
    const place = h("details", { id: "columns", open: before?.open ?? false }, h("summary", {}, "Columns"), h("div", { class: "boxes" }, ...boxes));
    const top = before?.querySelector(".boxes").scrollTop ?? 0;
    const ready = () => { place.querySelector(".boxes").scrollTop = top; };
    place.addEventListener("change", () => {
      const ticked = [...place.querySelectorAll("input:checked")].map((box) => box.value);
      const kept = shown.filter((name) => ticked.includes(name));
      viewer.go({ columns: [...kept, ...ticked.filter((name) => !kept.includes(name))] });
    });
    return { place, ready };
  };

  const line = (columns, number, row) => {
    const img = viewer.image(null, "");
    img.dataset.row = row;
    // A row cannot be a link itself: each cell is one, and the first is where the keyboard stops.
    const href = viewer.pictureAddress(row);
    const cells = columns.map((column) => {
      const text = column.text(row);
      return h("div", { role: "cell", class: `cell ${width(column)}`, title: text.length > 18 ? text : null },
        h("a", { href, tabindex: "-1", "aria-hidden": text ? null : "true" }, column.kind === "text" ? h("span", {}, text) : text));
    });
    return h("div", { role: "row", class: "line", "aria-rowindex": number + 2, style: { height: `${ROW_PX}px` } },
      h("div", { role: "cell", class: "cell thumb" }, h("a", { href, "aria-label": `Picture ${number + 1}` }, img)), ...cells);
  };

  /* Thumbnails are asked for once scrolling rests: a flight over thousands of rows makes none of them. */
  const fill = (list, kinds) => {
    for (const img of list.querySelectorAll("img[data-row]")) {
      if (!img.src && !kinds.empty(img.dataset.row)) img.src = viewer.thumb("result", img.dataset.row);
    }
  };

  const scrolled = (box, rows, columns, kinds) => {
    const list = h("div", { role: "rowgroup", class: "lines" });
    const whole = rows.length * ROW_PX;
    const space = h("div", { class: "space", style: { height: `${viewer.height(whole)}px` } }, list);
    let [first, last, timer] = [-1, -1, 0];
    const draw = () => {
      const top = viewer.above(box, whole);
      const from = Math.max(0, Math.floor(top / ROW_PX) - SPARE);
      const to = Math.min(rows.length, Math.ceil((top + box.clientHeight) / ROW_PX) + SPARE);
      list.style.transform = `translateY(${box.scrollTop - top + from * ROW_PX}px)`;
      if (from !== first || to !== last) {
        const kept = new Map([...list.children].map((one, place) => [first + place, one]));
        const lines = [];
        for (let i = from; i < to; i++) lines.push(kept.get(i) ?? line(columns, i, rows[i]));
        viewer.hold(list, lines);
        [first, last] = [from, to];
      }
      clearTimeout(timer);
      timer = setTimeout(() => fill(list, kinds), PAUSE_MS);
    };
    box.addEventListener("scroll", draw, { passive: true });
    return { space, draw };
  };

  viewer.views.table = {
    title: "Rows",
    draw: async (rows) => {
      const shown = await shownColumns();
      const columns = await viewer.columns(shown);
      const kinds = await viewer.column("picture");
      const head = h("div", { role: "row", class: "line head" },
        h("div", { role: "columnheader", class: "cell thumb" }, h("span", { class: "unseen" }, "picture")),
        ...columns.map(heading));
      const box = h("div", { class: "scroller", role: "table", "aria-label": "rows", "aria-rowcount": rows.length + 1, tabindex: "0" });
      const { space, draw } = scrolled(box, rows, columns, kinds);
      box.append(head, space);
      if (!rows.length) box.append(h("p", { class: "none" }, "No row passes the filters."));
      const again = viewer.returning(box);
      const columnsBox = chooser(shown);
      return { nodes: [columnsBox.place, box], ready: () => { columnsBox.ready(); again(); draw(); }, resized: draw };
    },
  };
})();
