/** One target: its fan chart, its knobs, the methods that forecast it, its decisions. */

import { useEffect, useState } from "preact/hooks";
import { api, Problem } from "./api";
import { FanChart } from "./chart";
import { Decisions, Fact, type Undo } from "./decisions";
import { amount, nameOf, percent, span, word } from "./format";
import { type Act, ModeSwitch } from "./header";
import { known } from "./sparkline";
import type { Decision, Knob, Metric, MetricName, Series, Target } from "./types";

const REFRESH_MS = 5_000;
const POINTS = 240;
const SHORT_SECONDS = 300;
const RANGES: [string, number][] = [
  ["5 min", SHORT_SECONDS],
  ["15 min", 900],
  ["1 h", 3_600],
  ["6 h", 21_600],
  ["24 h", 86_400],
];

interface Props {
  id: string;
  now: number;
  act: Act;
  fail: (error: unknown) => void;
  undo: Undo;
  /** The newest decisions of all targets: tells when this one's must be read afresh. */
  decisions: Decision[] | null;
}

export function Detail({ id, now, act, fail, undo, decisions }: Props) {
  const [target, setTarget] = useState<Target | null>(null);
  const [gone, setGone] = useState<string | null>(null);
  const [own, setOwn] = useState<Decision[] | null>(null);
  const [metric, setMetric] = useState<MetricName>("cpu");
  const [range, setRange] = useState(3_600);
  const [chosen, setChosen] = useState(false);
  const [series, setSeries] = useState<Series | null>(null);

  useEffect(() => {
    setTarget(null);
    setOwn(null);
    setGone(null);
    const read = () =>
      api.target(id).then(setTarget, (error) => {
        if (error instanceof Problem && error.status === 404) setGone(error.message);
        else fail(error);
      });
    void read();
    const timer = setInterval(read, REFRESH_MS);
    return () => clearInterval(timer);
  }, [id]);
  useEffect(() => {
    const abort = new AbortController();
    setSeries(null);
    // A daemon that has just begun has nothing to fill an hour with: nobody chose that stretch yet, so a shorter one serves.
    const show = (read: Series) => {
      if (!chosen && range > SHORT_SECONDS && known(read) < POINTS / 8) setRange(SHORT_SECONDS);
      else setSeries(read);
    };
    const read = () =>
      api.series(id, metric, range, POINTS, abort.signal).then(show, (error) => {
        if (!abort.signal.aborted && !(error instanceof Problem && error.status === 404)) fail(error);
      });
    void read();
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [id, metric, range, chosen]);
  const newest = decisions?.filter((decision) => decision.target === id);
  const mark = newest?.map((one) => `${one.ticket}${one.outcome.state}${one.undone_by}`).join();
  useEffect(() => {
    api.decisions(id).then((page) => setOwn(page.decisions), fail);
  }, [id, mark]);

  const { name, place } = nameOf(id);
  useEffect(() => {
    document.title = `${name} · forerun`;
    return () => {
      document.title = "forerun";
    };
  }, [name]);
  const shown = target?.metrics.find((reading) => reading.metric === metric);
  return (
    <>
      <nav class="back">
        <a href="#/">← All targets</a>
      </nav>
      <div class="title detail-title">
        <h1>
          <span class="place">{place}</span>
          {name}
        </h1>
        {target && (
          <div class="labelled">
            <span class="small muted" aria-hidden="true">
              Mode of this target
            </span>
            <ModeSwitch
              label="Mode of this target"
              mode={target.mode}
              onMode={(mode) =>
                act(() => api.setMode(mode, id).then(() => api.target(id)).then(setTarget), `${name}: ${word(mode)} from now on.`)
              }
            />
          </div>
        )}
      </div>
      {gone && <p class="card empty">It is gone: {gone}.</p>}
      {target && (
        <>
          <About target={target} />
          <section class="card plot" aria-label="Use and forecast">
            <div class="tabs">
              <Choice
                label="Metric"
                options={target.metrics.map((one) => [word(one.metric), one.metric])}
                chosen={metric}
                onChoose={setMetric}
              />
              <Choice label="Stretch" options={RANGES} chosen={range} onChoose={(stretch: number) => { setChosen(true); setRange(stretch); }} />
            </div>
            <Plot name={name} series={series} metric={shown} />
          </section>
          <div class="columns">
            <div class="stack">
              <Knobs knobs={target.resources} />
              <Members metric={shown} />
            </div>
            <Decisions decisions={own} now={now} undo={undo} single mode={target.mode} />
          </div>
        </>
      )}
    </>
  );
}

function About({ target }: { target: Target }) {
  const { bounds } = target;
  const bound = (low: number | null, high: number | null, unit: string) =>
    low === null && high === null
      ? null
      : `${low === null ? "any" : amount(low, unit)} to ${high === null ? "any" : amount(high, unit)}`;
  const cpu = bound(bounds.cpu_cores_min, bounds.cpu_cores_max, "cores");
  const memory = bound(bounds.memory_bytes_min, bounds.memory_bytes_max, "bytes");
  return (
    <dl class="facts about">
      <Fact name="Kind" value={word(target.kind)} />
      <Fact name="Tier" value={word(target.tier)} />
      {target.application && <Fact name="Application" value={target.application} />}
      {cpu && <Fact name="CPU bounds" value={cpu} />}
      {memory && <Fact name="Memory bounds" value={memory} />}
      {target.throttled_share !== null && <Fact name="Throttled now" value={percent(target.throttled_share)} />}
      <Fact name="Out-of-memory kills" value={String(target.oom_kills)} />
    </dl>
  );
}

function Choice<T extends string | number>(props: {
  label: string;
  options: [string, T][];
  chosen: T;
  onChoose: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map(([name, value]) => (
        <button key={value} aria-pressed={value === props.chosen} onClick={() => props.onChoose(value)}>
          {name}
        </button>
      ))}
    </div>
  );
}

