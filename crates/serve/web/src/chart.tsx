/** The fan chart: what was forecast, what was used, what the limit was, and what is forecast now. */

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { amount } from "./format";
import type { Forecast, Series } from "./types";

const HEIGHT = 320;

type Column = (number | null)[];
/** Columns in the order in which they are drawn; the bands name them by index. */
type Columns = [number[], Column, Column, Column, Column, Column, Column];
const [P99, P90, P50] = [1, 2, 3];

/** History, then the present forecast as a level stretch from now to its horizon: it is about the peak in there. */
function columns(series: Series, forecast: Forecast | null): Columns {
  const t = [...series.t];
  const [p99, p90, p50] = [[...series.p99], [...series.p90], [...series.p50]];
  const [use, limit] = [[...series.in_use], [...series.limit]];
  const last = t[t.length - 1];
  if (forecast && last !== undefined) {
    const { quantiles } = forecast;
    for (const at of [last + 1, last + forecast.horizon_seconds]) {
      t.push(at);
      p99.push(quantiles.p99);
      p90.push(quantiles.p90);
      p50.push(quantiles.p50);
      use.push(null);
      limit.push(limit[series.t.length - 1] ?? null);
    }
  }
  const throttled = t.map((_, index) => ((series.throttled_share[index] ?? 0) > 0.005 ? (use[index] ?? null) : null));
  return [t, p99, p90, p50, throttled, limit, use];
}

export function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Height for a width: flatter where there is little room. */
function height(width: number): number {
  return width < 560 ? 240 : HEIGHT;
}

interface Hooks {
  /** Where the past ends. */
  end: () => number;
  /** The point under the cursor, if there is one. */
  onPoint: (index: number | null) => void;
}

function options(unit: string, width: number, { end, onPoint }: Hooks): uPlot.Options {
  const axis = { stroke: css("--muted"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
  const font = "12px system-ui, sans-serif";
  const none = { show: false };
  const fan = { stroke: css("--fan"), width: 1, points: none };
  return {
    width,
    height: height(width),
    padding: [12, 20, 0, 0],
    cursor: { points: { size: 7 }, y: false },
    legend: { show: false },
    scales: { y: { range: (_, __, high) => [0, Math.max(high, Number.MIN_VALUE) * 1.08] } },
    axes: [
      { ...axis, font, size: 32, space: 70, values: (_, ticks) => ticks.map(clock) },
      { ...axis, font, size: unit === "cores" ? 48 : 78, values: (_, ticks) => ticks.map((tick) => amount(tick, unit, true)) },
    ],
    bands: [
      { series: [P99, P90], fill: css("--band-outer") },
      { series: [P90, P50], fill: css("--band-inner") },
    ],
    series: [
      {},
      { ...fan, dash: [4, 3] },
      { ...fan, width: 0 },
      fan,
      { stroke: css("--bad"), width: 0, points: { show: true, size: 6, fill: css("--bad") } },
      { stroke: css("--limit"), width: 2, points: none, paths: uPlot.paths.stepped!({ align: 1 }) },
      { stroke: css("--ink"), width: 1.75, points: none },
    ],
    hooks: {
      drawAxes: [(plot) => drawNow(plot, end())],
      setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)],
    },
  };
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Where the past ends and the forecast begins. */
function drawNow(plot: uPlot, now: number) {
  const x = plot.valToPos(now, "x", true);
  const { ctx, bbox } = plot;
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = css("--muted");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** What the lines are, with their values at the cursor, or at the end while there is none. */
function Legend({ series, data, at }: { series: Series; data: Columns; at: number | null }) {
  const last = series.t.length - 1;
  const index = at ?? last;
  const [t, p99, p90, p50, throttled, limit, use] = data;
  const value = (column: Column) => amount(column[index] ?? null, series.unit, true);
  const when = t[index] === undefined ? "" : index > last ? "ahead" : clock(t[index]);
  return (
    <ul class="legend values-at" aria-hidden="true">
      <li class="when">{at === null ? "latest" : when}</li>
      <li class="use">use {value(use)}</li>
      {limit.some((one) => one !== null) && <li class="limit">limit {value(limit)}</li>}
      {p99.some((one) => one !== null) && (
        <>
          <li class="p99">p99 {value(p99)}</li>
          <li class="band">p90 {value(p90)}</li>
          <li class="p50">p50 {value(p50)}</li>
        </>
      )}
      {throttled.some((one) => one !== null) && <li class="throttled">throttled</li>}
    </ul>
  );
}

export function FanChart({ series, forecast, label }: { series: Series; forecast: Forecast | null; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const data = columns(series, forecast);
  const latest = useRef(data);
  latest.current = data;
  const end = useRef(0);
  end.current = series.t[series.t.length - 1] ?? 0;

  useEffect(() => {
    const element = box.current!;
    const hooks = { end: () => end.current, onPoint: setAt };
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(series.unit, element.clientWidth, hooks), latest.current, element);
    };
    make();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    const resize = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (plot.current && width !== plot.current.width) plot.current.setSize({ width, height: height(width) });
    });
    resize.observe(element);
    return () => {
      dark.removeEventListener("change", make);
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [series.unit]);
  useEffect(() => plot.current?.setData(data), [series, forecast]);
  return (
    <>
      <Legend series={series} data={data} at={at} />
      <div class="chart" ref={box} role="img" aria-label={label} />
    </>
  );
}
