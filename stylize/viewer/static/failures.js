"use strict";
/* What did not become a picture, by its reason. */
(() => {
  const { h } = viewer;

  const rowsOf = (status, error) => {
    const filters = [...viewer.state.filters, { column: "status", operator: "is", value: status }];
    if (viewer.about("error")) filters.push({ column: "error", operator: error === null ? "empty" : "is", value: error ?? "" });
    return viewer.address({ view: "table", filters, sort: "" });
  };

  viewer.views.failures = {
    title: "Failures",
    draw: async (rows) => {
      const status = await viewer.column("status");
      const error = viewer.about("error") ? await viewer.column("error") : { of: () => null };
      const photo = await viewer.column("photo");
      const failed = rows.filter((row) => status.of(row) !== "ok");
      const groups = Map.groupBy(failed, (row) => `${status.of(row)}\n${error.of(row) ?? ""}`);
      if (!groups.size) return { nodes: [h("p", { class: "none" }, rows.length ? "None of these rows failed." : "No row passes the filters.")] };
      const lines = [...groups.values()].sort((a, b) => b.length - a.length).map((group) => {
        const [why, reason] = [status.of(group[0]), error.of(group[0])];
        const photos = [...new Set(group.map(photo.text))];
        return h("tr", {}, h("td", {}, h("a", { href: rowsOf(why, reason) }, viewer.counted(group.length, "row"))),
          h("td", {}, why), h("td", { class: "reason" }, reason ?? "no reason was recorded"),
          h("td", {}, photos.slice(0, 3).join(", ") + (photos.length > 3 ? " and more" : "")));
      });
      const head = h("tr", {}, ...["rows", "status", "reason", "photos"].map((text) => h("th", { scope: "col" }, text)));
      return { nodes: [h("div", { class: "wide" }, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, ...lines)))] };
    },
  };
})();
