"use strict";
/* Blind votes: two results of the same photo and artwork, and which of them is better. */
(() => {
  const { h, button, select } = viewer;
  const NAME = "stylize-voter";
  const RETRY_MS = 2000;
  /* The vote that was cast last, and the one that is given anew: each with the voter, column and filters it is of. */
  let [last, undone] = [null, null];
  let retry = 0;

  const comparable = async (rows) => {
    const found = [];
    for (const name of viewer.index.compared.filter((one) => viewer.about(one)?.varies)) {
      if (viewer.values(await viewer.column(name), rows).length > 1) found.push(name);
    }
    return found;
  };

  const asName = (voter) => h("form", { class: "bar", onsubmit: (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("voter").trim();
    if (!name) return;
    localStorage.setItem(NAME, name);
    viewer.redraw();
  } }, h("label", {}, "Your name, as it will stand beside your votes: ",
    h("input", { name: "voter", value: voter, maxlength: "100", required: true, autocomplete: "nickname" })), h("button", { type: "submit" }, "Vote"));

  const input = async (kind, row) => {
    if (!viewer.index.inputs[kind]) return "";
    const first = await viewer.firstOf(kind);
    return h("figure", {}, viewer.inputThumb(kind, first[row]), h("figcaption", {}, kind));
  };

  const shown = async (pair) => {
    const zoom = viewer.linkedZoom();
    const addresses = viewer.blindAddresses(pair);
    const rows = await Promise.all([viewer.row(pair.left), viewer.row(pair.right)]);
    const side = (name) => zoom.pane(name, viewer.shapeOf(rows[0]), viewer.image(addresses[name], name, { draggable: "false" }));
    return [h("div", { class: "two" }, side("left"), side("right")), zoom, () => Object.values(addresses).forEach(URL.revokeObjectURL)];
  };

  const choices = (vote) => [["left", "\u2190 Left is better"], ["same", "\u2193 Same"], ["right", "Right is better \u2192"]]
    .map(([choice, text]) => button(text, () => vote(choice), { dataset: { choice } }));

  const keyboard = (vote) => {
    const keys = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "same", 1: "left", 2: "same", 3: "right" };
    return viewer.onKey((event) => {
      if (event.repeat) return;
      if (event.key === "u" || event.key === "Backspace") { undo(); event.preventDefault(); }
      else if (keys[event.key]) { vote(keys[event.key]); event.preventDefault(); }
    });
  };

  /* Try again until the viewer answers, then go on. */
  const retried = (then) => {
    clearTimeout(retry);
    retry = setTimeout(() => viewer.sendVotes().then(then, (error) => { viewer.failed(error); retried(then); }), RETRY_MS);
  };

  const undo = () => {
    if (!last) return;
    [last, undone] = [null, last];
    viewer.redraw();
  };

  const footer = (voter, votes, ...first) => {
    const mine = votes.filter((one) => one.voter === voter).length;
    const anew = undone ? ". Your vote on this pair counts until you give another" : "";
    return h("div", { class: "bar" }, ...first, button("Change the last vote (u)", undo, { disabled: !last }),
      h("span", { class: "soft" }, `${viewer.counted(mine, "vote")} by ${voter}${anew}`),
      button("Another voter", () => { localStorage.removeItem(NAME); viewer.redraw(); }));
  };

  const round = async (pair, voter, votes, by, asked) => {
    const [two, zoom, forget] = await shown(pair);
    const voteId = undone?.voteId ?? viewer.voteId();
    let sent = false;
    const vote = async (choice) => {
      if (sent) return;
      sent = true;
      [last, undone] = [null, null];
      try {
        const [left, right] = await Promise.all([viewer.row(pair.left), viewer.row(pair.right)]);
        const refused = await viewer.castVote({ vote_id: voteId, voter, choice, by, left_run_id: left.run_id, left_task_id: left.task_id,
          right_run_id: right.run_id, right_task_id: right.task_id });
        const judged = refused.includes(voteId);
        if (!judged) last = { pair, voteId, asked };
        await viewer.redraw();
        if (judged) viewer.say("You had judged that pair already, as in another tab: the first vote counts.", true);
      } catch (error) {
        sent = false;
        viewer.failed(error);
        retried(viewer.redraw);
      }
    };
    const inputs = h("div", { class: "inputs" }, await input("photo", pair.left), await input("artwork", pair.left));
    const bar = h("div", { class: "bar ballot" }, ...choices(vote));
    const silent = keyboard(vote);
    return { nodes: [inputs, two, bar, footer(voter, votes, zoom.controls)], leave: () => { silent(); forget(); } };
  };

  viewer.views.vote = {
    title: "Vote",
    draw: async (rows) => {
      if (!rows.length) return { nodes: [h("p", { class: "none" }, "No row passes the filters.")] };
      const voter = localStorage.getItem(NAME) ?? "";
      const known = await comparable(rows);
      if (!known.length) return { nodes: [h("p", { class: "none" }, "These rows are all of one method, so there is nothing to compare. Give several runs, or take filters away.")] };
      const by = known.includes(viewer.state.vote) ? viewer.state.vote : known[0];
      const what = h("div", { class: "bar" }, h("label", {}, "compared: ", select("compared", known, by, (value) => viewer.go({ vote: value }))),
        h("span", { class: "soft" }, "Which result is better? Sides are by chance, and nothing says what made them."));
      // What was voted on by somebody else, or among other rows, is not taken up again.
      const asked = JSON.stringify([voter, by, viewer.state.filters]);
      [last, undone] = [last, undone].map((one) => (one?.asked === asked ? one : null));
      if (!voter) return { nodes: [what, asName("")] };
      await viewer.sendVotes().catch(viewer.failed);
      const votes = await viewer.votes();
      const pairs = await viewer.ballot(rows, by);
      if (!pairs.size) return { nodes: [what, h("p", { class: "none" }, `No two of these results differ in ${by} alone, so there is nothing to compare by it. Choose another column, or take filters away.`)] };
      if (undone && !await viewer.canBeShown(undone.pair)) undone = null;
      const { pair, passed } = await viewer.nextShown(pairs, votes, voter);
      if (passed) what.append(h("span", { id: "passed" }, `${viewer.counted(passed, "pair")} passed over: a result's file is gone, cannot be read, may not be shown or is not what the run wrote.`));
      if (!pair && !undone) return { nodes: [what, h("p", { class: "none" }, `${voter} has judged every pair of these rows${passed ? " that can be shown" : ""}. Thank you.`), footer(voter, votes)],
        leave: keyboard(() => {}) };
      const { nodes, leave } = await round(undone?.pair ?? pair, voter, votes, by, asked);
      return { nodes: [what, ...nodes], leave };
    },
  };
})();
