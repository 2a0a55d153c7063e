"use strict";
// Error against FLOPs of all configurations, by the reader's choice.
(() => {
  const source = document.getElementById("chart-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const form = document.getElementById("chart-choices");
  const panels = document.getElementById("chart");
  const W = 400, H = 300, LEFT = 46, RIGHT = 14, TOP = 30, BOTTOM = 46;
  const SVG = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, parent, text) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };

  // The points of the choice: policy, strategy, n, label, error, cost.
  function chosen() {
    const choice = Object.fromEntries(new FormData(form));
    const of = (name) => new FormData(form).getAll(name);
    const policies = of("chart-policy"), kinds = of("chart-strategy");
    const column = 3 + data.conventions.indexOf(choice.convention);
    return data.points.flatMap(([policy, strategy, n, voting, name, parts]) => {
      const values = parts[choice.part];
      const greedy = strategy.split("/")[0] === data.greedy;
      if (!values || !policies.includes(policy) || !kinds.includes(strategy)
        || (greedy ? voting !== "majority" : voting !== choice.voting)) return [];
      const [mean, low, high] = values.map((value) => 100 * value);
      const cost = values[column];
      const interval = `[${low.toFixed(1)}, ${high.toFixed(1)}]`;
      return [{
        policy, strategy, n, cost, greedy,
        error: 100 - mean, top: 100 - low, bottom: 100 - high,
        label: `${policy}, ${name}, n = ${n}\naccuracy ${mean.toFixed(1)}`
          + ` ${interval} %\n${cost.toPrecision(3)} FLOPs per problem`
          + ` (${choice.convention})`,
      }];
    });
  }

  function drawPanel(policy, points, all) {
    const costs = all.map((each) => Math.log10(each.cost));
    const least = Math.min(...costs) - 0.1, most = Math.max(...costs) + 0.1;
    const highest = Math.min(100, Math.max(10, ...all.map((each) => each.top)));
    const x = (cost) => LEFT + (Math.log10(cost) - least) / (most - least)
      * (W - LEFT - RIGHT);
    const y = (error) => H - BOTTOM - error / highest * (H - TOP - BOTTOM);
    const svg = draw("svg", {viewBox: `0 0 ${W} ${H}`, role: "group"}, panels);
    svg.setAttribute("aria-label", data.policies[policy]);
    draw("text", {x: W / 2, y: 18, "text-anchor": "middle", class: "name"},
      svg, data.policies[policy]);
    const step = highest > 50 ? 20 : 10;
    for (let error = 0; error <= highest; error += step) {
      draw("path", {class: "grid", d: `M${LEFT} ${y(error)}H${W - RIGHT}`}, svg);
      draw("text", {x: LEFT - 6, y: y(error) + 4, "text-anchor": "end"}, svg, error);
    }
    for (let power = Math.floor(least); power <= most; power++) {
      for (const factor of most - least < 4 ? [1, 3] : [1]) {
        const cost = factor * 10 ** power;
        if (Math.log10(cost) < least || Math.log10(cost) > most) continue;
        draw("path", {class: "grid", d: `M${x(cost)} ${TOP}V${H - BOTTOM}`}, svg);
        draw("text", {x: x(cost), y: H - BOTTOM + 16, "text-anchor": "middle"},
          svg, `${factor}e${power}`);
      }
    }
    draw("text", {x: W / 2, y: H - 8, "text-anchor": "middle"}, svg,
      "FLOPs per problem");
    draw("text", {transform: `translate(13 ${H / 2}) rotate(-90)`,
      "text-anchor": "middle"}, svg, "error rate (%)");
    let best = Infinity, stairs = "";
    for (const each of [...all].sort((a, b) => a.cost - b.cost || a.error - b.error)) {
      if (each.error >= best) continue;
      stairs += stairs ? `H${x(each.cost)}V${y(each.error)}`
        : `M${x(each.cost)} ${y(each.error)}`;
      best = each.error;
    }
    draw("path", {class: "frontier", d: `${stairs}H${W - RIGHT}`}, svg);
    for (const [strategy, [, color, filled]] of Object.entries(data.strategies)) {
      const curve = points.filter((each) => each.strategy === strategy)
        .sort((a, b) => a.cost - b.cost);
      if (!curve.length) continue;
      const at = (key) => curve.map((each) => `${x(each.cost)} ${y(each[key])}`);
      if (curve.length > 1) {
        draw("path", {fill: color, opacity: 0.13,
          d: `M${[...at("top"), ...at("bottom").reverse()].join("L")}Z`}, svg);
        draw("path", {fill: "none", stroke: color, "stroke-width": 1.8,
          "stroke-dasharray": filled ? "none" : "5 3",
          d: `M${at("error").join("L")}`}, svg);
      } else {
        draw("path", {stroke: color, d: `M${at("top")[0]}L${at("bottom")[0]}`}, svg);
      }
      for (const each of curve) {
        draw("circle", {
          cx: x(each.cost), cy: y(each.error), r: each.greedy ? 6 : 4.5,
          fill: filled ? color : "#fff", stroke: color, "stroke-width": 1.6,
          role: "img", "aria-label": each.label,
        }, svg);
      }
    }
  }

  function show() {
    const all = chosen();
    panels.replaceChildren();
    for (const policy of Object.keys(data.policies)) {
      const own = all.filter((each) => each.policy === policy);
      if (own.length) drawPanel(policy, own, all);
    }
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
