"use strict";
/*
 * One question with the traces of the chosen policies side by side.
 *
 * Knows which columns fit the window. The address says what is asked for; what does not fit is not shown and not
 * forgotten.
 */
s1.question = (() => {
  const { make, at, count } = s1;
  const SAMPLE = 0;
  const here = { lit: [], at: -1 };

  /** Columns that can be read in this window. */
  const widest = () => (innerWidth < 640 ? 1 : innerWidth < 980 ? 2 : innerWidth < 1240 ? 3 : 4);

  /** What is shown where the address names nothing: the natural end beside the first extension. */
  function usual(index, question) {
    const there = index.policies.filter((_, i) => question.rows[i].length);
    const of = (mark) => there.find((policy) => policy.mark === mark);
    const found = [of("natural"), of("extension")].filter(Boolean);
    if (found.length < 2) found.unshift(...there.filter((policy) => !found.includes(policy)).slice(0, 2 - found.length));
    return found.map((policy) => policy.id);
  }

  function about(question, whole) {
    const parts = [];
    if (whole.choices.length) {
      const list = make("ol", "choices");
      for (const choice of whole.choices) list.append(make("li", "", choice));
      parts.push(list);
    }
    const line = make("dl", "facts");
    const add = (name, value) => { if (value) line.append(make("div", "", make("dt", "", name), make("dd", "", value))); };
    add("reference", whole.answer === null ? "none" : whole.answer);
    add("domain", whole.domain);
    add("source", whole.source);
    add("id", question.id);
    return [...parts, line];
  }

  /** A button per policy: its verdict and name; pressed where it is shown. */
  function chips(index, question, shown, toggle) {
    return index.policies.map((policy, i) => {
      const made = make("button", "chip", s1.index.mark(s1.index.sign(question.rows[i]), ""), policy.label);
      made.type = "button";
      made.disabled = !question.rows[i].length;
      made.setAttribute("aria-pressed", String(shown.includes(policy.id)));
      made.onclick = () => toggle(policy.id);
      if (i < 9) made.title = `key ${i + 1}`;
      return made;
    });
  }

  /** The samples of a policy as marks to choose from; nothing where there is one. */
  function samples(list, sample, choose) {
    if (list.length < 2) return [];
    const made = make("p", "samples");
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", "samples");
    for (const row of list) {
      const [glyph, word] = s1.index.sign([row]);
      const one = make("button", "", glyph);
      one.type = "button";
      one.title = `sample ${row[SAMPLE]}: ${word}`;
      one.setAttribute("aria-label", one.title);
      one.setAttribute("aria-pressed", String(row[SAMPLE] === sample));
      one.onclick = () => choose(row[SAMPLE]);
      made.append(one);
    }
    return [made];
  }

  /**
   * Show a question.
   * @param {any} index @param {any} question its line of the index @param {any} whole what its shard says
   * @param {any} state the address @param {{toggle: Function, sample: Function}} act
   */
  function show(index, question, whole, state, act) {
    const asked = state.p.filter((id) => index.policies.some((policy) => policy.id === id));
    const shown = (asked.length ? asked : usual(index, question)).slice(-widest());
    at("asked").textContent = whole.text;
    at("about").replaceChildren(...about(question, whole));
    at("chips").replaceChildren(...chips(index, question, shown, act.toggle));
    const on = at("chips").querySelector("[aria-pressed=true]");
    if (on) at("chips").scrollLeft = on.offsetLeft - 40; // a narrow window has them all on one line
    const columns = [];
    for (const id of shown) {
      const place = index.policies.findIndex((policy) => policy.id === id), list = question.rows[place];
      const mine = whole.rows.filter((row) => row.policy === place);
      const row = mine.find((one) => one.sample === state.s) ?? mine[0];
      const policy = index.policies[place];
      columns.push({ policy, row, list, parts: row ? s1.trace.partsOf(row, whole.texts) : [] });
    }
    const scale = Math.max(1, ...columns.map(({ policy, row }) => Math.max(policy.budget ?? 0, row ? row.model + row.forced : 0)));
    const made = columns.map(({ policy, row, list, parts }, i) => {
      if (!row) return make("section", "column", make("header", "", make("h2", "", policy.label)), make("p", "quiet", "No row of this policy."));
      const left = columns.slice(0, i).findLast((column) => column.row);
      const before = left && !whole.closed ? { parts: left.parts, label: left.policy.label } : null;
      const column = s1.trace.column(row, policy, parts, scale, before, whole.answer);
      column.querySelector("header").after(...samples(list, row.sample, act.sample));
      return column;
    });
    at("columns").replaceChildren(...made);
    at("columns").style.setProperty("--columns", String(made.length));
    here.lit = [...at("columns").querySelectorAll("mark.nudge, mark.cutoff")];
    here.at = -1;
    at("nudges").hidden = !here.lit.length;
    tell();
    return shown;
  }

  function tell() {
    const n = here.lit.length;
    at("nudge-count").textContent = here.at < 0 ? `${count(n)} ${n === 1 ? "nudge or cut" : "nudges and cuts"}` : `${here.at + 1} of ${count(n)}`;
  }

  /** Go to the next nudge or cut (by 1) or the one before (by -1), around the end. */
  function jump(by) {
    const n = here.lit.length;
    if (!n) return;
    here.lit[here.at]?.classList.remove("now");
    here.at = here.at < 0 ? (by > 0 ? 0 : n - 1) : (here.at + by + n) % n;
    const mark = here.lit[here.at];
    mark.classList.add("now");
    mark.focus({ preventScroll: true });
    mark.scrollIntoView({ block: "center", inline: "nearest" });
    tell();
  }

  return { show, jump, usual, widest };
})();
