"use strict";
/* Which two results to show next, and votes on their way to the viewer. */
(() => {
  const KEPT = "stylize-votes-not-yet-taken";

  const number = (below) => {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    return drawn % below;
  };
  viewer.voteId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

  const fetched = async (path, options) => {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("the viewer does not answer: start it again on the same port; votes are kept here until it takes them");
    }
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
    return answer.json();
  };

  viewer.votes = () => fetched("votes");

  const waiting = () => {
    try { return JSON.parse(localStorage.getItem(KEPT)) ?? []; } catch { return []; }
  };
  const keep = (votes) => localStorage.setItem(KEPT, JSON.stringify(votes));
  const without = (vote) => waiting().filter((other) => other.vote_id !== vote.vote_id);

  /* Send what has not been taken yet. A vote leaves this page's memory only once it is on the viewer's disk; those on
     rows of other runs, 409, wait for a viewer of these. */
  viewer.sendVotes = async () => {
    for (const vote of waiting()) {
      try {
        await fetched("votes", { method: "POST", body: JSON.stringify(vote), headers: { "Content-Type": "application/json" } });
        keep(without(vote));
      } catch (error) {
        if (error.status === 400) keep(without(vote));
        if (error.status !== 409) throw error;
      }
    }
  };

  viewer.castVote = (vote) => {
    keep([...without(vote), vote]);
    return viewer.sendVotes();
  };

  /* Return the results that may be shown: for each photo, artwork and size a map from what is compared to a row. */
  const contests = (rows, { photo, style, mix, picture, size, by }) => {
    const found = new Map();
    for (const row of rows) {
      if (picture.empty(row)) continue;
      const artworks = mix && !mix.empty(row) ? mix.text(row) : style.of(row);
      const key = `${photo.of(row)}\n${artworks}\n${size && by.name !== size.name ? size.text(row) : ""}`;
      if (!found.has(key)) found.set(key, new Map());
      const value = by.text(row) || "none";
      if (!found.get(key).has(value)) found.get(key).set(value, row);
    }
    return found;
  };

  const pairKey = (a, b) => (a < b ? `${a} ${b}` : `${b} ${a}`);

  /* Return what decides the next pair: candidates by the two values they compare. */
  viewer.ballot = async (rows, by) => {
    const [photo, style, picture] = await viewer.columns(["content_uri", "style_uri", "picture"]);
    const size = viewer.about("resolution_px") ? await viewer.column("resolution_px") : null;
    const mix = viewer.about("style_uris") ? await viewer.column("style_uris") : null;
    const among = { photo, style, mix, picture, size, by: await viewer.column(by) };
    const pairs = new Map();
    for (const contest of contests(rows, among).values()) {
      const entries = [...contest].sort(([a], [b]) => (a < b ? -1 : 1));
      for (let i = 0; i < entries.length; i++) for (let j = i + 1; j < entries.length; j++) {
        const key = `${entries[i][0]}\n${entries[j][0]}`;
        if (!pairs.has(key)) pairs.set(key, []);
        pairs.get(key).push([entries[i][1], entries[j][1]]);
      }
    }
    return pairs;
  };

  /* Return { left, right } for a voter: of the comparison with the fewest votes one that they have not judged, sides by
     chance; null when they have judged all. */
  viewer.nextPair = (pairs, votes, voter) => {
    const own = new Set(votes.filter((vote) => vote.voter === voter).map((vote) => pairKey(vote.left, vote.right)));
    const counted = new Map();
    for (const vote of votes) counted.set(pairKey(vote.left, vote.right), (counted.get(pairKey(vote.left, vote.right)) ?? 0) + 1);
    const open = [...pairs.values()].map((list) => ({
      left: list.filter(([a, b]) => !own.has(pairKey(a, b))),
      votes: list.reduce((sum, [a, b]) => sum + (counted.get(pairKey(a, b)) ?? 0), 0),
    })).filter((one) => one.left.length);
    if (!open.length) return null;
    const fewest = Math.min(...open.map((one) => one.votes));
    const among = open.filter((one) => one.votes === fewest);
    const { left } = among[number(among.length)];
    const [a, b] = left[number(left.length)];
    return number(2) ? { left: a, right: b } : { left: b, right: a };
  };
})();
