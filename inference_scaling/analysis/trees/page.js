"use strict";
// A search tree is whole without this script; here is what moves.
// root: what holds the tree and its controls, perhaps the whole document.
// data: the steps, by node. signal: lets go of the window's events; or none.
function followTree(root, data, signal) {
  const byId = (id) => root.querySelector(`#${id}`);
  const tree = byId("tree"), scroll = byId("scroll"), panel = byId("panel");
  const steps = [...tree.querySelectorAll(".step")];
  const hint = panel.innerHTML;
  let chosen = null;

  const make = (tag, text, parent) => {
    const element = document.createElement(tag);
    element.textContent = text;
    parent.append(element);
    return element;
  };

  const pathTo = (node) => {
    const path = [];
    for (; node !== null; node = data.parents[node]) path.unshift(node);
    return path;
  };

  // Rewards are taken from the steps, with their colours.
  const rewardOf = (node) => steps[node].querySelector("b");

  function read(node) {
    panel.replaceChildren();
    panel.classList.add("reading");
    const facts = make("dl", "", panel);
    const say = (name, value) => {
      make("dt", name, facts);
      make("dd", value, facts);
    };
    const path = pathTo(node);
    const round = data.rounds[node] + 1, later = round !== path.length;
    say("Step", path.length + (later ? `, made in round ${round}` : ""));
    if (rewardOf(node)) say("Reward", rewardOf(node).textContent);
    if (node in data.ends) say("Ends", data.ends[node]);
    else if (data.widths[node]) say("Steps after it", data.widths[node]);
    else if (steps[node].classList.contains("duplicate")) {
      say("Ends", "dropped, as another step is the same");
    } else say("Ends", "given up");
    say("Tokens", data.tokens[node]);
    const list = make("ol", "", panel);
    for (const each of path) {
      const item = make("li", "", list);
      const reward = rewardOf(each);
      if (reward) item.append(reward.cloneNode(true));
      make("span", data.texts[each].trim(), item);
    }
  }

  function highlight(node) {
    const path = new Set(node === null ? [] : pathTo(node));
    tree.classList.toggle("picked", node !== null);
    for (const element of tree.querySelectorAll("[data-node]")) {
      const number = Number(element.dataset.node);
      element.classList.toggle("on", path.has(number));
      element.classList.toggle("chosen", number === node);
    }
  }

  // Moves the tree, but not the page, to where a step can be seen.
  function bring(node) {
    const inner = steps[node].getBoundingClientRect();
    const outer = scroll.getBoundingClientRect();
    if (inner.top < outer.top + 40 || inner.bottom > outer.bottom) {
      scroll.scrollTop += inner.top - outer.top - scroll.clientHeight / 2;
    }
    if (inner.left < outer.left || inner.right > outer.right) {
      scroll.scrollLeft += inner.right - outer.right + 80;
    }
  }

  function choose(node) {
    chosen = node;
    highlight(node);
    for (const step of steps) step.tabIndex = -1;
    steps[node ?? 0].tabIndex = 0;
    if (node === null) {
      panel.innerHTML = hint;
      panel.classList.remove("reading");
      return;
    }
    read(node);
    bring(node);
  }

  const visible = (node) => steps[node].checkVisibility
    ? steps[node].checkVisibility({visibilityProperty: true}) : true;
  const row = (node) => steps[node].offsetTop;

  // Left: parent; right: first child; up and down: neighbours in the column.
  function neighbour(node, key) {
    if (key === "ArrowLeft") return data.parents[node];
    const others = [...data.parents.keys()].filter(visible);
    if (key === "ArrowRight") {
      return others.find((other) => data.parents[other] === node) ?? null;
    }
    const sign = key === "ArrowDown" ? 1 : -1;
    const distance = (other) => sign * (row(other) - row(node));
    return others
      .filter((other) => steps[other].offsetLeft === steps[node].offsetLeft)
      .filter((other) => distance(other) > 0)
      .sort((one, two) => distance(one) - distance(two))[0] ?? null;
  }

  tree.addEventListener("click", (event) => {
    const step = event.target.closest(".step");
    const node = step ? Number(step.dataset.node) : null;
    choose(node === chosen ? null : node);
  });
  tree.addEventListener("mouseover", (event) => {
    const step = event.target.closest(".step");
    if (step && chosen === null) read(Number(step.dataset.node));
  });
  document.addEventListener("keydown", (event) => {
    // Of a page with more than the tree the other keys are its own.
    if (root !== document && !root.contains(event.target)) return;
    if (event.key === "Escape") choose(null);
    const moves = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
    if (!moves.includes(event.key)) return;
    if (!tree.contains(document.activeElement) && chosen === null) return;
    if (document.activeElement?.tagName === "INPUT") return;
    const next = chosen === null ? 0 : neighbour(chosen, event.key);
    event.preventDefault();
    if (next === null) return;
    choose(next);
    steps[next].focus();
  }, {signal});
  for (const item of root.querySelectorAll("details")) {
    item.addEventListener("toggle", () => {
      if (item.open && !printing) choose(Number(item.dataset.node));
    });
  }

  // Which steps are shown.
  const rounds = Math.max(0, ...data.rounds) + 1, slider = byId("round");
  function show(round) {
    slider.value = round;
    byId("shown").textContent = round;
    for (const element of tree.querySelectorAll("[data-node]")) {
      const made = data.rounds[Number(element.dataset.node)];
      element.classList.toggle("later", made >= round);
    }
  }
  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    byId("play").textContent = "\u25B6";
  }
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  byId("play").addEventListener("click", () => {
    if (timer) return stop();
    byId("play").textContent = "\u275A\u275A";
    let round = Number(slider.value) < rounds ? Number(slider.value) : 0;
    timer = setInterval(() => {
      show(++round);
      if (round >= rounds) stop();
    }, Math.max(80, Math.min(900, 9000 / rounds)));
  });
  const lost = byId("lost");
  lost.hidden = !tree.querySelector(".step.lost");
  lost.querySelector("input").addEventListener("change", (event) => {
    tree.classList.toggle("kept-only", !event.target.checked);
  });

  // How large they are shown.
  let zoom = 1;
  const width = tree.offsetWidth;
  const setZoom = (value) => {
    zoom = Math.max(.25, Math.min(2, value));
    tree.style.setProperty("--zoom", zoom);
  };
  const fit = (least) => setZoom(
    Math.max(least, Math.min(1, (scroll.clientWidth - 2) / width)));
  byId("in").addEventListener("click", () => setZoom(zoom * 1.2));
  byId("out").addEventListener("click", () => setZoom(zoom / 1.2));
  byId("fit").addEventListener("click", () => fit(.25));

  let printing = false;
  addEventListener("beforeprint", () => {
    printing = true;
    show(rounds);
    for (const item of root.querySelectorAll("details")) item.open = true;
  }, {signal});
  addEventListener("afterprint", () => { printing = false; }, {signal});
  signal?.addEventListener("abort", stop);

  root.querySelector(".controls").hidden = false;
  fit(.62);
  const start = tree.querySelector(".root").getBoundingClientRect();
  const top = start.top - scroll.getBoundingClientRect().top;
  if (tree.offsetHeight * zoom > scroll.clientHeight) {
    scroll.scrollTop = top - scroll.clientHeight / 2;
  }
  if (steps.length) choose(null);
}
