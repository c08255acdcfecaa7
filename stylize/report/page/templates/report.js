"use strict";
const all = (what, from = document) => [...from.querySelectorAll(what)];
const made = (name, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...inside);
  return element;
};

// Tables are sorted by a click on a heading.
for (const table of all("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = made("button", { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = head.classList.contains("number");
      const key = (row) => row.cells[column].dataset.sort;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");  // what was not measured stays last
        const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, undefined, { numeric: true });
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// One size at a time, or all of them.
const blocks = all("section.size");
const sides = [...new Set(blocks.map((block) => block.dataset.side))];
const control = document.getElementById("size-control");
let show = () => {};
if (sides.length > 1) {
  const choices = made("fieldset", {}, made("legend", { textContent: "Show" }));
  const inputs = [...sides, "all sizes"].map((side) => {
    const input = made("input", { type: "radio", name: "side", value: side });
    choices.append(made("label", {}, input, " " + side));
    input.addEventListener("change", () => show(side));
    return input;
  });
  control.append(choices);
  show = (side) => {
    for (const part of all("section.size, figure[data-side]"))
      part.classList.toggle("other-size", side !== "all sizes" && part.dataset.side !== side);
    inputs.find((input) => input.value === side).checked = true;
    // A method with no picture at this size takes no room.
    for (const table of all("table.grid")) {
      const lines = [...table.rows].filter((row) => row.cells.length > 1);
      // Nor does a pair that no method was given at it; photo and artwork alone show nothing.
      for (const line of lines.filter((row) => row.querySelector("figure")))
        line.hidden = line.previousElementSibling.hidden = !line.querySelector("figure[data-side]:not(.other-size)");
      document.getElementById("no-pictures").hidden = lines.some((row) => !row.hidden && row.querySelector("figure"));
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const empty = !lines.some((row) => !row.hidden && row.cells[column].querySelector("figure:not(.other-size)"));
        for (const row of lines.concat(table.tHead.rows[0])) row.cells[column].hidden = empty;
      });
    }
  };
  const first = blocks.find((block) => block.id === control.dataset.first) ?? blocks[0];
  show(first.dataset.side);
}
// A link to something that is not shown now shows it.
const named = (hash) => {
  try {
    return document.getElementById(decodeURIComponent(hash.slice(1)));
  } catch {
    return null;  // a lone % is no name
  }
};
const reveal = () => {
  const target = named(location.hash);
  const hidden = target && target.closest(".other-size");
  if (hidden) {
    show(hidden.dataset.side);
    target.scrollIntoView();
  }
  if (target && target.matches("details")) target.open = true;
};
addEventListener("hashchange", reveal);
for (const link of all("nav a.to-size"))
  link.addEventListener("click", () => show(document.querySelector(link.hash).dataset.side));
reveal();

