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

  /* Return the results that may be shown, in lists of those that are alike in all but what is compared. */
  const contests = (rows, picture, alike) => {
    const found = new Map();
    for (const row of rows) {
      if (picture.empty(row)) continue;
      const key = alike.of(row);
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(row);
    }
    return found.values();
  };

  const pairKey = (a, b) => (a < b ? `${a} ${b}` : `${b} ${a}`);

  /* Return what decides the next pair: candidates by the two values they compare. */
  viewer.ballot = async (rows, by) => {
    const [picture, column] = await viewer.columns(["picture", by]);
    const alike = await viewer.alike(by);
    const value = (row) => column.text(row) || "none";
    const differ = (a, b) => alike.same.some((one) => !one.empty(a) && !one.empty(b) && one.codes[a] !== one.codes[b]);
    const pairs = new Map();
    for (const contest of contests(rows, picture, alike)) {
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
