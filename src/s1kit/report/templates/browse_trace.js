"use strict";
/*
 * One trace as a column: what it cost, where it was forced, how it ended, and its text.
 *
 * Knows the parts of a row: [phase, origin, why, tokens, places in the question's texts].
 */
s1.trace = (() => {
  const { make, count, VERDICTS } = s1;
  /** A stretch longer than this is folded: one text of a million characters takes a browser seconds to lay out. */
  const LONGEST = 60_000, HEAD = 30_000, TAIL = 5_000, STEP = 100_000;
  const WHY = {
    open: "opens the thinking", prefill: "put in the model's mouth", think: "thinking that was put there",
    nudge: "in place of the model's end of thinking", close: "closes the thinking",
    cutoff: "because the budget ran out", answer: "part of the answer",
  };
  const ENDED = {
    model: "ended by itself", cutoff: "cut off at its budget", context: "cut off: no room left",
    no_room: "no room for a nudge", stuck: "said nothing after a nudge", error: "the engine failed",
    unmet: "no try was short enough", early: "its trial answers had settled", unsure: "given up: not confident",
  };
  const ANSWERED = { turn_end: "", length: "answer cut at its limit", reopened: "answer reopened the thinking", error: "the engine failed in the answer" };

  /** The parts of a row with their texts. */
  function partsOf(row, texts) {
    return row.parts.map(([phase, origin, why, tokens, places]) =>
      ({ phase, forced: origin === "forced", why, tokens, text: places.map((i) => texts[i]).join("") }));
  }

  /** How many characters two traces begin with alike; never between the halves of one character. */
  function common(a, b) {
    const n = Math.min(a.length, b.length);
    let i = 0;
    while (i < n && a.charCodeAt(i) === b.charCodeAt(i)) i += 1;
    return i && i < n && a.charCodeAt(i - 1) >> 10 === 0x36 ? i - 1 : i;
  }

  /** Text, its middle folded away where it is very long. */
  function put(parent, text) {
    if (text.length <= LONGEST) { parent.append(text); return; }
    const more = make("button", "fold");
    more.type = "button";
    let shown = HEAD;
    const end = text.length - TAIL;
    const say = () => { more.textContent = `show ${count(Math.min(STEP, end - shown))} of ${count(end - shown)} characters left out here`; };
    more.onclick = () => {
      const next = Math.min(end, shown + STEP);
      more.before(text.slice(shown, next));
      shown = next;
      if (shown >= end) more.remove();
      else say();
    };
    say();
    parent.append(text.slice(0, HEAD), more, text.slice(end));
  }

  function lit(part) {
    const made = make("mark", part.why);
    const said = make("span", "sr", `forced, ${part.why}: `);
    made.title = `forced: ${part.why} (${WHY[part.why] ?? "not the model's"})`;
    made.tabIndex = -1;
    made.append(said);
    return made;
  }

  /**
   * The text of a trace, forced tokens lit, the beginning that it shares with another dimmed.
   * @param {any[]} parts @param {number} shared characters @param {string} other whom it shares them with
   */
  function body(parts, shared, other) {
    const made = make("div", "trace");
    let phase = "", box = made, left = shared, told = !other;
    const parted = (into) => {
      const sign = make("span", "differs");
      sign.title = `from here on it differs from ${other}`;
      sign.append(make("span", "sr", ` (differs from ${other} from here on) `));
      into.append(sign);
      told = true;
    };
    for (const part of parts) {
      if (part.phase !== phase) {
        phase = part.phase;
        if (made.childNodes.length || phase === "answer") made.append(make("h4", "", phase === "answer" ? "answer" : "thinking"));
        box = made.appendChild(make("div", `phase ${phase}`));
      }
      const into = part.forced ? lit(part) : box;
      const dim = Math.min(left, part.text.length);
      if (!told && left < part.text.length && left === 0) parted(box);
      if (into !== box) box.append(into);
      if (!part.text && part.forced) into.append(make("i", "", "(nothing appended)"));
      if (dim) { const span = make("span", "shared"); put(span, part.text.slice(0, dim)); into.append(span); }
      if (!told && dim < part.text.length) parted(into);
      if (dim < part.text.length) put(into, part.text.slice(dim));
      left -= dim;
    }
    if (!parts.length) made.append(make("p", "quiet", "No text was kept."));
    return made;
  }

  /** Tokens used of those asked for, with the places of the nudges and of the cut, in the scale of all columns. */
  function bar(row, parts, { budget, counted }, scale) {
    if (!counted) return [make("p", "used-of", "thinking tokens were not counted")];
    const used = row.model + row.forced, made = make("div", "bar"), nudges = [];
    const place = (element, property, tokens) => { element.style[property] = `${(100 * tokens) / scale}%`; return made.appendChild(element); };
    let at = 0;
    if (budget !== null) place(make("div", "asked"), "width", budget);
    place(make("div", "used"), "width", used);
    for (const part of parts) {
      if (part.phase !== "think" || part.why === "open") continue;
      if (part.why === "nudge") { nudges.push(at); place(make("div", "tick"), "left", at); }
      at += part.tokens;
    }
    if (row.ended === "cutoff" || row.ended === "context") place(make("div", "cut"), "left", used);
    const asked = budget === null ? "no limit" : `${count(budget)} asked`;
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", [
      `${count(used)} thinking tokens used, ${asked}`,
      nudges.length ? `nudges after ${nudges.map(count).join(", ")}` : "", made.querySelector(".cut") ? "cut off at the end" : "",
    ].filter(Boolean).join("; "));
    return [made, make("p", "used-of", make("b", "", count(used)), budget === null ? " thinking tokens, no limit asked" : ` of ${count(budget)} thinking tokens asked`)];
  }

  function facts(row, counted) {
    const list = make("dl", "facts");
    const add = (name, value) => { if (value !== "") list.append(make("div", "", make("dt", "", name), make("dd", "", value))); };
    if (counted) add("thinking", `${count(row.model)} own${row.forced ? ` + ${count(row.forced)} forced` : ""}`);
    if (counted || row.answer) add("answer", count(row.answer));
    if (counted || row.paid) add("paid", count(row.paid));
    add("discarded", row.discarded ? count(row.discarded) : "");
    add("tries", row.tries > 1 ? count(row.tries) : "");
    add("ends suppressed", row.extensions ? count(row.extensions) : "");
    return list;
  }

  function verdict(row, reference) {
    const [glyph, word] = VERDICTS[row.verdict], made = make("p", "verdict");
    const said = make("span", `pill ${["right", "wrong", "none", "none"][row.verdict]}`, `${glyph} ${word}`);
    made.append(said);
    if (row.extracted !== null) made.append(" ", make("code", "", row.extracted));
    if (row.verdict === 1 && reference !== null) made.append(" instead of ", make("code", "", reference));
    if (row.rule) { const rule = make("span", "rule", `by rule ${row.rule}`); rule.title = "the grader's rule that decided"; made.append(" ", rule); }
    return made;
  }

  function ending(row) {
    const words = [ENDED[row.ended] ?? row.ended, ANSWERED[row.answerEnded] ?? ""].filter(Boolean);
    const made = make("p", "ending", words.join("; "));
    if (row.looped) made.append(" ", make("span", "tag", "looped"));
    if (row.error !== null) made.append(make("span", "error", row.error));
    return made;
  }

  /**
   * One column.
   * @param {any} row @param {any} policy @param {any[]} parts @param {number} scale tokens that the bar's width is
   * @param {{parts: any[], label: string}|null} before the column to its left  @param {string|null} reference
   */
  function column(row, policy, parts, scale, before, reference) {
    const whole = parts.map((p) => p.text).join(""), other = before ? before.parts.map((p) => p.text).join("") : "";
    const shared = before ? common(whole, other) : 0;
    const head = make("header", "", make("h2", policy.mark ? `mark-${policy.mark}` : "", policy.label), verdict(row, reference));
    const made = make("section", "column", head, ...bar(row, parts, policy, scale), ending(row), facts(row, policy.counted));
    made.setAttribute("aria-label", policy.label);
    if (before) {
      const same = shared === whole.length;
      const note = make("p", "against");
      if (same && shared === other.length) note.append(`the same text as ${before.label}`);
      else if (same) note.append(`a beginning of ${before.label}`);
      else {
        const go = make("button", "", `differs from ${before.label} after ${count(shared)} characters`);
        go.type = "button";
        go.onclick = () => made.querySelector(".differs").scrollIntoView({ block: "center" });
        note.append(go);
      }
      made.append(note);
    }
    made.append(body(parts, shared, before && shared < whole.length ? before.label : ""));
    return made;
  }

  return { column, partsOf };
})();
