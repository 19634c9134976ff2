/** Hit rate against idle memory: a pool's own history under every lambda, with the one in force and the one looked at. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { css } from "./chart";
import { hourUnit, memoryHours } from "./format";
import type { CurvePoint } from "./types";

const HEIGHT = 250;

interface Props {
  /** By rising lambda. */
  points: CurvePoint[];
  current: CurvePoint;
  at: CurvePoint;
  onPoint: (point: CurvePoint) => void;
}

/** By rising idle memory, as the plot needs them. */
function ordered(points: CurvePoint[]): CurvePoint[] {
  return [...points].sort((one, other) => one.idle_gb_hours - other.idle_gb_hours || one.hit_percent - other.hit_percent);
}

function columns(points: CurvePoint[]): [number[], number[]] {
  return [points.map((point) => point.idle_gb_hours), points.map((point) => point.hit_percent)];
}

function most({ points }: Props): number {
  return Math.max(...points.map((point) => point.idle_gb_hours));
}

/** By what gigabyte-hours are multiplied for the axis. */
function scaleOf(props: Props): number {
  return hourUnit(most(props))[1];
}

/** The marks: dashed lines from the point looked at to the axes, a ring for the one in force, a disc for the other. */
function mark(plot: uPlot, { current, at }: Props) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const place = (point: CurvePoint): [number, number] => [
    plot.valToPos(point.idle_gb_hours, "x", true),
    plot.valToPos(point.hit_percent, "y", true),
  ];
  const circle = ([x, y]: [number, number], radius: number) => {
    ctx.beginPath();
    ctx.arc(x, y, radius * ratio, 0, 2 * Math.PI);
  };
  const [x, y] = place(at);
  ctx.save();
  ctx.strokeStyle = css("--accent");
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top + bbox.height);
  ctx.lineTo(x, y);
  ctx.lineTo(bbox.left, y);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = css("--accent");
  circle([x, y], 5);
  ctx.fill();
  ctx.strokeStyle = css("--ink");
  ctx.lineWidth = 2 * ratio;
  circle(place(current), 8);
  ctx.stroke();
  ctx.restore();
}

function options(width: number, latest: { current: Props }): uPlot.Options {
  const axis = { stroke: css("--muted"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
  const font = "12px system-ui, sans-serif";
  return {
    width,
    height: HEIGHT,
    padding: [12, 16, 0, 0],
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: {
      // Lambda spans orders of magnitude, and what is worth looking at lies where memory is still cheap: the root gives it room.
      x: {
        time: false,
        distr: 100,
        fwd: Math.sqrt,
        bwd: (root) => root * root,
        range: () => [0, most(latest.current) * 1.04 || 1],
      },
      y: { range: (_, low) => [Math.max(0, Math.floor(Math.min(low, 99) / 10) * 10), 101] },
    },
    axes: [
      {
        ...axis,
        font,
        size: 30,
        splits: () => roots(most(latest.current) * 1.04),
        filter: (_, ticks) => ticks,
        values: (_, ticks) => ticks.map((tick) => String(Number((tick * scaleOf(latest.current)).toPrecision(1)))),
      },
      {
        ...axis,
        font,
        size: 52,
        splits: (_, __, low, high) => percents(low, high),
        values: (_, ticks) => ticks.map((tick) => `${tick} %`),
      },
    ],
    series: [
      {},
      {
        stroke: css("--fan"),
        width: 1.75,
        points: { show: true, size: 5, fill: css("--fan"), stroke: css("--fan") },
      },
    ],
    hooks: { draw: [(plot) => mark(plot, latest.current)] },
  };
}

/** Round figures that stand apart on an axis of roots. */
function roots(high: number): number[] {
  const ticks = [0];
  if (!(high > 0)) return ticks;
  let free = 0;
  for (let decade = Math.floor(Math.log10(high)) - 2; decade <= Math.log10(high); decade += 1) {
    for (const digit of [1, 2, 5]) {
      const tick = digit * 10 ** decade;
      const place = Math.sqrt(tick / high);
      if (place - free < 0.16 || place > 1) continue;
      ticks.push(tick);
      free = place;
    }
  }
  return ticks;
}

/** Whole tens, or less where the curve is flat; never above 100. */
function percents(low: number, high: number): number[] {
  const step = high - low > 60 ? 20 : high - low > 25 ? 10 : high - low > 12 ? 5 : 2;
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= Math.min(high, 100); tick += step) ticks.push(tick);
  return ticks;
}

export function Curve(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const { points, current, at } = props;
  const shape = points.map((point) => `${point.hit_percent}/${point.idle_gb_hours}`).join();

  useEffect(() => {
    const element = box.current!;
    const make = () => {
      plot.current?.destroy();
      const data = columns(ordered(latest.current.points));
      plot.current = new uPlot(options(element.clientWidth, latest), data, element);
    };
    make();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    const resize = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (plot.current && width !== plot.current.width) plot.current.setSize({ width, height: HEIGHT });
    });
    resize.observe(element);
    return () => {
      dark.removeEventListener("change", make);
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(columns(ordered(points))), [shape]);
  useEffect(() => plot.current?.redraw(false), [current, at]);

  const press = () => {
    const point = ordered(points)[plot.current?.cursor.idx ?? -1];
    if (point) props.onPoint(point);
  };
  const label = `Hits against idle memory for ${points.length} lambdas: ${current.hit_percent.toFixed(1)} % and ${memoryHours(current.idle_gb_hours)} now`;
  return (
    <>
      <ul class="legend curve-legend" aria-hidden="true">
        <li class="hits-against">hits against idle {hourUnit(most(props))[0]}</li>
        <li class="now-ring">now</li>
        <li class="at-disc">at the slider</li>
      </ul>
      <div class="chart curve" ref={box} role="img" aria-label={label} onClick={press} />
    </>
  );
}
