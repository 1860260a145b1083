"use strict";
/*
 * The page: the address is its state. Everything that is chosen is written there, and what is there is shown.
 *
 * r run, q question, p policies shown, s sample; t text, w policy and v verdict of a row, x its marks, a and b the
 * policies compared and c how the verdict changed, d domain or source, o order.
 */
(() => {
  const { make, at, count, VERDICTS, SOME, FLAG_WORDS } = s1;
  const ONE = { r: "", q: "", t: "", w: "", v: "", a: "", b: "", c: "", d: "", o: "n" };
  const page = { report: null, index: null, list: [], filters: "", turn: 0, scrolled: 0, search: false };

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1)), state = {};
    for (const [name, usual] of Object.entries(ONE)) state[name] = asked.get(name) ?? usual;
    return { ...state, p: asked.getAll("p"), x: asked.getAll("x"), s: Math.max(0, Number.parseInt(asked.get("s") ?? "0", 10) || 0) };
  }

  /** The address of the state that is there now with these changes. */
  function href(changes) {
    const state = { ...read(), ...changes }, said = new URLSearchParams();
    for (const name of ["r", "q"]) if (state[name]) said.append(name, state[name]);
    if (state.q) for (const id of state.p) said.append("p", id);
    if (state.q && state.s) said.append("s", String(state.s));
    for (const name of ["t", "w", "v", "c", "a", "b", "d"]) if (state[name]) said.append(name, state[name]);
    for (const name of state.x) said.append("x", name);
    if (state.o !== ONE.o) said.append("o", state.o);
    return `#${said}`;
  }

  const go = (changes) => { location.hash = href(changes); };
  /** What is typed or ticked leaves one step in the history, not one for each letter. */
  const change = (changes) => location.replace(href(changes));

  function notice(text) {
    at("notice").textContent = text;
    at("notice").hidden = !text;
  }

  /** Show what the address says. A later call overtakes one that still waits for its data. */
  async function show() {
    const turn = (page.turn += 1), state = read();
    try {
      const run = page.report.runs.find((one) => one.name === state.r) ?? page.report.runs[0];
      if (!run) { notice("There is no run in this report."); return; }
      const slow = setTimeout(() => notice("Reading …"), 300);
      const index = await s1.load(run.file).finally(() => clearTimeout(slow));
      if (turn !== page.turn) return;
      notice(state.r && state.r !== run.name ? `There is no run ${state.r} in this report; this is ${run.name}.` : "");
      if (page.index !== index) { page.index = index; s1.index.prepare(index); fill(index); }
      at("run").value = run.name;
      page.list = s1.index.select(index, state);
      const filters = href({ q: "", p: [], s: 0 });
      if (page.filters && filters !== page.filters) { s1.index.table.chosen = -1; page.scrolled = 0; if (!at("index").hidden) scrollTo(0, 0); }
      page.filters = filters;
      const question = state.q && index.questions.find((one) => one.id === state.q);
      if (state.q && !question) notice(`There is no question ${state.q} in ${run.name}.`);
      if (question) await showQuestion(turn, index, question, state);
      else showIndex(index, state);
    } catch (problem) {
      if (turn === page.turn) notice(problem.message);
    }
  }

  function showIndex(index, state) {
    const back = at("index").hidden;
    at("question").hidden = true;
    at("index").hidden = false;
    document.title = `Traces: ${page.report.title}`;
    for (const [id, name] of [["text", "t"], ["where", "w"], ["verdict", "v"], ["change", "c"], ["before", "a"], ["after", "b"], ["kind", "d"]])
      if (at(id).value !== state[name]) at(id).value = state[name];
    for (const box of at("flags").querySelectorAll("input")) box.checked = state.x.includes(box.value);
    for (const head of at("heads").children) {
      const key = head.dataset.key, down = state.o === `-${key}`;
      if (key) head.setAttribute("aria-sort", down ? "descending" : state.o === key ? "ascending" : "none");
    }
    const set = [state.w || state.v, state.c, state.d, ...state.x].filter(Boolean).length;
    at("active").textContent = set ? `: ${count(set)} set` : "";
    const all = index.questions.length, n = page.list.length;
    at("count").textContent = n === all ? `${count(all)} questions` : `${count(n)} of ${count(all)} questions`;
    s1.index.show(index, page.list, (q) => href({ q, p: opened(state), s: 0 }));
    if (page.search) { page.search = false; at("text").focus(); }
    else if (back) { scrollTo(0, page.scrolled); s1.index.draw(); if (s1.index.table.chosen >= 0) s1.index.choose(s1.index.table.chosen); }
  }

  /** Two policies compared in the table are the two that one wants to see. */
  const opened = (state) => (state.c && state.a && state.b ? [state.a, state.b] : []);

  async function showQuestion(turn, index, question, state) {
    const slow = setTimeout(() => notice("Reading …"), 300);
    const shard = await s1.load(`${index.file}-${question.shard}`).finally(() => clearTimeout(slow));
    if (turn !== page.turn) return;
    const whole = shard.find(([id]) => id === question.id)[1];
    notice("");
    if (!at("index").hidden) page.scrolled = scrollY;
    const moved = at("asked").dataset.id !== question.id || at("question").hidden;
    at("index").hidden = true;
    at("question").hidden = false;
    const place = page.list.indexOf(question);
    s1.index.table.chosen = place;
    at("place").textContent = place < 0 ? `question ${count(question.n + 1)}` : `${count(place + 1)} of ${count(page.list.length)}`;
    const [before, after] = [neighbour(question, -1), neighbour(question, 1)];
    at("previous").disabled = !before;
    at("next").disabled = !after;
    document.title = `${question.text.slice(0, 60)}: ${page.report.title}`;
    page.shown = s1.question.show(index, question, whole, state, { toggle, sample: (s) => go({ s }) });
    at("asked").dataset.id = question.id;
    if (moved) { scrollTo(0, 0); at("asked").focus({ preventScroll: true }); }
  }

  /** The question before or after in the table as it is filtered; in the run where it is not in the table. */
  function neighbour(question, by) {
    const place = page.list.indexOf(question);
    return place < 0 ? page.index.questions[question.n + by] : page.list[place + by];
  }

  function move(by) {
    if (!at("index").hidden) { s1.index.choose(s1.index.table.chosen + by); return; }
    const question = page.index?.questions.find((one) => one.id === read().q);
    const next = question && neighbour(question, by);
    if (next) go({ q: next.id });
  }

  /** Show a policy or take it away; in a window with room for few, the oldest makes place. */
  function toggle(id) {
    const shown = page.shown, order = page.index.policies.map((policy) => policy.id);
    const most = s1.question.widest();
    let next = shown.includes(id) ? shown.filter((one) => one !== id) : [...shown.slice(shown.length < most ? 0 : 1), id];
    if (!next.length) next = shown;
    go({ p: next.sort((a, b) => order.indexOf(a) - order.indexOf(b)) });
  }

  /** The choices that depend on the run. */
  function fill(index) {
    const options = (select, first, policies) => select.replaceChildren(
      ...first.map(([value, text]) => new Option(text, value)), ...policies.map((policy) => new Option(policy.label, policy.id)));
    options(at("where"), [["", "of any policy"]], index.policies);
    options(at("before"), [["", "–"]], index.policies);
    options(at("after"), [["", "–"]], index.policies);
    at("kind").replaceChildren(new Option("any", ""), ...index.kinds.map((kind) => new Option(kind, kind)));
    at("kind-choice").hidden = index.kinds.length < 2;
    const signs = [...VERDICTS, ...(index.questions.some((q) => q.rows.some((list) => list.length > 1)) ? [SOME] : [])];
    at("legend").replaceChildren(
      ...signs.map((sign) => make("span", "", s1.index.mark(sign, ""), ` ${sign[1]}`)),
      make("span", "order", `Marks from left to right: ${index.policies.map((policy) => policy.label).join(" · ")}. Graded by ${index.grader || "nobody"}.`));
  }

  /** A change between policies needs both: the natural end and the first extension, where there are such. */
  function compared(how) {
    const state = read(), of = (mark) => page.index.policies.find((policy) => policy.mark === mark)?.id;
    const ids = page.index.policies.map((policy) => policy.id);
    return { c: how, a: how && !state.a ? of("natural") ?? ids[0] : state.a, b: how && !state.b ? of("extension") ?? ids.at(-1) : state.b };
  }

  /** The filters lie open where there is room, and are one line on a narrow window until they are asked for. */
  function fold() {
    const narrow = matchMedia("(max-width: 760px)");
    const follow = () => { at("more").open = !narrow.matches; };
    narrow.addEventListener("change", follow);
    follow();
  }

  function wire() {
    fold();
    at("verdict").append(new Option("of any verdict", ""), ...VERDICTS.map(([, word], i) => new Option(word, String(i))));
    at("change").append(...[["", "is anything"], ["any", "changed"], ["right", "became correct"], ["wrong", "was correct and changed"]].map(([value, text]) => new Option(text, value)));
    for (const [name, word] of Object.entries(FLAG_WORDS)) {
      const box = make("input");
      Object.assign(box, { type: "checkbox", value: name });
      box.onchange = () => change({ x: [...at("flags").querySelectorAll("input:checked")].map((one) => one.value) });
      at("flags").append(make("label", "", box, ` ${word}`));
    }
    for (const { key, name, title } of s1.index.HEADS) {
      const head = make("div", "", key ? "" : name), button = make("button", "", name);
      head.setAttribute("role", "columnheader");
      head.dataset.key = key;
      button.type = "button";
      if (title) head.title = title;
      // numbers are wanted largest first, texts and places from the beginning
      const first = ["n", "q"].includes(key) ? key : `-${key}`;
      button.onclick = () => { const o = read().o; change({ o: o !== first ? first : first.startsWith("-") ? key : `-${key}` }); };
      if (key) head.append(button);
      at("heads").append(head);
    }
    let typing = 0;
    at("text").oninput = () => { clearTimeout(typing); typing = setTimeout(() => change({ t: at("text").value }), 120); };
    for (const [id, name] of [["where", "w"], ["verdict", "v"], ["kind", "d"]]) at(id).onchange = () => change({ [name]: at(id).value });
    at("change").onchange = () => change(compared(at("change").value));
    for (const [id, name] of [["before", "a"], ["after", "b"]])
      at(id).onchange = () => { const state = compared(read().c || "any"); change({ ...state, [name]: at(id).value }); };
    at("filters").onsubmit = (event) => event.preventDefault();
    at("filters").onreset = (event) => { event.preventDefault(); change({ t: "", w: "", v: "", x: [], a: "", b: "", c: "", d: "" }); };
    at("run").onchange = () => go({ r: at("run").value, p: [], s: 0, w: "", a: "", b: "", c: "", d: "" });
    const back = () => go({ q: "", p: [], s: 0 });
    at("back").onclick = back;
    at("home").onclick = (event) => { event.preventDefault(); back(); };
    at("previous").onclick = () => move(-1);
    at("next").onclick = () => move(1);
    at("nudge-back").onclick = () => s1.question.jump(-1);
    at("nudge-next").onclick = () => s1.question.jump(1);
    at("dim").onchange = () => at("columns").classList.toggle("plain", !at("dim").checked);
    at("help-button").onclick = () => at("help").showModal();
    addEventListener("hashchange", show);
    addEventListener("scroll", () => { if (!at("index").hidden) s1.index.draw(); }, { passive: true });
    addEventListener("resize", () => { if (page.index) show(); });
    addEventListener("beforeprint", () => { if (!at("index").hidden) s1.index.draw(true); });
    addEventListener("keydown", (event) => pressed(event, back));
  }

  function pressed(event, back) {
    if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape") {
      if (typing) typing.blur();
      else if (!at("question").hidden) back();
      return;
    }
    if (typing) return;
    const question = !at("question").hidden;
    const keys = {
      j: () => move(1), k: () => move(-1), "?": () => at("help").showModal(),
      "/": () => { if (question) { page.search = true; back(); } else at("text").focus(); },
      ...(question ? { n: () => s1.question.jump(1), N: () => s1.question.jump(-1), d: () => at("dim").click() } : {}),
    };
    const chip = question && /^[1-9]$/.test(event.key) ? at("chips").children[Number(event.key) - 1] : null;
    const act = chip ? () => chip.click() : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  wire();
  s1.load("browse").then((report) => {
    page.report = report;
    at("run").replaceChildren(...report.runs.map((run) => new Option(run.name, run.name)));
    at("run-choice").hidden = report.runs.length < 2;
    return show();
  }).catch((problem) => notice(problem.message));
})();
