"use strict";
// One search: votes, answers, tree, candidates and cost, with the markup of
// the page of a search tree (its templates are in ../../trees).

// Unpacks what packing.py has packed.
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// An element with attributes and children; texts of others stay texts.
function make(tag, attributes = {}, ...children) {
  const svg = tag === "svg" || tag === "path";
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

// The fields of a packed candidate; what the tree has is taken from it.
function readCandidates(record, texts) {
  const tree = record.tree;
  return record.candidates.map(
    ([answer, correct, status, tokens, path, scores, text]) => ({
      answer, correct, status, tokens, path,
      scores: scores ?? path.map((node) => tree.scores[node]),
      text: text === null
        ? path.map((node) => texts[tree.texts[node]]).join("") : texts[text],
    }));
}

function viewOf(constants, texts, record, gold) {
  const tree = record.tree;
  const candidates = readCandidates(record, texts);
  const scored = candidates.some((each) => each.scores.length > 0);
  const scores = tree?.scores ?? candidates.flatMap((each) => each.scores);
  const limits = [scores.reduce((a, b) => Math.min(a, b), 0),
    scores.reduce((a, b) => Math.max(a, b), 1)];
  const verdict = (correct) =>
    correct === null ? "" : correct ? "right" : "wrong";
  const mark = (correct) => constants.marks[String(correct)];
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  function cellStyle(score) {
    const share = (score - limits[0]) / (limits[1] - limits[0]);
    const last = constants.shades.length - 1;
    const at = Math.max(0, Math.min(last, Math.floor(share * (last + 1))));
    return `background:${constants.shades[at]};color:${constants.inks[at]}`;
  }
  const rewardText = (score) => score >= 0 && score <= 1
    ? score.toFixed(2) : String(Number(score.toPrecision(3)));
  const reward = (score) =>
    make("b", {style: cellStyle(score)}, rewardText(score));
  const silence = (candidate) => candidate.status === "finished"
    ? "no answer" : constants.ends[candidate.status];
  function answerOf(candidate, copies = 1) {
    const kind = candidate.answer === null ? "none" : verdict(candidate.correct);
    const text = candidate.answer === null
      ? silence(candidate) : `${candidate.answer} ${mark(candidate.correct)}`;
    const many = copies > 1 ? make("small", {}, `\u00d7${copies}`) : null;
    return make("span", {class: `answer ${kind}`}, text,
      ...(many ? [" ", many] : []));
  }
  function label(text) {
    let line = text.trim().split(/\s+/).join(" ");
    for (const part of constants.unlabelled) {
      line = line.replace(new RegExp(part), "");
    }
    return line.trim();
  }

  function votesTable() {
    const methods = {};
    for (const [name, vote] of Object.entries(record.votes)) {
      const [method, aggregation = ""] = name.split("/");
      (methods[method] ??= {})[aggregation] = vote;
    }
    const how = [...new Set(Object.values(methods).flatMap(Object.keys))]
      .filter((name) => name);
    const cell = ([answer, correct], span) => {
      const known = gold ? Boolean(correct) : null;
      return make("td", {colspan: span > 1 ? span : null},
        make("span", {class: `answer ${verdict(known)}`},
          `${answer ?? "\u2013"} ${mark(known)}`));
    };
    const rows = Object.entries(methods).map(([method, columns]) => make(
      "tr", {}, make("th", {scope: "row"}, constants.votes[method] ?? method),
      ...("" in columns ? [cell(columns[""], how.length)]
        : how.map((name) => name in columns ? cell(columns[name]) : make("td")))
    ));
    const head = how.length ? [make("thead", {}, make("tr", {}, make("td"),
      ...how.map((name) => make("th", {scope: "col"}, name))))] : [];
    return make("table", {class: "votes"}, ...head, make("tbody", {}, ...rows));
  }

  function answersTable() {
    const groups = new Map();
    for (const each of candidates) {
      groups.set(each.answer, [...groups.get(each.answer) ?? [], each]);
    }
    const ordered = [...groups.values()].sort((a, b) =>
      (a[0].answer === null) - (b[0].answer === null) || b.length - a.length);
    const number = (text) => make("td", {class: "number"}, text);
    const rows = ordered.map((group) => {
      const given = group[0].answer !== null;
      const width = (100 * group.length / candidates.length).toFixed(1);
      const last = group.map((each) => each.scores.at(-1) ?? NaN)
        .filter((score) => !Number.isNaN(score));
      const rewards = !scored ? [] : given && last.length
        ? [last.reduce((a, b) => a + b, 0).toFixed(2),
          rewardText(Math.max(...last))] : ["\u2013", "\u2013"];
      return make("tr", {},
        make("td", {}, given ? answerOf(group[0])
          : make("span", {class: "answer none"}, "no answer")),
        make("td", {class: "bar"}, make("span", {style: `width:${width}%`})),
        number(group.length), ...rewards.map(number));
    });
    const heads = ["answer", "", "candidates",
      ...(scored ? ["sum of last rewards", "best"] : [])];
    return make("table", {class: "answers"},
      make("thead", {}, make("tr", {}, ...heads.map((head) =>
        make(head ? "th" : "td", {scope: head ? "col" : null}, head)))),
      make("tbody", {}, ...rows));
  }

  // Candidates by the step that they end in.
  const ends = new Map();
  candidates.forEach((each) => {
    const node = each.path.at(-1);
    ends.set(node, [...ends.get(node) ?? [], each]);
  });
  const size = constants.sizes;
  const middle = (row) => Math.round((row * size.pitch + size.height / 2) * 10) / 10;
  const beamsAt = (node) =>
    tree.widths[node] + (ends.get(node) ?? []).length;

  function lines(name, rows, root) {
    const starts = tree.parents.filter((parent) => parent === null).length;
    const beam = constants.widest / Math.max(starts, candidates.length, 1);
    const paths = rows.map((row, node) => {
      if (row === null) return null;
      const end = size.first + tree.depths[node] * size.column;
      const parent = tree.parents[node];
      const x = parent === null ? 34 : end - size.column + size.chip;
      const from = middle(parent === null ? root : rows[parent]);
      const to = middle(row), bend = (x + end) / 2;
      const width = Math.max(beamsAt(node) * beam, 1.25);
      return make("path", {
        "data-node": node, class: tree.kept[node] === null ? "lost" : null,
        d: `M${x} ${from}C${bend} ${from} ${bend} ${to} ${end} ${to}`,
        "stroke-width": Number(width.toPrecision(3)),
      });
    });
    return make("svg", {class: `lines ${name}`, "aria-hidden": "true"}, ...paths);
  }

  function stepOf(node) {
    const kind = constants.kinds[tree.status[node]];
    const own = ends.get(node) ?? [], text = texts[tree.texts[node]];
    const lost = tree.kept[node] === null;
    const ended = tree.status[node] || own.length;
    const beams = beamsAt(node);
    return make("button", {
      type: "button", tabindex: "-1", "data-node": node, title: text.trim(),
      class: `step${lost ? " lost" : ""}${ended ? ` ${kind}` : ""}`,
      style: `--x:${tree.depths[node]};--row:${tree.rows[node]}`
        + (lost ? "" : `;--kept:${tree.kept[node]}`),
    },
    tree.scores ? reward(tree.scores[node]) : null,
    make("i", {}, label(text)),
    beams > 1 && !own.length ? make("em", {}, `\u00d7${beams}`) : null,
    kind === "duplicate"
      ? make("span", {class: "answer none"}, "duplicate") : null,
    own.length ? answerOf(own[0], own.length) : null);
  }

  function treeOf() {
    const rootRow = (rows) => {
      const first = rows.filter(
        (row, node) => row !== null && tree.parents[node] === null);
      return first.length ? (first[0] + first.at(-1)) / 2 : 0;
    };
    const count = (rows) =>
      1 + Math.floor(rows.reduce((a, b) => Math.max(a, b ?? 0), 0));
    const root = rootRow(tree.rows), keptRoot = rootRow(tree.kept);
    const columns = 1 + tree.depths.reduce((a, b) => Math.max(a, b), 0);
    const style = [
      `--columns:${columns}`, `--rows:${count(tree.rows)}`,
      `--kept-rows:${count(tree.kept)}`, `--root:${root}`,
      `--kept-root:${keptRoot}`,
      ...Object.entries(size).map(([name, pixels]) => `--${name}:${pixels}px`),
    ].join(";");
    return make("div", {class: "tree", id: "tree", style},
      make("div", {class: "heads"}, ...Array.from({length: columns}, (_, i) =>
        make("span", {style: `--x:${i}`}, `step ${i + 1}`))),
      make("div", {class: "canvas"}, lines("all", tree.rows, root),
        lines("kept", tree.kept, keptRoot),
        make("div", {class: "root", title: "the question"}, "?"),
        ...tree.parents.map((_, node) => stepOf(node))));
  }

  function summary() {
    const counts = Object.entries(constants.ends).map(([status, words]) =>
      [candidates.filter((each) => each.status === status).length, words])
      .filter(([count]) => count).map(([count, words]) => `${count} ${words}`);
    const lost = tree ? tree.kept.filter((row) => row === null).length : 0;
    return (tree ? `${plural(tree.parents.length, "step")}, ${lost} of them in `
      + "no candidate; " : "") + plural(candidates.length, "candidate")
      + (counts.length ? `: ${counts.join(", ")}` : "");
  }

  function treeSection() {
    const copy = (id) => document.getElementById(id).content.cloneNode(true);
    const tools = make("div", {class: "tools"});
    if (scored) {
      const shades = Array.from({length: constants.scale}, (_, i) => make("b", {
        style: cellStyle(limits[0]
          + i / (constants.scale - 1) * (limits[1] - limits[0])),
      }));
      const [low, high] = limits.map((x) => String(Number(x.toPrecision(3))));
      tools.append(make("span", {class: "scale"},
        `reward ${low} `, ...shades, ` ${high}`));
    }
    tools.append(copy("controls"));
    const slider = tools.querySelector("#round");
    slider.max = tree.rounds.reduce((a, b) => Math.max(a, b), 0) + 1;
    slider.value = slider.max;
    tools.querySelector("#shown").textContent = slider.max;
    const scroll = make("div", {class: "scroll", id: "scroll"}, treeOf());
    return [tools, make("div", {class: "view"}, scroll, copy("panel-parts"))];
  }

  function candidatesList() {
    const last = (each) => each.scores.at(-1) ?? -Infinity;
    const ordered = [...candidates].sort((a, b) =>
      (a.answer === null) - (b.answer === null)
      || (a.status === "unfinished") - (b.status === "unfinished")
      || (last(b) > last(a)) - (last(b) < last(a)));
    return make("div", {class: "candidates"}, ...ordered.map((each) => {
      const steps = each.path.length || each.scores.length;
      const cut = each.answer !== null && each.status !== "finished"
        ? constants.ends[each.status] : "";
      const end = tree ? texts[tree.texts[each.path.at(-1)]] : each.text;
      return make("details", {"data-node": tree ? each.path.at(-1) : null},
        make("summary", {}, answerOf(each),
          make("span", {class: "rewards"}, ...each.scores.map(reward)),
          make("span", {class: "last"}, label(end)),
          make("span", {class: "note"},
            `${cut} ${plural(steps, "step")}, ${each.tokens} tokens`)),
        make("pre", {}, each.text.trim()));
    }));
  }

  function costTables() {
    const ledger = record.ledger;
    const number = (...parts) => make("td", {class: "number"}, ...parts);
    const comma = (count) => count.toLocaleString("en");
    const power = (value) => {
      if (!value) return ["0"];
      const exponent = Math.floor(Math.log10(value));
      return [`${(value / 10 ** exponent).toFixed(2)} \u00d7 10`,
        make("sup", {}, exponent)];
    };
    const line = (title, value) =>
      make("tr", {}, make("th", {scope: "row"}, title), number(value));
    const tokens = (title, count) =>
      count === undefined ? null : line(title, `${comma(count)} tokens`);
    const lost = ledger.policy_discarded, made = ledger.policy_decode;
    const share = made ? Math.round(100 * lost / made) : 0;
    const cache = ledger.cache_bytes;
    const first = make("table", {class: "cost"}, make("tbody", {}, ...[
      tokens("Policy reads of the prompt", ledger.policy_prefill),
      tokens("Policy generates", made),
      lost === undefined ? null : line("\u2002of these in no candidate",
        `${comma(lost)} tokens (${share}%)`),
      tokens("Reward model reads of the prompt", ledger.reward_prefill),
      tokens("Reward model scores", ledger.reward_scored),
      cache === undefined ? null : line("Keys and values",
        `${(cache / 2 ** 20).toFixed(1)} MiB`),
    ].filter((row) => row)));
    if (!ledger.flops) return [first];
    const row = (title, values) => !values ? null : make("tr", {},
      make("th", {scope: "row"}, title),
      ...Object.values(values).map((value) => number(...power(value))));
    const second = make("table", {class: "cost"},
      make("thead", {}, make("tr", {},
        ...["FLOPs, by convention", ...Object.keys(ledger.flops)].map((name) =>
          make("th", {scope: "col"}, name.replaceAll("_", " "))))),
      make("tbody", {}, ...[
        row("All", ledger.flops),
        row("\u2002prompts, policy", ledger.flops_prefill),
        row("\u2002reward model", ledger.flops_reward),
      ].filter((each) => each)));
    return [first, second];
  }

  const section = (title, ...parts) =>
    make("section", {}, make("h4", {}, title), ...parts);
  const view = make("div", {class: "search-view"},
    make("section", {class: "outcome"},
      make("div", {}, make("h4", {}, "Votes"), votesTable()),
      make("div", {class: "wide"}, make("h4", {}, "Answers"), answersTable())),
    section("Search tree", make("p", {class: "summary"}, summary()),
      ...(tree ? treeSection()
        : [make("p", {}, "The record has no steps by node, as of an older"
          + " version.")])),
    section("Candidates", candidatesList()),
    section("Cost", make("div", {class: "costs"}, ...costTables())));
  return view;
}

// The steps of a tree as followTree reads them.
function stepsOf(constants, texts, record) {
  const tree = record.tree, ends = {};
  for (const each of readCandidates(record, texts)) {
    const end = each.answer === null
      ? (each.status === "finished" ? "no answer" : constants.ends[each.status])
      : `${each.answer} ${constants.marks[String(each.correct)]}`.trim();
    const node = each.path.at(-1);
    ends[node] = node in ends ? `${ends[node]}, ${end}` : end;
  }
  return {...tree, texts: tree.texts.map((text) => texts[text]), ends};
}
