"use strict";
/* Pictures that are zoomed and moved together: what is seen of one is seen of all, whatever their sizes. */
(() => {
  const { h, button } = viewer;
  const MOST = 64, STEP = 1.35;

  /* Give a box the proportions of a picture, width over height, which the stylesheet fits into the window. */
  viewer.shaped = (box, shape) => {
    box.style.setProperty("--shape", shape);
    return box;
  };

  /* The proportions of a row's result; those of most photos where it says none. */
  viewer.shapeOf = (row) => (row.width_px > 0 && row.height_px > 0 ? row.width_px / row.height_px : 1.5);

  /* Return { pane, controls }: panes are boxes with one picture each. A place is a share of the picture, 0 to 1. */
  viewer.linkedZoom = () => {
    const panes = [];
    const seen = { scale: 1, x: 0.5, y: 0.5 };

    const apply = () => {
      const half = 0.5 / seen.scale;
      seen.x = Math.min(1 - half, Math.max(half, seen.x));
      seen.y = Math.min(1 - half, Math.max(half, seen.y));
      for (const { inner, box } of panes) {
        inner.style.transform = `scale(${seen.scale}) translate(${(0.5 - seen.x) * 100}%, ${(0.5 - seen.y) * 100}%)`;
        box.classList.toggle("near", seen.scale > 4);
        box.classList.toggle("zoomed", seen.scale > 1);
        box.dataset.scale = seen.scale.toFixed(2);
      }
    };

    const zoom = (factor, x = 0.5, y = 0.5) => {
      const before = seen.scale;
      seen.scale = Math.min(MOST, Math.max(1, seen.scale * factor));
      // What is under the pointer stays there.
      seen.x += (x - 0.5) * (1 / before - 1 / seen.scale);
      seen.y += (y - 0.5) * (1 / before - 1 / seen.scale);
      apply();
    };

    const move = (dx, dy) => { seen.x -= dx / seen.scale; seen.y -= dy / seen.scale; apply(); };

    const place = (box, event) => {
      const { left, top, width, height } = box.getBoundingClientRect();
      return [(event.clientX - left) / width, (event.clientY - top) / height];
    };

    const follow = (box) => {
      const fingers = new Map();
      box.addEventListener("wheel", (event) => {
        event.preventDefault();
        if (event.deltaY) zoom(event.deltaY < 0 ? STEP : 1 / STEP, ...place(box, event));
      }, { passive: false });
      box.addEventListener("pointerdown", (event) => {
        fingers.set(event.pointerId, place(box, event));
        box.setPointerCapture(event.pointerId);
      });
      box.addEventListener("pointermove", (event) => {
        if (!fingers.has(event.pointerId)) return;
        const [before, now] = [fingers.get(event.pointerId), place(box, event)];
        const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        if (other) {
          const far = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1e-3;
          zoom(far(now) / far(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
        } else move(now[0] - before[0], now[1] - before[1]);
        fingers.set(event.pointerId, now);
      });
      for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (event) => fingers.delete(event.pointerId));
      box.addEventListener("dblclick", (event) => zoom(seen.scale > 1 ? 1 / seen.scale : 4, ...place(box, event)));
      box.addEventListener("keydown", (event) => {
        const keys = { "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: () => zoom(1 / seen.scale) };
        if (seen.scale > 1) {
          Object.assign(keys, { ArrowLeft: () => move(0.1, 0), ArrowRight: () => move(-0.1, 0),
            ArrowUp: () => move(0, 0.1), ArrowDown: () => move(0, -0.1) });
        }
        if (!keys[event.key]) return;
        keys[event.key]();
        event.preventDefault();
        event.stopPropagation();
      });
    };

    return {
      /* Return a box that shows some elements, one above the other, as one picture. shape: width over height. */
      pane: (label, shape, ...layers) => {
        const inner = h("div", { class: "inner" }, ...layers);
        const box = viewer.shaped(h("div", { class: "pane", tabindex: "0", role: "group", "aria-label": label }, inner), shape);
        panes.push({ inner, box });
        follow(box);
        return box;
      },
      controls: h("span", { class: "zoom" }, button("\u2212", () => zoom(1 / STEP), { "aria-label": "zoom out" }),
        button("+", () => zoom(STEP), { "aria-label": "zoom in" }),
        button("Fit", () => zoom(1 / seen.scale))),
    };
  };
})();
