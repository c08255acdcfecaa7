"use strict";
/* Which two results to show next, and votes on their way to the viewer. */
(() => {
  const KEPT = "stylize-votes-not-yet-taken";

  const number = (below) => {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    return drawn % below;
  };
  viewer.voteId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

  const asked = async (path, options) => {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("the viewer does not answer: start it again on the same port and open the address that it prints, in this browser; votes are kept here until it takes them");
    }
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
    return answer;
  };
  const fetched = async (path, options) => (await asked(path, options)).json();

  viewer.votes = () => fetched(`votes?of=${viewer.index.base}`);

  const waiting = () => {
    try { return JSON.parse(localStorage.getItem(KEPT)) ?? []; } catch { return []; }
  };
  const keep = (votes) => localStorage.setItem(KEPT, JSON.stringify(votes));
  const without = (vote) => waiting().filter((other) => other.vote_id !== vote.vote_id);

  /* Send what has not been taken yet. A vote leaves this page's memory only once it is on the viewer's disk; those on
     rows of other runs, 409, wait for a viewer of these. Returns the ids of those on pairs that were judged before. */
  viewer.sendVotes = async () => {
    const refused = [];
    for (const vote of waiting()) {
      try {
        const { taken } = await fetched("votes", { method: "POST", body: JSON.stringify(vote), headers: { "Content-Type": "application/json" } });
        if (!taken) refused.push(vote.vote_id);
        keep(without(vote));
      } catch (error) {
        if (error.status === 400) keep(without(vote));
        if (error.status !== 409) throw error;
      }
    }
    return refused;
  };

  viewer.castVote = (vote) => {
    keep([...without(vote), vote]);
    return viewer.sendVotes();
  };

  const pairKey = (a, b) => (a < b ? `${a} ${b}` : `${b} ${a}`);

  /* Return what decides the next pair: candidates by the two values they compare. */
  viewer.ballot = async (rows, by) => {
    const [picture, column] = await viewer.columns(["picture", by]);
    const alike = await viewer.alike(by);
    const value = (row) => column.text(row) || "none";
    const differ = (a, b) => alike.same.some((one) => !one.empty(a) && !one.empty(b) && one.codes[a] !== one.codes[b]);
    const pairs = new Map();
    const contests = Map.groupBy(rows.filter((row) => !picture.empty(row)), alike.of);
    for (const contest of contests.values()) {
      // Of repeats the first.
      const first = new Map();
      for (const row of contest) {
        const key = [value(row), ...alike.same.map((one) => one.text(row))].join("\n");
        if (!first.has(key)) first.set(key, row);
      }
      const entries = [...first.values()].sort((a, b) => (value(a) < value(b) ? -1 : Number(value(a) > value(b))));
      for (let i = 0; i < entries.length; i++) for (let j = i + 1; j < entries.length; j++) {
        const [a, b] = [entries[i], entries[j]];
        if (value(a) === value(b) || differ(a, b)) continue;
        const key = `${value(a)}\n${value(b)}`;
        if (!pairs.has(key)) pairs.set(key, []);
        pairs.get(key).push([a, b]);
      }
    }
    return pairs;
  };

  /* Results whose file is gone, is no picture or is not what the row recorded. */
  const unshown = new Set();
  const fetchedPictures = new Map();
  const look = async (row) => {
    try {
      const answer = await asked(viewer.recorded(row, (await viewer.column("picture")).of(row)));
      const picture = await answer.blob();
      (await createImageBitmap(picture)).close();
      fetchedPictures.set(row, picture);
    } catch (error) {
      if (error.status !== 404 && error.name !== "InvalidStateError") throw error;
      unshown.add(row);
    }
  };
  viewer.canBeShown = async ({ left, right }) => {
    await Promise.all([left, right].map(look));
    return !unshown.has(left) && !unshown.has(right);
  };

  /* Return addresses of the results of a pair that can be shown. They tell no row: neighbours may be of one method. */
  viewer.blindAddresses = (pair) => {
    const [left, right] = [pair.left, pair.right].map((row) => URL.createObjectURL(fetchedPictures.get(row)));
    fetchedPictures.clear();
    return { left, right };
  };

  /* Return the next pair as `nextPair` does, of those alone that can be shown, and how many others were met so far. */
  viewer.nextShown = async (pairs, votes, voter) => {
    const shown = ([a, b]) => !unshown.has(a) && !unshown.has(b);
    for (;;) {
      const left = new Map([...pairs].map(([key, list]) => [key, list.filter(shown)]));
      const pair = viewer.nextPair(left, votes, voter);
      if (!pair || await viewer.canBeShown(pair)) return { pair, passed: [...pairs.values()].flat().filter((one) => !shown(one)).length };
    }
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