// Which method: limits and a criterion; what may be said follows from the intervals, as jobs.summarize --pick says it.
const pick = document.getElementById("pick");
if (pick) {
  const criteria = pick.dataset.criteria.split(" ");
  const words = pick.dataset.words.split("|");
  const rows = [...document.getElementById("pick-table").tBodies[0].rows];
  const option = (value, text) => made("option", { value, textContent: text });
  const side = made("select", { id: "pick-side" }, option("", "any size"), ...sides.map((one) => option(one, one)));
  const by = made("select", { id: "pick-by" }, ...criteria.map((one, n) => option(one, words[n])));
  const number = (id) => made("input", { id, type: "number", min: 0, step: "any", placeholder: "any" });
  const [memory, time] = [number("pick-memory"), number("pick-time")];
  const answer = made("output", { id: "pick-answer" });
  const label = (text, input, unit = "") => made("label", {}, text + " ", input, unit);
  const form = made("form", {}, label("At", side), label("within", memory, " GB"), label("and", time, " s, "),
    label("best by", by), answer);
  form.addEventListener("submit", (event) => event.preventDefault());
  pick.querySelector(".wide").before(form);
  const value = (row) => Number(row.dataset[by.value]);
  const listed = (row, what) => (row.dataset[what + by.value[0].toUpperCase() + by.value.slice(1)] ?? "").split(" ").filter(Boolean);
  const alike = (one, other) => one.dataset.side === other.dataset.side && one.dataset.setup === other.dataset.setup;
  const update = () => {
    const kept = rows.filter((row) => by.value in row.dataset && (!side.value || row.dataset.side === side.value)
      && (!memory.value || Number(row.dataset.memory ?? Infinity) <= memory.value * 1e9)
      && (!time.value || Number(row.dataset.s) <= time.value));
    const enough = kept.filter((row) => row.dataset.known.split(" ").includes(by.value));
    const numbers = new Set(enough.map((row) => row.dataset.number));
    const unbeaten = enough.filter((row) => !listed(row, "behind").some((other) => numbers.has(other)));
    const marked = (row) => {
      if (!unbeaten.includes(row)) return kept.includes(row) && !enough.includes(row) ? "too few" : "";
      const met = listed(row, "compared");
      const rivals = unbeaten.filter((other) => other !== row && alike(row, other));
      if (rivals.some((other) => met.includes(other.dataset.number))) return "no difference seen";
      return met.length && !rivals.length ? "best" : "not compared";
    };
    const sign = ["ssim", "votes"].includes(by.value) ? -1 : 1;
    kept.sort((a, b) => unbeaten.includes(b) - unbeaten.includes(a) || sign * (value(a) - value(b)));
    for (const row of rows) {
      row.hidden = !kept.includes(row);
      row.querySelector(".mark").textContent = marked(row);
      row.classList.toggle("is-best", unbeaten.includes(row));
    }
    rows[0].parentNode.append(...kept, ...rows.filter((row) => row.hidden));
    const name = (row) => row.cells[0].firstChild.data.trim() + (side.value ? "" : " at " + row.dataset.side);
    const several = rows.some((row) => row.dataset.setup !== rows[0].dataset.setup);
    const best = kept.filter((row) => unbeaten.includes(row));
    const told = best.filter((row, n) => best.findIndex((other) => alike(row, other)) === n).flatMap((first) => {
      const on = several ? first.dataset.setup + ": " : "";
      const names = (mark) => best.filter((row) => alike(row, first) && marked(row) === mark).map(name).join(", ");
      return [["Best", "best"], ["No difference seen between", "no difference seen"], ["Not compared with others", "not compared"]]
        .filter(([, mark]) => names(mark)).map(([say, mark]) => on + say + (say.endsWith("between") ? " " : ": ") + names(mark) + ".");
    });
    answer.textContent = !kept.length ? "Nothing measured is within these limits." : told.join(" ") || "Too few images to say.";
  };
  form.addEventListener("input", update);
  const main = blocks.find((block) => block.id === control.dataset.first);
  if (main) side.value = main.dataset.side;
  update();
}

// A picture that is closed is where it was: its link alone leads to the top of the section.
for (const link of all(".zoom .close")) {
  const figure = link.closest(".zoom");
  link.addEventListener("click", () => addEventListener("hashchange", () => {
    figure.scrollIntoView({ block: "nearest" });
    figure.querySelector(".open").focus({ preventScroll: true });
  }, { once: true }));
}

// A page may be read without the folder pictures/: then no link leads there.
for (const image of all("img.full")) {
  const link = image.closest("figure").querySelector("figcaption a");
  image.addEventListener("error", () => link.replaceWith(`${link.textContent} in a file that is not beside this page`));
}

// An enlarged picture is a dialog: read alone, and Tab stays within it.
const dialog = () => {
  for (const one of all(".zoom[role]")) for (const name of ["role", "aria-modal", "aria-label"]) one.removeAttribute(name);
  const open = document.querySelector(".zoom:target");
  if (!open) return;
  const said = { role: "dialog", "aria-modal": "true", "aria-label": open.querySelector("img").alt };
  for (const [name, value] of Object.entries(said)) open.setAttribute(name, value);
  open.querySelector(".close").focus();
};
addEventListener("hashchange", dialog);
dialog();

// Enlarged pictures: Escape closes, arrows go to the next one that is shown.
addEventListener("keydown", (event) => {
  const open = document.querySelector(".zoom:target");
  if (!open) return;
  if (event.key === "Escape") {
    open.querySelector(".close").click();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const shown = all(".zoom").filter((one) => one.getClientRects().length);
    const next = shown[shown.indexOf(open) + (event.key === "ArrowRight" ? 1 : -1)];
    if (next) location.replace("#" + next.id);
  } else if (event.key === "Tab") {
    const links = all("figcaption a, .close", open);
    const step = event.shiftKey ? links.length - 1 : 1;
    event.preventDefault();
    links[(links.indexOf(document.activeElement) + step) % links.length].focus();
  }
});

// What is closed on the screen is read on paper: the stylesheet does it without scripts, in new browsers alone.
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
