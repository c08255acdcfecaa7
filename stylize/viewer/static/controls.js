"use strict";
/* The head of the page: which view, which rows. */
(() => {
  const { h, button, select } = viewer;
  const MOST_CHOICES = 300;

  viewer.drawTabs = () => {
    const tabs = document.getElementById("tabs");
    const links = Object.entries(viewer.views).filter(([, view]) => view.title).map(([name, view]) => h("a", {
      href: viewer.address({ view: name, from: "" }), "aria-current": name === viewer.state.view ? "page" : null,
    }, view.title));
    const copy = button("Copy link", async () => {
      try {
        await navigator.clipboard.writeText(location.href);
        viewer.say("The address of this view is copied.");
      } catch {
        viewer.say("The address line shows this view: copy it from there.");
      }
    }, { id: "copy" });
    tabs.replaceChildren(...links, copy);
  };

  const chip = (filter, place) => {
    const [, how] = viewer.operators(viewer.about(filter.column)).find(([key]) => key === filter.operator);
    const told = `${filter.column} ${how} ${filter.value}`.trim();
    const without = viewer.state.filters.filter((_, other) => other !== place);
    return h("span", { class: "chip", title: told }, h("span", {}, told),
      button("\u00d7", () => viewer.go({ filters: without }), { "aria-label": `remove the filter ${told}` }));
  };

  /* The part of the form that asks for the value fits the column: a choice where there are few values. */
  const valueField = async (column, operator, rows) => {
    if (operator === "empty" || operator === "some") return null;
    const number = column.kind === "number";
    if (column.kind === "text" && operator !== "has" && column.names.length <= MOST_CHOICES) {
      const choices = viewer.values(column, rows).map(([value, count]) => [value, `${value} (${count})`]);
      return h("select", { name: "value", "aria-label": "value" },
        ...choices.map(([value, text]) => h("option", { value }, text)));
    }
    const hint = number ? "number" : column.kind === "time" ? "2026-01-31 12:00" : "text";
    return h("input", { name: "value", "aria-label": "value", placeholder: hint, required: true,
      ...(number ? { type: "number", step: "any" } : {}) });
  };

  const form = (rows) => {
    const columns = viewer.index.columns.map((one) => one.name);
    const place = h("form", { id: "filter", onsubmit: (event) => {
      event.preventDefault();
      const given = new FormData(place);
      const filter = { column: given.get("column"), operator: given.get("operator"), value: given.get("value") ?? "" };
      const problem = viewer.filterProblem(filter);
      if (problem) viewer.say(problem, true);
      else viewer.go({ filters: [...viewer.state.filters, filter] });
    } });
    let drawn = 0;
    const draw = async (name, key) => {
      const mine = ++drawn;
      const about = viewer.about(name);
      const operators = viewer.operators(about);
      const operator = operators.some(([one]) => one === key) ? key : operators[0][0];
      const list = select("column", columns, name, (value) => draw(value, operator));
      const how = select("how", operators, operator, (value) => draw(name, value));
      list.name = "column";
      how.name = "operator";
      try {
        const field = await valueField(await viewer.column(name), operator, rows);
        if (mine !== drawn) return;
        const stay = viewer.staying();
        place.replaceChildren(list, how, ...(field ? [field] : []), h("button", { type: "submit" }, "Add filter"));
        stay();
      } catch (error) { viewer.failed(error); }
    };
    return [place, draw];
  };

  viewer.drawFilters = async (rows) => {
    const place = document.getElementById("filters");
    const open = place.querySelector("details")?.open ?? false;
    const counted = (rows.length === viewer.index.rows ? "" : `${rows.length} of `) + viewer.counted(viewer.index.rows, "row");
    const [fields, draw] = form(rows);
    const details = h("details", { open }, h("summary", {}, "Filter"), fields);
    // Only once it is wanted: the values of a column are another file.
    const begin = () => { if (details.open && !fields.children.length) draw("status", "is"); };
    details.addEventListener("toggle", begin);
    begin();
    place.replaceChildren(h("span", { id: "count", "aria-live": "polite" }, counted),
      ...viewer.state.filters.map(chip), details);
  };
})();
