/** The list of targets: use against limit and forecast over the last hour. */

import { amount, nameOf, percent, word } from "./format";
import { Sparkline } from "./sparkline";
import type { Knob, Metric, Target, TargetPage } from "./types";

interface Props {
  page: TargetPage | null;
  filter: string;
  onFilter: (filter: string) => void;
  onMore: () => void;
}

export function Targets({ page, filter, onFilter, onMore }: Props) {
  return (
    <section class="targets" aria-labelledby="targets-title">
      <div class="title">
        <h2 id="targets-title">Targets</h2>
        <ul class="legend" aria-hidden="true">
          <li class="use">use</li>
          <li class="limit">limit</li>
          <li class="p99">forecast p99</li>
        </ul>
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter targets by name"
          value={filter}
          onInput={(event) => onFilter(event.currentTarget.value)}
        />
      </div>
      <div class="card list" aria-busy={page === null}>
        {page?.targets.map((target) => <Row key={target.id} target={target} />)}
        {page?.targets.length === 0 && <Nothing filter={filter} />}
        {page && page.next !== null && (
          <button class="quiet more" onClick={onMore}>
            Show more: {page.total - page.targets.length} are not shown
          </button>
        )}
      </div>
    </section>
  );
}

function Nothing({ filter }: { filter: string }) {
  if (filter) return <p class="empty">No target is called “{filter}”.</p>;
  return (
    <div class="empty">
      <p>
        <strong>Waiting for the first sample.</strong>
      </p>
      <p>
        forerun looks for services, containers and control groups every few seconds; <code>forerun doctor</code> says
        what it can see here. With <code>forerun up --examples</code> three programs start that give it something to
        forecast.
      </p>
    </div>
  );
}

function Row({ target }: { target: Target }) {
  const { name, place } = nameOf(target.id);
  const find = (metric: string) => target.metrics.find((reading) => reading.metric === metric);
  const knob = (resource: string) => target.resources.find((one) => one.resource === resource);
  return (
    <a class="row" href={`#/targets/${encodeURIComponent(target.id)}`}>
      <div class="who">
        <strong>{name}</strong>
        <span class="place">{place}</span>
        <span class="chips">
          {target.tier !== "standard" && <span class={`chip tier-${target.tier}`}>{word(target.tier)}</span>}
          {target.mode !== "act" && <span class="chip">{word(target.mode)}s only</span>}
          <State target={target} />
        </span>
      </div>
      <Gauge target={target} metric={find("cpu")} knob={knob("cpu_quota")} title="CPU" />
      <Gauge target={target} metric={find("mem")} knob={knob("memory_limit")} title="Memory" />
    </a>
  );
}

/** What matters most about a target now, if anything does. */
function State({ target }: { target: Target }) {
  const throttled = target.throttled_share ?? 0;
  if (throttled >= 0.01) return <span class="chip bad">throttled {percent(throttled)}</span>;
  if (target.oom_kills > 0) return <span class="chip bad">{target.oom_kills} out-of-memory kills</span>;
  const learning = target.resources.find((knob) => knob.wait === "learning");
  if (learning) {
    return (
      <span class="chip" title={learning.wait_detail ?? undefined}>
        learning
      </span>
    );
  }
  return null;
}

interface GaugeProps {
  target: Target;
  metric: Metric | undefined;
  knob: Knob | undefined;
  title: string;
}

function Gauge({ target, metric, knob, title }: GaugeProps) {
  if (!metric) return <div class="gauge" />;
  const current = amount(metric.current, metric.unit, true);
  const limited = knob !== undefined && knob.limit !== "unlimited";
  const limit = limited ? amount(knob.limit, knob.unit, true) : "none";
  const p99 = metric.forecast && amount(metric.forecast.quantiles.p99, metric.unit, true);
  const label = `${title}, last hour: ${current} in use, limit ${limit}${p99 ? `, forecast p99 ${p99}` : ""}`;
  return (
    <div class="gauge">
      <Sparkline id={target.id} metric={metric.metric} label={label} />
      <div class="readings" aria-hidden="true">
        <span class="now">
          {current}
          {metric.unit === "cores" && <small> {title}</small>}
        </span>
        <span class={`small limit-text ${limited ? "limited" : ""}`}>{limited ? `of ${limit}` : "no limit"}</span>
        <span class="small p99-text">{p99 ? `p99 ${p99}` : "no forecast yet"}</span>
      </div>
    </div>
  );
}
