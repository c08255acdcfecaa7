"use strict";
/* What is looked at: view, filters, order and the like. All of it stands behind the # of the address, so that an
   address, copied, shows the same again. */
(() => {
  const OPERATORS = {
    text: [["is", "is"], ["not", "is not"], ["has", "contains"], ["empty", "is empty"], ["some", "is not empty"]],
    number: [["ge", "\u2265"], ["le", "\u2264"], ["is", "="], ["empty", "is empty"], ["some", "is not empty"]],
  };
  OPERATORS.time = [["ge", "from"], ["le", "until"]];
  viewer.operators = (column) => OPERATORS[column.kind];

  viewer.state = {};

  /* A day at least, in UTC: of less, browsers make some time in 2001. ms: how long what is written lasts. */
  const TIME = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?:(:\d\d)(\.\d+)?)?)?(?:Z| UTC)?$/;
  const timeOf = (value) => {
    const [, day, minute, second, part] = TIME.exec(value.trim()) ?? [];
    const from = day ? Date.parse(`${day}T${minute ?? "00:00"}${second ?? ""}${part ?? ""}Z`) : NaN;
    return { from, ms: part ? 0 : second ? 1e3 : minute ? 6e4 : 864e5 };
  };
  // To Number(), nothing is 0.
  const limitOf = ({ kind }, value) => (kind === "time" ? timeOf(value).from : value.trim() ? Number(value) : NaN);

  /* Return why a filter cannot be applied; null where it can. */
  viewer.filterProblem = ({ column, operator, value }) => {
    const about = viewer.about(column);
    if (!about) return `no row has a value of ${column}`;
    if (!viewer.operators(about).some(([one]) => one === operator)) return `${column} has no filter ${operator}`;
    if (about.kind === "text" || operator === "empty" || operator === "some" || Number.isFinite(limitOf(about, value))) return null;
    return about.kind === "time" ? `${column}: "${value}" is no time; write it as 2026-01-31 12:00, in UTC` : `${column}: "${value}" is no number`;
  };

  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const state = { view: "table", filters: [], columns: null };
    const filters = [];
    let columns = null;
    for (const [name, value] of given) {
      if (name === "f") {
        const [column, operator, ...rest] = value.split("~");
        filters.push({ column, operator, value: rest.join("~") });
      } else if (name === "c") columns = value.split(",").filter(Boolean);
      else state[name] = value;
    }
    viewer.problems = filters.map(viewer.filterProblem).filter(Boolean);
    state.filters = filters.filter((filter) => !viewer.filterProblem(filter));
    state.columns = columns?.filter(viewer.about) ?? null;
    if (!Object.hasOwn(viewer.views, state.view)) state.view = "table";
    return state;
  };

  const written = (state) => {
    const out = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) {
      if (name === "filters") value.forEach((one) => out.append("f", `${one.column}~${one.operator}~${one.value}`));
      else if (name === "columns") { if (value) out.set("c", value.join(",")); }
      else if (value !== "" && value !== null && value !== undefined) out.set(name, value);
    }
    return `#${out}`;
  };

  viewer.address = (changes) => written({ ...viewer.state, ...changes });

  /* The address of a row's picture, from which Escape leads back here. */
  viewer.pictureAddress = (row) => viewer.address({ view: "picture", row: "", at: row, from: viewer.state.view });

  /* Change the state, and so the address; `quietly` leaves no step to go back to. */
  viewer.go = (changes, quietly = false) => {
    const hash = viewer.address(changes);
    if (hash === location.hash) return;
    if (quietly) location.replace(hash);
    else location.hash = hash;
  };

  const test = (column, { operator, value }) => {
    if (operator === "empty") return column.empty;
    if (operator === "some") return (row) => !column.empty(row);
    if (column.kind === "text") {
      const wanted = value.toLowerCase();
      const hits = column.names.map((name) => {
        if (operator === "has") return name.toLowerCase().includes(wanted);
        return (name === value) === (operator === "is");
      });
      return (row) => (column.empty(row) ? operator === "not" : hits[column.codes[row]]);
    }
    const limit = limitOf(column, value);
    const { numbers } = column;
    if (operator === "ge") return (row) => numbers[row] >= limit;
    // Until a day or second is until its end: of the seconds that are shown, the rest is cut off.
    const end = limit + (column.kind === "time" ? Math.max(0, timeOf(value).ms - 1e-3) : 0);
    if (operator === "le") return (row) => numbers[row] <= end;
    // As it is, or as it is shown.
    return (row) => numbers[row] === limit || viewer.rounded(numbers[row], column) === limit;
  };

  let known = { key: null, rows: null };

  const ordered = async ({ filters, sort }) => {
    const columns = await viewer.columns(filters.map((one) => one.column));
    const tests = columns.map((column, place) => test(column, filters[place]));
    const rows = new Uint32Array(viewer.index.rows);
    let count = 0;
    for (let row = 0; row < rows.length; row++) if (tests.every((one) => one(row))) rows[count++] = row;
    const kept = rows.slice(0, count);
    const down = sort?.startsWith("-");
    const name = sort?.replace(/^-/, "");
    if (!name || !viewer.about(name)) return kept;
    const keys = (await viewer.column(name)).keys();
    const sign = down ? -1 : 1;
    return kept.sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      // What has no value comes last either way.
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
      return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
    });
  };

  /* Return the numbers of the rows that the filters let through, in the order asked for. */
  viewer.rows = async (state = viewer.state) => {
    const key = JSON.stringify([state.filters, state.sort]);
    if (known.key !== key) known = { key, rows: await ordered(state) };
    return known.rows;
  };

  viewer.readState = () => { viewer.state = read(); };
})();
