// The cost formula of formula.py in the browser; a test compares the two on random numbers. Unknown numbers are NaN.
const HOURS_PER_MONTH = 730;
const RETRIEVES = ["rag", "tuned_rag"];
const TUNED = ["tuned", "tuned_rag"];
const times = (a, b) => (a === 0 || b === 0 ? 0 : a * b);
const sum = (items) => Object.values(items).reduce((total, amount) => total + amount, 0);

function costItems(v, system) {
  const checking = v.evaluation_minutes / 60 * v.label_usd_per_hour;
  const setup = {
    "the prompt": v.prompt_hours * v.team_usd_per_hour,
    "labelled queries": v.evaluation_queries * checking,
  };
  const monthly = {
    "care of the prompt": v.prompt_hours_per_month * v.team_usd_per_hour,
    "checking answers": v.checked_per_month * checking,
  };
  const perQuery = {
    mistakes: times(v["wrong_share." + system], v.wrong_usd) + times(v["abstained_share." + system], v.abstained_usd),
  };
  addAnswering(v, system, monthly, perQuery);
  if (RETRIEVES.includes(system)) {
    setup.retrieval = v.retrieval_hours * v.team_usd_per_hour;
    setup["first index"] = v.index_usd;
    monthly["care of documents"] = v.retrieval_hours_per_month * v.team_usd_per_hour;
    monthly["indexing again"] = v.index_usd * v.reindexed_per_month;
    monthly["vector store"] = v.store_usd_per_month;
    perQuery.searching = v.search_usd_per_query;
  }
  if (TUNED.includes(system)) addTuning(v, system, setup, monthly);
  return { setup, monthly, perQuery };
}

function addAnswering(v, system, monthly, perQuery) {
  const who = TUNED.includes(system) ? "tuned_" : "";
  const owned = v[who + "self_hosted"];
  const read = v["input_tokens." + system];
  const written = v["output_tokens." + system];
  const cached = v["cached_share." + system];
  const tokens = (read * (1 - cached) * v[who + "input_price"]
    + times(read * cached, v[who + "cached_price"])
    + written * v[who + "output_price"]) / 1e6;
  perQuery.tokens = times(1 - owned, tokens * (1 - v.batch_share * v.batch_discount));
  const rate = v["requests_per_second." + system] * v.utilisation * 3600;
  perQuery.machines = times(owned, v.hosting_usd_per_hour / rate);
  monthly["spare machines"] = times(owned, v.spare_machines * v.hosting_usd_per_hour * HOURS_PER_MONTH);
}

function addTuning(v, system, setup, monthly) {
  const label = v.label_minutes / 60 * v.label_usd_per_hour;
  const tokens = v.training_examples * v.example_tokens * v.epochs;
  const training = times(v.tuned_self_hosted, v.training_hours * v.hosting_usd_per_hour)
    + times(1 - v.tuned_self_hosted, tokens * v.training_price / 1e6);
  setup.labelling = Math.max(v.training_examples - v.labelled_examples, 0) * label;
  setup.training = training;
  setup["preparing and examining the tuning"] = v.tuning_hours * v.team_usd_per_hour;
  let often = v.base_model_changes_per_year;
  if (!RETRIEVES.includes(system)) often += v.knowledge_refreshes_per_year;
  const relabelling = v.relabelled_share * v.training_examples * label;
  monthly["training again"] = often / 12 * training;
  monthly["labelling and examining again"] = often / 12 * (relabelling + v.retuning_hours * v.team_usd_per_hour);
  monthly["keeping tuned weights ready"] = v.tuned_hosting_usd_per_month;
}

const monthlyCost = (items, volume) => sum(items.monthly) + volume * sum(items.perQuery);
const totalCost = (items, volume, months) => sum(items.setup) + months * monthlyCost(items, volume);

// Queries a month from which on `above` is cheaper; Infinity: never; NaN: not known.
function breakEven(below, above, months) {
  const extra = sum(above.monthly) + sum(above.setup) / months - sum(below.monthly) - sum(below.setup) / months;
  const saved = sum(below.perQuery) - sum(above.perQuery);
  if (Number.isNaN(extra) || Number.isNaN(saved)) return NaN;
  if (saved > 0) return Math.max(extra, 0) / saved;
  return saved === 0 && extra < 0 ? 0 : Infinity;
}
