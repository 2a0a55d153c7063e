"use strict";
// The list of problems with its filters, and the problem that is open.
(async () => {
  const byId = (id) => document.getElementById(id);
  const constants = JSON.parse(byId("constants").textContent);
  if (!("DecompressionStream" in window)) {
    byId("count").textContent = "This browser cannot unpack the problems;"
      + " any of 2023 or later can.";
    return;
  }
  const {runs, problems} = await unpack(byId("index").textContent);
  const list = byId("list"), body = list.querySelector("tbody");
  const form = byId("filters"), article = byId("problem"), more = byId("more");
  const MOST_ROWS = 200;
  let limit = MOST_ROWS, open = null, chosen = null, leave = null;
  const nameOf = ([policy, strategy, n, seed]) =>
    `${policy}, ${constants.strategies[strategy]}, n = ${n}, seed ${seed}`;

  const checked = (name) => new Set(
    [...form.querySelectorAll(`[name="${name}"]:checked`)].map((e) => e.value));
  const wantedRuns = () => {
    const policies = checked("policy"), strategies = checked("strategy");
    return runs.map(([policy, strategy], run) => run).filter(
      (run) => policies.has(runs[run][0]) && strategies.has(runs[run][1]));
  };
  // How many of these searches there are, and how many are right.
  function solved(outcomes, wanted) {
    const own = wanted.map((run) => outcomes[run]).filter((c) => c !== "-");
    return [own.filter((c) => c === "1").length, own.length];
  }

  function fits([id, title, level, gold, question, outcomes], wanted, levels) {
    if (!levels.has(String(level))) return false;
    const words = byId("words").value.trim().toLowerCase();
    if (/^\d+$/.test(words)
      ? String(id) !== words && title !== words
      : !`${title}\n${question}`.toLowerCase().includes(words)) return false;
    const [right, all] = solved(outcomes, wanted);
    const outcome = byId("outcome").value;
    return all > 0 && (!outcome
      || (outcome === "all" ? right === all
        : outcome === "none" ? right === 0 : right > 0 && right < all));
  }

  function rowOf([id, title, level, gold, question, outcomes], wanted) {
    const [right, all] = solved(outcomes, wanted);
    const button = make("button", {
      type: "button", "aria-label": `Open problem ${title}`,
    }, title);
    const bar = make("span", {style: `--share:${100 * right / all}%`});
    return make("tr", {"data-problem": id, class: id === open ? "open" : null},
      make("td", {}, button), make("td", {class: "number"}, level),
      make("td", {class: "solved"}, bar, `${right} of ${all}`),
      make("td", {class: "question", title: question}, question),
      make("td", {class: "gold", title: gold}, gold));
  }

  const resort = sortable(list.querySelector("table"));
  function showList() {
    const wanted = wantedRuns(), levels = checked("level");
    const fitting = problems.filter((each) => fits(each, wanted, levels));
    const shown = fitting.slice(0, limit);
    body.replaceChildren(...shown.map((each) => rowOf(each, wanted)));
    resort();
    byId("count").textContent = `${fitting.length} of ${problems.length}`
      + ` problems, ${wanted.length} of ${runs.length} runs`;
    more.hidden = shown.length === fitting.length;
    more.textContent = `Show all ${fitting.length} problems`;
    list.hidden = !fitting.length;
  }

  function showSearch(content, problem, run) {
    chosen = runs[run];
    leave?.abort();
    leave = new AbortController();
    const record = content.records.find((each) => each.run === run);
    const view = viewOf(constants, content.texts, record, problem[3]);
    article.querySelector(".search-view")?.remove();
    article.querySelector("#search-title").textContent = nameOf(runs[run]);
    article.append(view);
    for (const row of article.querySelectorAll(".runs tbody tr")) {
      const own = Number(row.dataset.run) === run;
      row.classList.toggle("open", own);
      row.querySelector("button").setAttribute("aria-pressed", own);
    }
    if (record.tree?.parents.length) {
      followTree(view, stepsOf(constants, content.texts, record), leave.signal);
    }
    history.replaceState(null, "", `#${new URLSearchParams({
      problem: problem[0], run: runs[run].join(",")})}`);
  }

  // Of the open problem the searches that the filters leave.
  function filterRuns() {
    const wanted = new Set(wantedRuns());
    for (const row of article.querySelectorAll(".runs tbody tr")) {
      row.hidden = !wanted.has(Number(row.dataset.run));
    }
  }

  function runsTable(content) {
    const votes = Object.entries(constants.columns);
    const rows = content.records.map((record) => {
      const [policy, strategy, n, seed] = runs[record.run];
      const right = record.candidates.filter((each) => each[1]).length;
      const cells = votes.map(([name]) => {
        const vote = record.votes[name];
        if (!vote) return make("td", {}, "-");
        const kind = vote[1] ? "right" : "wrong";
        return make("td", {}, make("span", {class: `answer ${kind}`},
          `${vote[0] ?? "\u2013"} ${constants.marks[String(Boolean(vote[1]))]}`));
      });
      const flops = record.ledger.flops?.paper;
      return make("tr", {"data-run": record.run},
        make("td", {}, make("button", {
          type: "button", "aria-label": `Show ${nameOf(runs[record.run])}`,
        }, policy)),
        make("td", {}, constants.strategies[strategy]),
        make("td", {class: "number"}, n), make("td", {class: "number"}, seed),
        ...cells,
        make("td", {class: "number"}, `${right} of ${record.candidates.length}`),
        make("td", {class: "number"}, flops ? flops.toPrecision(3) : "-"));
    });
    const heads = ["policy", "strategy", "n", "seed",
      ...votes.map(([, name]) => name), "right", "FLOPs (paper)"];
    const table = make("table", {},
      make("thead", {}, make("tr", {},
        ...heads.map((head) => make("th", {scope: "col"}, head)))),
      make("tbody", {}, ...rows));
    sortable(table);
    return make("div", {
      class: "table runs", tabindex: "0", role: "region", "aria-label": "Searches",
    }, table);
  }

  // Of all searches the one that was open before, or that of the most steps.
  function firstOf(records) {
    const wanted = wantedRuns();
    const fitting = records.filter(({run}) => wanted.includes(run));
    const shown = fitting.length ? fitting : records;
    const steps = (record) => record.tree?.parents.length ?? 0;
    return shown.find(({run}) => chosen && runs[run].join() === chosen.join())
      ?? shown.reduce((a, b) => steps(b) > steps(a) ? b : a);
  }

  async function openProblem(id, run) {
    const problem = problems.find((each) => each[0] === id);
    const packed = document.querySelector(`script[data-problem="${id}"]`);
    if (!problem || !packed) return;
    open = id;
    const content = await unpack(packed.textContent);
    const [, title, level, gold, question] = problem;
    const close = make("button", {type: "button", class: "close"}, "Close");
    article.replaceChildren(close,
      make("h3", {id: "problem-title"}, `Problem ${title}`),
      make("p", {class: "where"}, `Level ${level}`
        + (gold ? `, answer ${gold}` : "")),
      make("blockquote", {}, question),
      make("h4", {style: "margin-top:22px"}, "Searches"),
      runsTable(content),
      make("h3", {id: "search-title", "aria-live": "polite"}));
    article.setAttribute("aria-labelledby", "problem-title");
    article.hidden = false;
    article.querySelector(".runs").addEventListener("click", (event) => {
      const row = event.target.closest("tbody tr");
      if (row) showSearch(content, problem, Number(row.dataset.run));
    });
    close.addEventListener("click", () => {
      article.hidden = true;
      leave?.abort();
      const row = body.querySelector("tr.open");
      row?.classList.remove("open");
      row?.querySelector("button").focus();
      open = null;
      history.replaceState(null, "", "#problems");
    });
    for (const row of body.rows) {
      row.classList.toggle("open", Number(row.dataset.problem) === id);
    }
    filterRuns();
    const first = content.records.find((each) => each.run === run)
      ?? firstOf(content.records);
    showSearch(content, problem, first.run);
    article.focus({preventScroll: true});
    article.scrollIntoView({block: "start"});
  }

  list.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    if (row) openProblem(Number(row.dataset.problem));
  });
  more.addEventListener("click", () => {
    limit = Infinity;
    showList();
  });
  form.addEventListener("input", () => {
    limit = MOST_ROWS;
    showList();
    filterRuns();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  showList();

  // A link to one search.
  const link = new URLSearchParams(location.hash.slice(1));
  if (link.has("problem")) {
    const run = runs.findIndex((each) => each.join(",") === link.get("run"));
    openProblem(Number(link.get("problem")), run);
  }
})();
