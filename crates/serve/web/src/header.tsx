/** The bar at the top: the host, whether events arrive, the mode, the kill switch. */

import { api } from "./api";
import type { Mode, Status } from "./types";

export type Act = (doing: () => Promise<unknown>, done: string) => Promise<void>;

const MODES: { mode: Mode; name: string; about: string; done: string }[] = [
  { mode: "observe", name: "Observe", about: "Forecast only", done: "forerun only forecasts now." },
  {
    mode: "recommend",
    name: "Recommend",
    about: "Decide and explain, change nothing",
    done: "forerun recommends now, and changes nothing.",
  },
  { mode: "act", name: "Act", about: "Decide and apply", done: "forerun applies its decisions now." },
];

/** Three modes of which one holds; arrow keys move between them, as in any group of radio buttons. */
export function ModeSwitch(props: { label: string; mode: Mode | undefined; onMode: (mode: Mode, done: string) => void }) {
  const group = props.label.replaceAll(" ", "-");
  return (
    <fieldset class="modes" disabled={props.mode === undefined}>
      <legend class="unseen">{props.label}</legend>
      {MODES.map(({ mode, name, about, done }) => (
        <label key={mode} title={about}>
          <input
            type="radio"
            name={group}
            value={mode}
            checked={props.mode === mode}
            onChange={() => props.onMode(mode, done)}
          />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface Props {
  status: Status | null;
  live: boolean;
  page: "targets" | "warm";
  act: Act;
  onLeave: () => void;
}

export function Header(props: Props) {
  const { status, live, page, act } = props;
  const kill = (engaged: boolean) =>
    act(
      () => api.setKillSwitch(engaged),
      engaged ? "Stopped: nothing is changed until you release it." : "Released: the mode holds again.",
    );
  return (
    <>
      <header class="bar">
        <a class="brand" href="#/" aria-label="forerun, to the overview">
          <img src="/icon.svg" alt="" width="26" height="26" />
          <span>forerun</span>
        </a>
        <nav class="pages" aria-label="Pages">
          <a href="#/" aria-current={page === "targets" ? "page" : undefined}>
            Targets
          </a>
          <a href="#/warm" aria-current={page === "warm" ? "page" : undefined}>
            Warm
          </a>
        </nav>
        <span class="host">{status?.host ?? ""}</span>
        <span class={live ? "live on" : "live"} role="status">
          {live ? "Live" : "Connecting…"}
        </span>
        <div class="controls">
          <ModeSwitch label="Mode" mode={status?.mode} onMode={(mode, done) => act(() => api.setMode(mode), done)} />
          {/* It stays where it is when pressed, so that a second press hits nothing else. */}
          <button
            class="danger"
            disabled={!status || status.kill_switch}
            onClick={() => kill(true)}
            title="Engage the kill switch"
          >
            {status?.kill_switch ? "Stopped" : "Stop all changes"}
          </button>
          <button class="quiet" onClick={props.onLeave}>
            Sign out
          </button>
        </div>
      </header>
      {status?.kill_switch && (
        <div class="killed" role="alert">
          <span>
            <strong>Kill switch engaged.</strong> Nothing is changed, whatever the mode. Limits stay as they are.
          </span>
          <button onClick={() => kill(false)}>Release</button>
        </div>
      )}
    </>
  );
}
