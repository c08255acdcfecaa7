"use strict";
/* What did not become a picture, by its reason. */
(() => {
  const { h } = viewer;

  const rowsOf = (status, error) => {
    const filters = [...viewer.state.filters, { column: "status", operator: "is", value: status }];
    if (viewer.about("error")) {
      filters.push(error === null ? { column: "error", operator: "empty", value: "" } : { column: "error", operator: "is", value: error });
    }
    return viewer.address({ view: "table", filters, sort: "" });
  };

  viewer.views.failures = {
    title: "Failures",
    draw: async (rows) => {
      const status = await viewer.column("status");
      const error = viewer.about("error") ? await viewer.column("error") : { of: () => null };
      const photo = await viewer.column("photo");
      const groups = new Map();
      for (const row of rows) {
        if (status.of(row) === "ok") continue;
        const key = `${status.of(row)}\n${error.of(row) ?? ""}`;
        if (!groups.has(key)) groups.set(key, { status: status.of(row), error: error.of(row), count: 0, photos: new Set() });
        const group = groups.get(key);
        group.count += 1;
        if (group.photos.size < 4) group.photos.add(photo.text(row));
      }
      if (!groups.size) return { nodes: [h("p", { class: "none" }, "None of these rows failed.")] };
      const lines = [...groups.values()].sort((a, b) => b.count - a.count).map((one) => h("tr", {},
        h("td", {}, h("a", { href: rowsOf(one.status, one.error) }, viewer.counted(one.count, "row"))),
        h("td", {}, one.status), h("td", { class: "reason" }, one.error ?? "no reason was recorded"),
        h("td", {}, [...one.photos].slice(0, 3).join(", ") + (one.photos.size > 3 ? " and more" : ""))));
      const head = h("tr", {}, ...["rows", "status", "reason", "photos"].map((text) => h("th", { scope: "col" }, text)));
      return { nodes: [h("div", { class: "wide" }, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, ...lines)))] };
    },
  };
})();
