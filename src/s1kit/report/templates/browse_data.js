"use strict";
/*
 * The data files: asked for when they are needed, dropped when there are many.
 *
 * A page opened from a disk may fetch nothing, but it may run scripts that lie beside it. Each data file is one call of
 * s1.deliver(name, value). Whatever is in them is shown with textContent and never becomes markup.
 */
const s1 = (() => {
  /** How many shards are held: about a megabyte each. */
  const KEEP = 6;
  /** @type {Map<string, {resolve: Function, reject: Function}>} */
  const asked = new Map();
  /** @type {Map<string, Promise<any>>} in the order of their last use */
  const held = new Map();

  // Where the browser knows trusted types, this is the only way by which the page can come by a script.
  const address = (name) => {
    if (!/^browse(-\d+){0,2}$/.test(name)) throw new TypeError(`no data file: ${name}`);
    return `data/${name}.js`;
  };
  const urls = window.trustedTypes?.createPolicy("s1-data", { createScriptURL: address });

  /** @param {string} name of a file in data/  @returns {Promise<any>} what it delivers */
  function load(name) {
    let found = held.get(name);
    if (found) held.delete(name); // put back below, as the one used last
    else {
      found = new Promise((resolve, reject) => asked.set(name, { resolve, reject }));
      const script = document.createElement("script");
      script.src = urls ? urls.createScriptURL(name) : address(name);
      script.onload = () => { script.remove(); settle(name, new Error(`data/${name}.js is not whole.`)); };
      script.onerror = () => { script.remove(); settle(name, new Error(`data/${name}.js cannot be read. Keep the folder together: this page needs what lies beside it.`)); };
      document.head.append(script);
    }
    held.set(name, found);
    const shards = [...held.keys()].filter((key) => /-\d+-/.test(key));
    for (const old of shards.slice(0, -KEEP)) held.delete(old);
    return found;
  }

  /** Only what is still asked for is left to be refused: a delivered file has been taken out already. */
  function settle(name, problem) {
    asked.get(name)?.reject(problem);
    asked.delete(name);
  }

  function deliver(name, value) {
    asked.get(name)?.resolve(value);
    asked.delete(name);
  }

  /**
   * An element with a class and content; strings become text.
   * @param {string} tag @param {string} [className] @param {...(Node|string)} content
   */
  function make(tag, className = "", ...content) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...content);
    return element;
  }

  /** @param {string} id @returns {any} */
  const at = (id) => document.getElementById(id);
  const count = (n) => n.toLocaleString("en");

  /** By their places: sign, word. The sign alone tells them apart, the colour helps. */
  const VERDICTS = [["●", "correct"], ["○", "incorrect"], ["–", "no answer"], ["·", "ungraded"]];
  const SOME = ["◐", "some samples correct"];
  const FLAGS = { forced: 1, looped: 2, cut: 4, failed: 8 };
  const FLAG_WORDS = { forced: "forced", looped: "looped", cut: "cut off", failed: "failed" };

  return { load, deliver, make, at, count, held, VERDICTS, SOME, FLAGS, FLAG_WORDS };
})();
