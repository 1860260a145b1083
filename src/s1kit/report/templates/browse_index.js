"use strict";
/*
 * The table of questions: filtered, sorted, and only the rows in sight in the document.
 *
 * Knows the index of a run: per question and policy a list of [sample, verdict, flags, thinking, extensions].
 */
s1.index = (() => {
  const { make, at, count, VERDICTS, SOME, FLAGS } = s1;
  const [SAMPLE, VERDICT, MARKS, THINKING, EXTENSIONS] = [0, 1, 2, 3, 4];
  /** Rows above and below the window, so that scrolling shows no gap. */
  const SPARE = 12;
  /** Marks of a strip; more would not be told apart. */
  const STRIP = 24;

  const HEADS = [
    { key: "n", name: "#", title: "in the order of the run" },
    { key: "q", name: "question" },
    { key: "", name: "verdicts" },
    { key: "right", name: "right", title: "correct rows of all rows" },
    { key: "think", name: "thinking", title: "most thinking tokens of any row" },
    { key: "ext", name: "ext.", title: "most suppressed ends of any row" },
  ];

  /** What the table sorts by, worked out once per run. */
  function prepare(index) {
    if (index.prepared) return;
    index.questions.forEach((question, n) => {
      const rows = question.rows.flat();
      question.n = n;
      question.lower = question.text.toLowerCase();
      question.right = rows.filter((row) => row[VERDICT] === 0).length;
      question.of = rows.length;
      question.think = question.rows.reduce((most, list, i) => (index.policies[i].counted ? list.reduce((m, row) => Math.max(m, row[THINKING]), Math.max(0, most)) : most), -1);
      question.ext = rows.reduce((most, row) => Math.max(most, row[EXTENSIONS]), 0);
    });
    index.kinds = [...new Set(index.questions.flatMap((q) => [q.domain, q.source]).filter(Boolean))].sort();
    index.prepared = true;
  }

  const SORTS = {
    n: (a, b) => a.n - b.n,
    q: (a, b) => (a.lower < b.lower ? -1 : a.lower > b.lower ? 1 : 0),
    right: (a, b) => a.right / a.of - b.right / b.of,
    think: (a, b) => a.think - b.think,
    ext: (a, b) => a.ext - b.ext,
  };

  /** Whether a question has a row, of the policy asked for, that meets every condition at once. */
  function hasRow(question, column, verdict, mask) {
    if (column < 0 && verdict < 0 && !mask) return true;
    const lists = column < 0 ? question.rows : [question.rows[column]];
    return lists.some((list) => list.some((row) => (verdict < 0 || row[VERDICT] === verdict) && (row[MARKS] & mask) === mask));
  }

  /** Whether a sample's verdict differs between two policies, in the way asked for. */
  function changed(question, before, after, how) {
    if (!how || before < 0 || after < 0) return true;
    const first = new Map(question.rows[before].map((row) => [row[SAMPLE], row[VERDICT]]));
    return question.rows[after].some((row) => {
      const was = first.get(row[SAMPLE]), is = row[VERDICT];
      if (was === undefined || was === is) return false;
      return how === "any" || (how === "right" ? is === 0 : was === 0);
    });
  }

  /**
   * The questions that meet the filters, in the order asked for.
   * @param {any} index @param {any} state the address, as browse.js reads it
   */
  function select(index, state) {
    prepare(index);
    const place = (id) => index.policies.findIndex((policy) => policy.id === id);
    const text = state.t.trim().toLowerCase();
    const mask = state.x.reduce((sum, name) => sum | (FLAGS[name] ?? 0), 0);
    const verdict = state.v === "" ? -1 : Number(state.v);
    const [column, before, after] = [state.w, state.a, state.b].map(place);
    const found = index.questions.filter((question) =>
      (!text || question.lower.includes(text) || question.id.startsWith(text))
      && (!state.d || question.domain === state.d || question.source === state.d)
      && hasRow(question, column, verdict, mask)
      && changed(question, before, after, state.c));
    const down = state.o.startsWith("-"), sort = SORTS[down ? state.o.slice(1) : state.o] ?? SORTS.n;
    return found.sort((a, b) => (down ? sort(b, a) : sort(a, b)) || a.n - b.n);
  }

  /** @returns {[string, string]} the sign and the word for some rows of one policy */
  function sign(list) {
    if (!list.length) return [" ", "no row"];
    const right = list.filter((row) => row[VERDICT] === 0).length;
    if (right && right < list.length) return [SOME[0], `${right} of ${list.length} correct`];
    const all = VERDICTS[list[0][VERDICT]];
    return right || list.every((row) => row[VERDICT] === list[0][VERDICT]) ? all : VERDICTS[1];
  }

  const CLASS = { "●": "right", "○": "wrong", "–": "none", "·": "none", "◐": "some", " ": "none" };
  function mark([glyph, word], label) {
    const made = make("span", `v ${CLASS[glyph]}`, glyph);
    made.title = label ? `${label}: ${word}` : word;
    return made;
  }

  function strip(question, policies) {
    const made = make("span", "strip");
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", `${question.right} of ${question.of} correct`);
    question.rows.slice(0, STRIP).forEach((list, i) => made.append(mark(sign(list), policies[i].label)));
    if (question.rows.length > STRIP) made.append(`+${question.rows.length - STRIP}`);
    return made;
  }

  function cell(className, ...content) {
    const made = make("div", className, ...content);
    made.setAttribute("role", "cell");
    return made;
  }

  /** The table on the page: keeps the rows in sight there, and none besides. */
  const table = { list: [], index: null, href: null, chosen: -1, drawn: "" };

  function line(place) {
    const question = table.list[place], link = make("a", "", question.text || "(no text)");
    link.href = table.href(question.id);
    const row = make("div", place === table.chosen ? "row chosen" : "row");
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(place + 2));
    row.style.top = `calc(var(--row) * ${place})`;
    const kind = question.domain || question.source;
    row.append(
      cell("n", count(question.n + 1)),
      cell("q", link, ...(kind ? [make("span", "kind", kind)] : [])),
      cell("s", strip(question, table.index.policies)),
      cell("r", `${question.right}/${question.of}`),
      cell("r", question.think < 0 ? "–" : count(question.think)),
      cell("r", question.ext ? count(question.ext) : "–"),
    );
    return row;
  }

  /** Put the rows in sight into the document; all of them for the printer. */
  function draw(everything = false) {
    const box = at("rows"), height = box.offsetHeight / Math.max(1, table.list.length);
    const above = -box.getBoundingClientRect().top;
    const first = everything ? 0 : Math.max(0, Math.floor(above / height) - SPARE);
    const last = everything ? table.list.length : Math.min(table.list.length, Math.ceil((above + innerHeight) / height) + SPARE);
    if (table.drawn === `${first} ${last}`) return;
    table.drawn = `${first} ${last}`;
    const focused = document.activeElement?.closest(".row")?.getAttribute("aria-rowindex");
    box.replaceChildren(...Array.from({ length: Math.max(0, last - first) }, (_, i) => line(first + i)));
    if (focused) box.querySelector(`[aria-rowindex="${focused}"] a`)?.focus({ preventScroll: true });
  }

  /**
   * Show these questions.
   * @param {any} index @param {any[]} list @param {(id: string) => string} href address of a question
   */
  function show(index, list, href) {
    Object.assign(table, { index, list, href, drawn: "", chosen: Math.min(table.chosen, list.length - 1) });
    at("rows").style.height = `calc(var(--row) * ${list.length})`;
    const marks = Math.min(STRIP, index.policies.length);
    at("rows").parentElement.style.setProperty("--strip", `${Math.max(4, marks + (index.policies.length > STRIP ? 2 : 0.5))}rem`);
    at("rows").parentElement.setAttribute("aria-rowcount", String(list.length + 1));
    draw();
  }

  /** Mark a row, bring it into sight and put the focus on it. */
  function choose(place) {
    if (!table.list.length) return;
    table.chosen = Math.max(0, Math.min(place, table.list.length - 1));
    const box = at("rows"), height = box.offsetHeight / table.list.length;
    const top = box.getBoundingClientRect().top + table.chosen * height;
    if (top < 80 || top + height > innerHeight - 20) scrollBy(0, top - innerHeight / 3);
    table.drawn = "";
    draw();
    box.querySelector(".chosen a")?.focus({ preventScroll: true });
  }

  return { HEADS, select, prepare, show, draw, choose, sign, mark, table };
})();
