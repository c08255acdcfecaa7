"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
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
addEventListener("keydown", (event) => {
  const open = document.querySelector(".zoom:target");
  if (!open) return;
  if (event.key === "Escape") {
    open.querySelector(".close").click();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const all = [...document.querySelectorAll(".zoom")];
    const next = all[all.indexOf(open) + (event.key === "ArrowRight" ? 1 : -1)];
    if (next) location.replace("#" + next.id);
  }
});
