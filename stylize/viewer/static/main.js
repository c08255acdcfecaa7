"use strict";
/* Begins: reads the index, then shows what the address says, whenever it changes. */
(() => {
  let shown = 0, drawn = {};

  const show = async () => {
    const mine = ++shown;
    const stay = viewer.staying();
    viewer.readState();
    viewer.say(viewer.problems.length ? `Filters left out: ${viewer.problems.join("; ")}` : "", true);
    try {
      viewer.drawTabs();
      const rows = await viewer.rows();
      await viewer.drawFilters(rows);
      if (mine !== shown) return;
      const view = viewer.views[viewer.state.view];
      const place = document.getElementById("view");
      // A browser fetches six files at once: what the view that is left still waits for is not to hold up the next one.
      const waiting = place.className === viewer.state.view ? [] : place.querySelectorAll("img");
      for (const img of waiting) if (!img.complete) img.removeAttribute("src");
      const made = await view.draw(rows);
      if (mine !== shown) return;
      drawn.leave?.();
      drawn = made;
      place.className = viewer.state.view;
      // A picture's view has one of its own.
      const heading = view.title ? [viewer.h("h1", { class: "unseen" }, `${view.title}: ${document.title}`)] : [];
      place.replaceChildren(...heading, ...made.nodes);
      made.ready?.();
      // A pair of a vote is another pair: the key that gave the last vote is not to give the next one, too.
      if (viewer.state.view !== "vote") stay();
      performance.mark("stylize-view-shown");
      document.body.dataset.shown = `${viewer.state.view} ${mine}`;
    } catch (error) {
      viewer.failed(error);
    }
  };

  const begin = async () => {
    await viewer.loadIndex();
    if (!viewer.index.live) delete viewer.views.vote;
    document.title = (await viewer.column("run")).names.join(", ");
    window.addEventListener("hashchange", show);
    window.addEventListener("resize", () => drawn.resized?.());
    viewer.redraw = show;
    await show();
  };

  begin().catch(viewer.failed);
})();
