/** Figures and names as people read them. */

import type { Amount } from "./types";

const STEPS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  let step = 0;
  while (Math.abs(value) >= 1024 && step < STEPS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${STEPS[step]}`;
}

/** A value with its unit; `short` leaves out "cores" where the column says so. */
export function amount(value: Amount | null | undefined, unit: string, short = false): string {
  if (value === null || value === undefined) return "–";
  if (value === "unlimited") return "unlimited";
  switch (unit) {
    case "cores":
      return short ? value.toFixed(2) : `${value.toFixed(2)} cores`;
    case "bytes":
      return bytes(value);
    case "bytes_per_second":
      return `${bytes(value)}/s`;
    case "gpus":
      return `${value.toFixed(2)} GPUs`;
    default:
      return Number.isInteger(value) ? String(value) : value.toPrecision(3);
  }
}

export function percent(share: number): string {
  const value = Math.round(share * 1000) / 10;
  return `${Number.isInteger(value) ? value : value.toFixed(1)}\u00a0%`;
}

export function count(value: number): string {
  return value.toLocaleString("en", { notation: value >= 100_000 ? "compact" : "standard", maximumFractionDigits: 1 });
}

export function ago(time: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 10) return "just now";
  return `${span(seconds)} ago`;
}

export function span(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

/** Milliseconds with as many digits as tell something. */
export function milliseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(value >= 10_000 ? 0 : 1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** The unit in which so many gigabyte-hours are read best, and how many of it make one. */
export function hourUnit(gigabyteHours: number): [string, number] {
  if (gigabyteHours >= 0.1 || gigabyteHours === 0) return ["GB h", 1];
  return gigabyteHours >= 1e-4 ? ["MB h", 1e3] : ["kB h", 1e6];
}

/** Memory held over time, given in gigabyte-hours, with its unit. */
export function memoryHours(gigabyteHours: number): string {
  const [unit, scale] = hourUnit(gigabyteHours);
  const value = gigabyteHours * scale;
  return `${value === 0 ? "0" : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)}\u00a0${unit}`;
}

/** `cgroup:/system.slice/nginx.service` as its last part and where that is. */
export function nameOf(id: string): { name: string; place: string } {
  const cut = Math.max(id.lastIndexOf("/"), id.indexOf(":") + 1 === id.length ? -1 : id.lastIndexOf(":"));
  return { name: id.slice(cut + 1) || id, place: id.slice(0, cut + 1) };
}

const WORDS: Record<string, string> = {
  cpu: "CPU",
  mem: "Memory",
  disk_read: "Disk reads",
  disk_write: "Disk writes",
  net_rx: "Received",
  net_tx: "Sent",
  gpu: "GPU",
  gpu_mem: "GPU memory",
  app: "Application",
  cpu_quota: "CPU quota",
  cpu_weight: "CPU weight",
  memory_limit: "Memory limit",
  disk_read_bandwidth: "Read bandwidth",
  disk_write_bandwidth: "Write bandwidth",
  net_rx_bandwidth: "Receive bandwidth",
  net_tx_bandwidth: "Send bandwidth",
  warm_instances: "Warm instances",
  frozen_instances: "Frozen instances",
  best_effort: "best effort",
  own: "started by forerun",
  group: "control group",
  out_of_memory: "out of memory",
  hurt_after: "rolled back",
  changed_elsewhere: "changed elsewhere",
  would_harm: "would harm",
  target_gone: "target gone",
  no_capacity: "no capacity",
  budget_spent: "budget spent",
  in_flight: "in flight",
  held_elsewhere: "held elsewhere",
  fits: "fits",
};

/** A name of the API as a word. */
export function word(name: string): string {
  return WORDS[name] ?? name.replaceAll("_", " ");
}
