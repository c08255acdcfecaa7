"use strict";
/* Whole columns as typed arrays, which filters, sorting, plots and the grid go over. */
(() => {
  const NO_TEXT = 0xffffffff;

  const bytes = (text) => {
    const binary = atob(text);
    const out = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
    return out.buffer;
  };

  viewer.collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const ranks = (names) => {
    const order = names.map((_, code) => code).sort((a, b) => viewer.collator.compare(names[a], names[b]));
    const rank = new Float64Array(names.length);
    order.forEach((code, place) => { rank[code] = place; });
    return rank;
  };

  const decoded = (about, raw) => {
    if (!raw.names) {
      const numbers = new Float64Array(bytes(raw.data));
      return {
        ...about, numbers, of: (row) => numbers[row], text: (row) => viewer.text(numbers[row], about),
        empty: (row) => Number.isNaN(numbers[row]), keys: () => numbers,
      };
    }
    const codes = new Uint32Array(bytes(raw.data));
    const { names } = raw;
    let sorted = null;
    const empty = (row) => codes[row] === NO_TEXT;
    const keys = () => {
      if (!sorted) {
        const rank = ranks(names);
        sorted = Float64Array.from(codes, (code) => (code === NO_TEXT ? NaN : rank[code]));
      }
      return sorted;
    };
    const of = (row) => (empty(row) ? null : names[codes[row]]);
    return { ...about, codes, names, empty, keys, of, text: (row) => of(row) ?? "" };
  };

  const columns = new Map();

  viewer.about = (name) => viewer.index.columns.find((one) => one.name === name);

  /* Return a column: of(row), text(row), empty(row), keys() to sort by; codes and names, or numbers. */
  viewer.column = async (name) => {
    const about = viewer.about(name);
    if (!about) throw new Error(`no row has a value of ${name}`);
    if (!columns.has(name)) columns.set(name, decoded(about, await viewer.data(`columns/${name}`)));
    return columns.get(name);
  };

  viewer.columns = (names) => Promise.all(names.map(viewer.column));

  /* Return what results must share to be held against each other by a column: of(row), and columns they may lack. */
  viewer.alike = async (by) => {
    const { data, same } = await viewer.data(`alike/${by}`);
    const numbers = new Uint32Array(bytes(data));
    return { of: (row) => numbers[row], same: await viewer.columns(same.filter(viewer.about)) };
  };

  /* Return the different values of a column among some rows, sorted, with their number: [value, count] each. */
  viewer.values = (column, rows) => {
    const counts = new Map();
    const keys = column.codes ?? column.numbers;
    for (const row of rows) if (!column.empty(row)) counts.set(keys[row], (counts.get(keys[row]) ?? 0) + 1);
    if (!column.names) return [...counts].sort(([a], [b]) => a - b);
    const named = [...counts].map(([code, count]) => [column.names[code], count]);
    return named.sort(([a], [b]) => viewer.collator.compare(a, b));
  };

  /* The first row with the same photo or artwork in the same run: its picture stands for all of them. */
  const firsts = new Map();
  viewer.firstOf = async (kind) => {
    if (!firsts.has(kind)) {
      const [uri, run] = await viewer.columns([kind === "photo" ? "content_uri" : "style_uri", "run"]);
      const seen = new Map();
      const first = new Uint32Array(viewer.index.rows);
      for (let row = 0; row < first.length; row++) {
        const key = run.codes[row] * 0x100000000 + uri.codes[row];
        if (!seen.has(key)) seen.set(key, row);
        first[row] = seen.get(key);
      }
      firsts.set(kind, first);
    }
    return firsts.get(kind);
  };
})();