function Plot({ name, series, metric }: { name: string; series: Series | null; metric: Metric | undefined }) {
  if (!series || !metric) return <div class="chart ghost" aria-busy="true" />;
  if (series.t.length < 2) {
    return (
      <p class="empty">
        <strong>Nothing is known of this stretch yet.</strong> The first points appear about{" "}
        {span(Math.max(series.step_seconds * 2, 10))} after the target was first seen.
      </p>
    );
  }
  const { forecast } = metric;
  const peak = forecast && amount(forecast.quantiles.p99, metric.unit);
  const label = `${word(metric.metric)} of ${name}: ${amount(metric.current, metric.unit)} in use${peak ? `; the peak of the next ${span(forecast.horizon_seconds)} stays under ${peak} with 99 % probability` : ""}`;
  return (
    <>
      <p class="lead">
        <strong>{amount(metric.current, metric.unit)}</strong> in use.{" "}
        {forecast ? (
          <>
            Within {span(forecast.horizon_seconds)} the peak stays under <strong>{peak}</strong> with 99 % probability,
            says {word(forecast.member)}
            {forecast.coverage !== null && <>; {percent(forecast.coverage)} of its recent forecasts held</>}.
          </>
        ) : (
          <span class="muted">No forecast yet: it has not seen enough of this target.</span>
        )}
      </p>
      <FanChart series={series} forecast={forecast} label={label} />
    </>
  );
}

function Knobs({ knobs }: { knobs: Knob[] }) {
  return (
    <section aria-labelledby="knobs-title">
      <div class="title">
        <h2 id="knobs-title">Limits</h2>
      </div>
      <div class="card scroll">
        {knobs.length === 0 ? (
          <p class="empty">Nothing can be limited on this target; <code>forerun doctor</code> says why.</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">Limit</th>
                <th scope="col" class="number">In use</th>
                <th scope="col" class="number">Set</th>
                <th scope="col" class="number">Wanted</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {knobs.map((knob) => (
                <tr key={knob.resource}>
                  <th scope="row">{word(knob.resource)}</th>
                  <td class="number">{amount(knob.in_use, knob.unit)}</td>
                  <td class="number">{amount(knob.limit, knob.unit)}</td>
                  <td class="number">{amount(knob.recommended, knob.unit)}</td>
                  <td>
                    {knob.in_flight !== null ? `T${knob.in_flight} is being carried out` : (knob.wait_detail ?? "–")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}

function Members({ metric }: { metric: Metric | undefined }) {
  return (
    <section aria-labelledby="members-title">
      <div class="title">
        <h2 id="members-title">Who forecasts it</h2>
      </div>
      <div class="card members">
        {!metric || metric.members.length === 0 ? (
          <p class="empty">The methods compete as soon as there is enough history to test them on.</p>
        ) : (
          <ul>
            {metric.members.map((member) => (
              <li key={member.member}>
                <span>{word(member.member)}</span>
                <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="whole" width="100" height="6" />
                  <rect class="used" width={member.weight * 100} height="6" />
                </svg>
                <span class="number">{percent(member.weight)}</span>
                <span class="small muted">
                  {member.loss === null ? "not tested yet" : `misses by ${amount(member.loss, metric.unit)}`}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
